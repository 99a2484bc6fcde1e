"""What flows through the network: activations forward, gradients back, and the real change of
the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from recipe_widgets.checks.check_decorator import CannotTellError, check
from recipe_widgets.checks.check_subject import Subject
from recipe_widgets.checks.training_copy import (
    adam,
    loss_on,
    model_copy,
    to_train,
    train_as_given,
    train_plainly,
    training_copy,
)
from recipe_widgets.core.validation import real, whole
from recipe_widgets.rules.dead_units import DeadUnits
from recipe_widgets.rules.filters_smooth import FirstFilters
from recipe_widgets.rules.gradient_norms import LayerGradients
from recipe_widgets.rules.recurrent_spectrum import RecurrentRadii
from recipe_widgets.rules.saturation import Saturation
from recipe_widgets.rules.update_ratio import WeightUpdates

# Distance from the middle, 0 to 1, of what a squashing function gives.
_SQUASH = {"tanh": lambda values: values.abs(), "sigmoid": lambda values: (2 * values - 1).abs()}


class Activations(TorchDispatchMode):
    """Calls `see(name, values)` for each relu, tanh and sigmoid, whether a module or a function
    made it.

    Names count within one forward pass, "relu 1", "relu 2": call `again()` before each.
    """

    def __init__(self, see: Callable[[str, torch.Tensor], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._see = see
        self._count: dict[str, int] = {}

    def again(self) -> None:
        self._count = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        kind = func.overloadpacket.__name__.rstrip("_")
        if kind in ("relu", "tanh", "sigmoid") and isinstance(out, torch.Tensor) and out.ndim > 1:
            self._count[kind] = self._count.get(kind, 0) + 1
            self._see(f"{kind} {self._count[kind]}", out)
        return out


def _by_unit(values: torch.Tensor) -> torch.Tensor:
    """(values, units): channels of (N, C, ...) with 2, 4 or 5 axes, the last axis of (N, T, C)."""
    values = values if values.ndim in (2, 3) else values.movedim(1, -1)
    return values.reshape(-1, values.shape[-1])


def _watched(target: Subject, see: Callable[[str, torch.Tensor], None], steps: int) -> int:
    """Shows `see` all activations over the batches after a few training steps; gives the number
    of samples.
    """
    model = to_train(model_copy(target))
    # after some steps: units die by steps, not by their start
    if any(parameter.requires_grad for parameter in model.parameters()):
        train_plainly(target, model, adam(model), target.batches, steps, 2.0)
    mode = Activations(see)
    with torch.no_grad():
        for x, _ in target.batches:
            mode.again()
            with mode:
                model(x)
    return sum(len(y) for _, y in target.batches)


@check(stage="signals", place=1)
def dead_units(target: Subject, *, steps: Annotated[int, whole(0, 1000)] = 3) -> DeadUnits:
    """Units whose output is exactly zero for all samples of all batches.

    Many zeros alone are healthy: a sparse ReLU layer has no dead units.
    """
    largest: dict[str, torch.Tensor] = {}

    def see(name: str, values: torch.Tensor) -> None:
        top = _by_unit(values).abs().amax(0)  # (units,) largest output of each
        if name.startswith(("relu", "tanh")) and largest.setdefault(name, top).shape == top.shape:
            largest[name] = torch.maximum(largest[name], top)

    samples = _watched(target, see, steps)
    return DeadUnits(
        {name: float((top == 0).float().mean()) for name, top in largest.items() if len(top) > 3},
        samples)


@check(stage="signals", place=2)
def saturation(target: Subject, *, steps: Annotated[int, whole(0, 1000)] = 3,
               level: Annotated[float, real(0, 1)] = 0.97) -> Saturation:
    """tanh and sigmoid units beyond `level` on most samples. Bounded outputs of the network
    itself do not count.
    """
    high: dict[str, list[torch.Tensor]] = {}
    ends = target.logits(_output(target)).shape

    def see(name: str, values: torch.Tensor) -> None:
        squash = _SQUASH.get(name.split()[0])
        if squash is not None and values.shape[1:] != ends[1:]:  # not the outputs of the network
            high.setdefault(name, []).append((squash(_by_unit(values)) > level).float().mean(0))

    _watched(target, see, steps)
    shares = {
        name: float((torch.stack(parts).mean(0) > 0.5).float().mean())
        for name, parts in high.items()
        if len({len(part) for part in parts}) == 1
    }
    return Saturation(shares)


def _output(target: Subject) -> Any:
    with torch.no_grad():
        return to_train(model_copy(target))(target.x)


@check(stage="signals", place=3)
def gradient_norms(target: Subject, *, steps: Annotated[int, whole(0, 1000)] = 3) -> LayerGradients:
    """Size of the gradient of each weight tensor after a few steps: does it vanish or explode
    with depth?
    """
    model = to_train(model_copy(target))
    train_plainly(target, model, adam(model), target.batches, steps, 2.0)
    named = {
        name: parameter for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.ndim > 1
    }
    if not named:
        raise CannotTellError("no weights require a gradient")
    total = dict.fromkeys(named, 0.0)
    for x, y in target.batches[:4]:
        grads = torch.autograd.grad(target.loss(model, x, y), list(named.values()),
                                    allow_unused=True)
        for name, grad in zip(named, grads, strict=True):
            total[name] += 0.0 if grad is None else float(grad.pow(2).mean())
    return LayerGradients(
        {name: (value / len(target.batches[:4]))**0.5 for name, value in total.items()})


@check(stage="loop", place=3)
def update_ratio(target: Subject, *, steps: Annotated[int, whole(1, 10**6)] = 12,
                 seconds: Annotated[float, real(0)] = 2.0) -> WeightUpdates:
    """How far the parameters really move in a step of the reader's own training, relative to their
    size.

    It is the change that is measured, not the gradient: momentum, Adam, clipping and scaled losses
        all count.
    """
    made = training_copy(target)
    if made.optimizer is None and made.train_step is None:
        raise CannotTellError("needs an optimiser")
    to_train(made.model)
    named = {name: p for name, p in made.model.named_parameters() if p.requires_grad}
    if not named:
        raise CannotTellError("the whole model is frozen")
    last = {name: parameter.detach().clone() for name, parameter in named.items()}
    ratios: dict[str, list[float]] = {}
    moved = False

    def look() -> None:
        nonlocal moved
        for name, parameter in named.items():
            change, size = float((parameter.detach() - last[name]).norm()), float(last[name].norm())
            moved = moved or change > 0
            # biases start at zero and move far relative to that
            if parameter.ndim > 1 and size > 0 and (change > 0 or parameter.grad is not None):
                ratios.setdefault(name, []).append(change / size)
            last[name] = parameter.detach().clone()

    before = loss_on(target, made.model, target.batches)
    train_as_given(target, made, target.batches, steps, seconds, look)
    helped = loss_on(target, to_train(made.model), target.batches) < 0.8 * before
    return WeightUpdates({name: np.array(values) for name, values in ratios.items()}, moved, helped)



@check(stage="signals", place=4)
def filters_smooth(target: Subject, *, trained: bool = False) -> FirstFilters:
    """Are the filters of the first convolution smooth? Judged with `trained=True` only; before,
    they are noise.
    """
    first = next((m for m in target.model.modules() if isinstance(m, nn.Conv2d)), None)
    if first is None or min(first.kernel_size) < 3:
        raise CannotTellError("no convolution of 3x3 or more")
    w = first.weight.detach().double()
    w = w - w.mean((2, 3), keepdim=True)  # (K, C, H, W) without the mean of each filter
    pairs = [(w[..., :-1], w[..., 1:]), (w[..., :-1, :], w[..., 1:, :])]
    correlation = sum(float((values * right).mean())
                      for values, right in pairs) / 2 / max(1e-12, float(w.pow(2).mean()))
    cells = int(np.prod(first.kernel_size))
    # Noise, once its mean is taken away, has a correlation of -1 / (cells - 1).
    return FirstFilters(correlation + 1 / (cells - 1), w.cpu().numpy(), trained)


@check(stage="signals", place=5)
def recurrent_spectrum(target: Subject) -> RecurrentRadii:
    """Spectral radius of the recurrent matrices: much above one explodes, far below one forgets."""
    radii: dict[str, float] = {}
    gated = True
    for path, module in target.model.named_modules():
        if not isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
            continue
        gated = gated and not isinstance(module, (nn.RNN, nn.RNNCell))
        for name, parameter in module.named_parameters():
            if name.startswith("weight_hh"):
                # an LSTM stacks four square matrices, a GRU three
                blocks = parameter.detach().double().cpu().split(parameter.shape[1])
                for i, block in enumerate(blocks):
                    radii[f"{path}.{name}[{i}]"] = float(torch.linalg.eigvals(block).abs().max())
    if not radii:
        raise CannotTellError("no recurrent layer")
    return RecurrentRadii(radii, gated)
