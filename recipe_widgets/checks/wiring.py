"""Is everything connected: optimiser to parameters, loss to parameters, bias to output."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import torch
from torch import nn

from recipe_widgets.checks.runner import (
    CannotTellError,
    adam,
    bench,
    check,
    descend,
    duplicate,
    model_copy,
    new_model,
    seeded,
    to_train,
)
from recipe_widgets.checks.subject import Subject
from recipe_widgets.core import CheckResult
from recipe_widgets.core.validation import whole
from recipe_widgets.rules import wiring as judge

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)


@check("fail")
def optimizer_covers_model(target: Subject) -> CheckResult:
    """Does the optimiser hold exactly the parameters that learn? Also finds layers kept in a plain
    Python list.

    Parameters without a gradient (frozen, or not in the path) need not be in it.
    """
    made = bench(target)
    hidden = _unregistered(made.model)
    to_train(made.model)
    reached = _reached(target, made.model, [p for _, p in hidden])
    unregistered = [name for name, p in hidden if id(p) in reached]
    if made.optimizer is None:
        if unregistered:
            return judge.optimizer_covers_model([], 0, unregistered, 1)
        raise CannotTellError("no optimiser was given")
    named = dict(made.model.named_parameters())
    mine = {id(p) for p in named.values()}
    held = [id(p) for group in made.optimizer.param_groups for p in group["params"]]
    missing = [name for name, p in named.items() if id(p) not in held and id(p) in reached]
    return judge.optimizer_covers_model(missing, len([h for h in held if h not in mine]),
                                        unregistered, len(mine.intersection(held)),
                                        len(held) - len(set(held)))


def _reached(target: Subject, model: nn.Module, more: Iterable[nn.Parameter]) -> set[int]:
    """ids of the parameters that get a gradient from the first batch."""
    parameters = [p for p in (*model.parameters(), *more) if p.requires_grad]
    loss = target.loss(model, *target.few)
    if not parameters or not loss.requires_grad:
        return set()
    grads = torch.autograd.grad(loss, parameters, allow_unused=True)
    return {id(p) for p, grad in zip(parameters, grads, strict=True) if grad is not None}


def _unregistered(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Parameters inside lists, tuples and dicts of a module, where PyTorch does not see them."""
    known = {id(p) for p in model.parameters()}
    found: list[tuple[str, nn.Parameter]] = []
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name in ("_parameters", "_modules",
                        "_buffers") or not isinstance(value, (list, tuple, dict)):
                continue
            for key, part in value.items() if isinstance(value, dict) else enumerate(value):
                where = f"{path}.{name}".lstrip(".") + f"[{key!r}]"
                inside = part.named_parameters(
                    prefix=where) if isinstance(part, nn.Module) else [(where, part)]
                found += [(full, p)
                          for full, p in inside
                          if isinstance(p, nn.Parameter) and id(p) not in known]
    return found


@check("fail")
def gradients_flow(target: Subject, *, steps: Annotated[int, whole(0, 1000)] = 3) -> CheckResult:
    """Does a gradient come back to every parameter that matters? Looked at again after some steps,
    since a head that starts at zero sends none to the trunk at first.

    A parameter without gradient is accused only when changing it changes the loss; otherwise it is
    merely unused.
    """
    model = to_train(model_copy(target))
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    first = target.loss(model, *target.batches[0])
    if not first.requires_grad:
        if not named:
            return CheckResult("gradients_flow", "note", "the whole model is frozen")
        return judge.gradients_flow([], [], [], [], False, no_graph=True)
    flat = all(_all_zero(target, model, batch, named.values()) for batch in target.batches)
    if flat and float(first) != 0.0:
        return judge.gradients_flow([], [], [], [], True, False)
    descend(target, model, adam(model), target.batches, steps, 3.0)
    grads = _grads(target, model, target.batches, named)
    none = [name for name, grad in grads.items() if grad is None]
    zero = [
        name for name, grad in grads.items()
        if grad is not None and named[name].ndim > 1 and not grad
    ]
    moving = [name for name in none if _moves_loss(target, model, name)]
    zero = [] if flat else zero
    return judge.gradients_flow(moving, zero, _random_frozen(target, model, frozen),
                                [name for name in none if name not in moving], False, False)


def _all_zero(target: Subject, model: nn.Module, batch: Any,
              parameters: Iterable[nn.Parameter]) -> bool:
    grads = torch.autograd.grad(target.loss(model, *batch), list(parameters), allow_unused=True)
    return not any(grad is not None and bool(grad.any()) for grad in grads)


def _grads(target: Subject, model: nn.Module, batches: Any,
           named: dict[str, nn.Parameter]) -> dict[str, float | None]:
    """Largest gradient of each parameter over the batches; None where none ever came."""
    largest: dict[str, float | None] = dict.fromkeys(named)
    for x, y in batches[:4]:
        grads = torch.autograd.grad(target.loss(model, x, y), list(named.values()),
                                    allow_unused=True)
        for name, grad in zip(named, grads, strict=True):
            if grad is not None:
                largest[name] = max(largest[name] or 0.0, float(grad.abs().max()))
    return largest


def _moves_loss(target: Subject, model: nn.Module, name: str) -> bool:
    """Does another value of this parameter change the loss?"""
    other = duplicate(model)
    p = dict(other.named_parameters())[name]
    with torch.no_grad():
        p.add_(
            torch.randn(p.shape, generator=torch.Generator().manual_seed(0)).to(p) *
            (p.abs().mean() + 0.1))
    values = []
    for each in (duplicate(model), other):
        with seeded(), torch.no_grad():
            values.append(float(target.loss(each, *target.few)))
    return abs(values[0] - values[1]) > 1e-4 * max(1e-3, abs(values[0]))


def _random_frozen(target: Subject, model: nn.Module, frozen: list[str]) -> list[str]:
    """Frozen weights whose values differ between two initialisations, and which the loss depends
    on.
    """
    if target.factory is None or not frozen:
        return []
    pair = [dict(new_model(target, seed).named_parameters()) for seed in (1, 2)]
    return [name for name in frozen if name in pair[0] and pair[0][name].ndim > 1
            and not torch.equal(pair[0][name], pair[1][name]) and _moves_loss(target, model, name)]


@check("note")
def bias_before_norm(target: Subject) -> CheckResult:
    """Is there a bias in front of a BatchNorm, which subtracts it again? Harmless: never more
    than a note.
    """
    model = to_train(model_copy(target))
    makers: dict[int, str] = {}
    kept: list[torch.Tensor] = []  # alive, so that no id is used twice
    found: list[str] = []

    def makes(name: str) -> Callable[..., None]:
        def see(_module: nn.Module, _args: Any, out: torch.Tensor) -> None:
            kept.append(out)
            makers[id(out)] = name

        return see

    def takes(_module: nn.Module, args: Any) -> None:
        found.extend(makers[id(part)] for part in args[:1] if id(part) in makers)

    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)) and module.bias is not None:
            module.register_forward_hook(makes(name))
        elif isinstance(module, _NORMS):
            module.register_forward_pre_hook(takes)
    with torch.no_grad():
        model(target.few[0])
    return judge.bias_before_norm(list(dict.fromkeys(found)))
