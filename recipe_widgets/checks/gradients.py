"""Is everything connected: optimiser to parameters, loss to parameters, bias to output; and is the
gradient the derivative?
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import nn

from recipe_widgets.checks.check_decorator import CannotTellError, check
from recipe_widgets.checks.check_subject import Subject
from recipe_widgets.checks.shared_passes import (
    LEVEL,
    first_gradients,
    signals_after,
    warmed_up,
)
from recipe_widgets.checks.training_copy import (
    clock,
    duplicate,
    fresh_model,
    model_copy,
    seeded,
    to_train,
    training_copy,
)
from recipe_widgets.core import CheckResult
from recipe_widgets.core.validation import real, whole
from recipe_widgets.rules.bias_before_norm import BiasesBeforeNorm
from recipe_widgets.rules.gradient_check import GradientErrors
from recipe_widgets.rules.gradients_flow import GradientReach
from recipe_widgets.rules.optimizer_covers_model import OptimizerContents

_AGREES = 1e-5  # relative difference of a slope that is right beyond doubt
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)


@check(stage="gradients", place=1)
def optimizer_covers_model(target: Subject) -> OptimizerContents:
    """Does the optimiser hold exactly the parameters that learn? Also finds layers kept in a plain
    Python list.

    Parameters without a gradient (frozen, or not in the path) need not be in it.
    """
    made = training_copy(target)
    hidden = _unregistered(made.model)
    to_train(made.model)
    named = dict(made.model.named_parameters())
    # ids of what gets a gradient, lists of layers included
    reached = _reached(target, made.model, [parameter for _, parameter in hidden]) if hidden else {
        id(named[name]) for name in first_gradients(target).reached
    }
    unregistered = [name for name, parameter in hidden if id(parameter) in reached]
    if made.optimizer is None:
        if unregistered:
            return OptimizerContents(held=1, unregistered=unregistered)
        raise CannotTellError("no optimiser was given")
    mine = {id(parameter) for parameter in named.values()}
    held = [id(p) for group in made.optimizer.param_groups for p in group["params"]]
    missing = [name for name, p in named.items() if id(p) not in held and id(p) in reached]
    return OptimizerContents(held=len(mine.intersection(held)), missing=missing,
                             stale=len([h for h in held if h not in mine]),
                             unregistered=unregistered, twice=len(held) - len(set(held)))


def _reached(target: Subject, model: nn.Module, more: Iterable[nn.Parameter]) -> set[int]:
    """ids of the parameters, these included, that get a gradient from a few samples."""
    parameters = [p for p in (*model.parameters(), *more) if p.requires_grad]
    loss = target.loss(model, *target.few)
    if not parameters or not loss.requires_grad:
        return set()
    grads = torch.autograd.grad(loss, parameters, allow_unused=True)
    return {id(p) for p, grad in zip(parameters, grads, strict=True) if grad is not None}


def _unregistered(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Parameters inside lists, tuples and dicts of a module, where PyTorch does not see them."""
    known = {id(parameter) for parameter in model.parameters()}
    found: list[tuple[str, nn.Parameter]] = []
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name in ("_parameters", "_modules",
                        "_buffers") or not isinstance(value, (list, tuple, dict)):
                continue
            # layers in a plain list or dict: PyTorch does not register them
            for key, part in value.items() if isinstance(value, dict) else enumerate(value):
                where = f"{path}.{name}".lstrip(".") + f"[{key!r}]"
                inside = part.named_parameters(
                    prefix=where) if isinstance(part, nn.Module) else [(where, part)]
                found += [(full, parameter)
                          for full, parameter in inside
                          if isinstance(parameter, nn.Parameter) and id(parameter) not in known]
    return found


@check(stage="gradients", place=2)
def gradients_flow(target: Subject, *,
                   steps: Annotated[int, whole(0, 1000)] = 3) -> GradientReach | CheckResult:
    """Does a gradient come back to every parameter that matters? Looked at again after some steps,
    since a head that starts at zero sends none to the trunk at first.

    A parameter without gradient is accused only when changing it changes the loss; otherwise it is
    merely unused.
    """
    named = {name: p for name, p in target.model.named_parameters() if p.requires_grad}
    frozen = [name for name, p in target.model.named_parameters() if not p.requires_grad]
    first = first_gradients(target)
    if not first.graph:
        if not named:
            return CheckResult("gradients_flow", "note", "the whole model is frozen")
        return GradientReach(no_graph=True)
    # zero for a few samples may be chance, zero for all batches is none
    flat = not any(first.reached.values()) and _all_zero(target)
    if flat and first.loss != 0.0:
        return GradientReach(all_zero=True)
    model = warmed_up(target, steps)
    grads = signals_after(target, steps, LEVEL).grad_most
    none = [name for name, grad in grads.items() if grad is None]
    zero = [
        name for name, grad in grads.items()
        if grad is not None and named[name].ndim > 1 and not grad  # biases before a norm have none
    ]
    moving = [name for name in none if _moves_loss(target, model, name)]
    zero = [] if flat else zero
    return GradientReach(detached=moving, zero=zero,
                         random_frozen=_random_frozen(target, model, frozen),
                         unused=[name for name in none if name not in moving])


def _all_zero(target: Subject) -> bool:
    """Is the gradient of every batch zero?"""
    model = to_train(model_copy(target))
    parameters = [p for p in model.parameters() if p.requires_grad]
    for x, y in target.batches:
        grads = torch.autograd.grad(target.loss(model, x, y), parameters, allow_unused=True)
        if any(grad is not None and bool(grad.any()) for grad in grads):
            return False
    return True


def _moves_loss(target: Subject, model: nn.Module, name: str) -> bool:
    """Does another value of this parameter change the loss?"""
    other = duplicate(model)
    parameter = dict(other.named_parameters())[name]
    with torch.no_grad():  # noise of the parameter's own size
        parameter.add_(
            torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)).to(parameter) *
            (parameter.abs().mean() + 0.1))
    values = []
    for each in (duplicate(model), other):
        with seeded(), torch.no_grad():
            values.append(float(target.loss(each, *target.few)))
    # more than rounding of a float32 loss
    return abs(values[0] - values[1]) > 1e-4 * max(1e-3, abs(values[0]))


def _random_frozen(target: Subject, model: nn.Module, frozen: list[str]) -> list[str]:
    """Frozen weights whose values differ between two initialisations, and which the loss depends
    on.
    """
    if target.factory is None or not frozen:
        return []
    pair = [dict(fresh_model(target, seed).named_parameters()) for seed in (1, 2)]
    return [name for name in frozen if name in pair[0] and pair[0][name].ndim > 1
            and not torch.equal(pair[0][name], pair[1][name]) and _moves_loss(target, model, name)]


@check(stage="gradients", place=3)
def gradient_check(target: Subject, *, h: Annotated[float | None, real(0, 1, above=True)] = None,
                   directions: Annotated[int, whole(1, 1000)] = 4,
                   tensors: Annotated[int, whole(1, 10**6)] = 24,
                   warmup: Annotated[int, whole(0, 1000)] = 3,
                   seconds: Annotated[float, real(0)] = 2.0) -> GradientErrors:
    """Is the gradient the derivative? In float64, by central differences along random directions of
    each tensor.

    Args:
        h: length of the step relative to the root mean square of the tensor; chosen when None:
            1e-5, with the directions dropped that cross a kink there (their difference changes with
            h).
        warmup: training steps before, since gradients at the start may be zero.

    The error is one of norms over all directions of a tensor, not of single entries, where rounding
    shows (a right tanh net has single entries of 1e-6 at h = 1e-6). Norms and dropout are in eval
    mode. Source: CS231n.
    """
    model = duplicate(warmed_up(target, warmup)).double().eval()
    # four samples in float64: differences of 1e-5 need 10 good digits
    x, y = (part[:4].double() if part.is_floating_point() else part[:4]
            for part in target.batches[0])

    def loss() -> torch.Tensor:
        with seeded():  # dropout would change from call to call
            return target.loss(model, x, y)

    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if x.is_floating_point():
        named = {**named, "x": x.requires_grad_()}  # type: ignore[dict-item]
    names = list(named) if len(named) <= tensors else [
        list(named)[i * len(named) // tensors] for i in range(tensors)
    ]
    value = loss()
    if not value.requires_grad or value.dtype != torch.float64:
        raise CannotTellError("the model does not compute in float64" if value.requires_grad else
                              "the loss has no gradient")
    grads = dict(
        zip(named, torch.autograd.grad(value, list(named.values()), allow_unused=True),
            strict=True))
    errors, dropped, over = {}, 0, clock(seconds)
    probe = _Probe(loss, float(value.detach()), h or 1e-5)
    for name in names:
        grad = grads[name]
        if grad is None or over():
            continue
        error, kinks = _error(probe, named[name], grad, directions)
        dropped += kinks
        if error is not None:
            errors[name] = error
    return GradientErrors(errors, h or 1e-5, dropped)


@dataclass(frozen=True)
class _Probe:
    """A loss without arguments, its value here, and the step of differences."""

    loss: Callable[[], torch.Tensor]
    here: float
    h: float


def _error(probe: _Probe, parameter: nn.Parameter | torch.Tensor, grad: torch.Tensor,
           directions: int) -> tuple[float | None, int]:
    """Relative error over random directions, and how many were dropped because of kinks. Two
    directions are enough where both agree beyond doubt: a wrong gradient is wrong along any.
    """
    g = torch.Generator().manual_seed(0)
    analytic, numeric, kinks, agreed = [], [], 0, 0
    # the length of a step is relative to the tensor's root mean square
    size = float(parameter.detach().pow(2).mean().sqrt()) or 1.0
    for _ in range(directions):
        direction = torch.randn(parameter.shape, generator=g, dtype=torch.float64).to(parameter)
        # longer for larger tensors, or the change of the loss drowns in rounding
        length = max(1.0, parameter.numel()**0.5)**0.5 * size
        direction = direction / direction.norm() * length
        slope = float((grad * direction).sum())
        ahead, behind = _slopes(probe, parameter, direction, probe.h)
        central = (ahead + behind) / 2
        if abs(central - slope) <= _AGREES * abs(slope):
            agreed += 1
        else:  # wrong, or a kink: look nearer
            near, back = _slopes(probe, parameter, direction, probe.h / 8)
            closer = (near + back) / 2
            # also a tie at this very point
            bent = abs(near - back) > 1e-3 * (abs(near) + abs(back)) + 1e-6 * size
            if bent or abs(central - closer) > 1e-3 * abs(closer) + 1e-8 * size:
                kinks += 1  # a ReLU switches between here and there: no derivative to compare
                continue
        analytic.append(slope)
        numeric.append(central)
        if agreed == len(analytic) == 2:
            break
    if not analytic:
        return None, kinks
    a, n = torch.tensor(analytic), torch.tensor(numeric)
    total = float(a.norm() + n.norm())
    noise = 1e-7 * max(size, 1e-3)  # rounding of the loss over 2 h: gradients below are zero
    return (0.0 if total < noise else float((a - n).norm()) / total), kinks


def _slopes(probe: _Probe, parameter: torch.Tensor, direction: torch.Tensor,
            h: float) -> tuple[float, float]:
    """(L(p + h v) - L(p)) / h and (L(p) - L(p - h v)) / h; p comes back bit for bit. Their mean
    is the central one.
    """
    start = parameter.detach().clone()
    values = []
    with torch.no_grad():
        for sign in (1.0, -1.0):
            parameter.copy_(start + sign * h * direction)
            values.append(float(probe.loss()))
        parameter.copy_(start)
    return (values[0] - probe.here) / h, (probe.here - values[1]) / h


@check(stage="gradients", place=4)
def bias_before_norm(target: Subject) -> BiasesBeforeNorm:
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

    modules = list(model.named_modules())
    norms = [module for _, module in modules if isinstance(module, _NORMS)]
    biased = [(name, module) for name, module in modules
              if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd))
              and module.bias is not None]
    for name, module in biased:
        module.register_forward_hook(makes(name))
    for norm in norms:
        norm.register_forward_pre_hook(takes)
    if norms and biased:
        with torch.no_grad():
            model(target.x[:2])
    return BiasesBeforeNorm(list(dict.fromkeys(found)))
