"""Passes and training steps that several checks look at; in a `run_all` each is made once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from recipe_widgets.checks.check_subject import Batch, Subject
from recipe_widgets.checks.model_copies import copy_together
from recipe_widgets.checks.sharing import shared
from recipe_widgets.checks.training_copy import (
    adam,
    fresh_model,
    loss_on,
    model_copy,
    seeded,
    steps_as_given,
    to_train,
    train_plainly,
    training_copy,
)

LEVEL = 0.97  # of a tanh, from which on it is saturated
MOST_BATCHES = 4  # that are looked at before any step, and for gradients
_FIRST = 32  # samples that the model sees before any step, a fresh initialisation half of them
_GRADIENTS = 32  # samples whose gradients are looked at after some steps
RATIOS_OF = 12  # first steps of the reader's training whose size is noted
# Distance from the middle, 0 to 1, of what a squashing function gives.
_SQUASH = {"tanh": lambda values: values.abs(), "sigmoid": lambda values: (2 * values - 1).abs()}


def first_outputs(target: Subject, seed: int | None = None) -> list[Any]:
    """Outputs in training mode of the first batches, by the model as it is or by a fresh
    initialisation.

    Raises:
        CannotTellError: there is no factory for a fresh one.
    """
    return _first_outputs(target, seed)


@shared
def _first_outputs(target: Subject, seed: int | None) -> list[Any]:
    model = model_copy(target) if seed is None else fresh_model(target, seed)
    if seed is not None and _equal(model, target.model):
        return first_outputs(target)
    to_train(model)
    # the mean of a first loss hardly varies
    samples = _FIRST if seed is None else _FIRST // 2
    most = max(1, min(MOST_BATCHES, samples // len(target.x)))
    with torch.no_grad():
        return [model(x) for x, _ in target.batches[:most]]


def first_loss(target: Subject, seed: int | None = None) -> list[float]:
    """Of each of these batches."""
    pairs = zip(first_outputs(target, seed), target.batches, strict=False)
    return [float(target.loss_fn(output, y)) for output, (_, y) in pairs]


def _equal(model: nn.Module, other: nn.Module) -> bool:
    """Have they the same parameters and buffers?"""
    mine, theirs = ([*each.named_parameters(), *each.named_buffers()] for each in (model, other))
    return len(mine) == len(theirs) and all(
        a[0] == b[0] and a[1].dtype == b[1].dtype and torch.equal(a[1], b[1])
        for a, b in zip(mine, theirs, strict=True))


def handful(target: Subject) -> Batch:
    """The first samples, at most 8: enough where the answer is one of structure."""
    return target.x[:8], target.y[:8]


@shared
def evaluated(target: Subject) -> Any:
    """Output in eval mode of a handful of samples, by the model as it is."""
    model = model_copy(target).eval()
    with seeded(), torch.no_grad():
        return model(handful(target)[0])


@shared
def random_in_eval(target: Subject) -> bool:
    """Do other random numbers give other outputs in eval mode?"""
    model = model_copy(target).eval()
    with seeded(1), torch.no_grad():
        again = target.logits(model(handful(target)[0]))
    return not torch.allclose(target.logits(evaluated(target)), again, rtol=1e-4, atol=1e-6)


@dataclass(frozen=True)
class FirstGradients:
    """Of the loss of a handful of samples, before any step.

    Attributes:
        loss: its value. graph: does it have a gradient at all?
        reached: parameter -> is any entry of its gradient other than zero? Of those with a gradient.
    """

    loss: float
    graph: bool
    reached: dict[str, bool] = field(default_factory=dict)


@shared
def first_gradients(target: Subject) -> FirstGradients:
    """In training mode, of the model as it is."""
    model = to_train(model_copy(target))
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    loss = target.loss(model, *handful(target))
    if not loss.requires_grad or not named:
        return FirstGradients(float(loss), loss.requires_grad)
    grads = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return FirstGradients(float(loss), True, {
        name: bool(grad.any())
        for name, grad in zip(named, grads, strict=True) if grad is not None
    })


def warmed_up(target: Subject, steps: int) -> nn.Module:
    """A copy of the model, in training mode, after some plain steps: units die by steps, not by
    their start, and a head that starts at zero lets no gradient through before them.
    """
    model = _warmed_up(target, steps)
    made = copy_together(model)
    return model if made is None else made[0]


@shared
def _warmed_up(target: Subject, steps: int) -> nn.Module:
    model = to_train(model_copy(target))
    if any(parameter.requires_grad for parameter in model.parameters()):
        train_plainly(target, model, adam(model), target.batches, steps, 3.0)
    model.zero_grad()
    return model


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
            self._see(f"{kind} {self._count[kind]}", out.detach())
        return out


def _by_unit(values: torch.Tensor) -> torch.Tensor:
    """(values, units): channels of (N, C, ...) with 2, 4 or 5 axes, the last axis of (N, T, C)."""
    values = values if values.ndim in (2, 3) else values.movedim(1, -1)
    return values.reshape(-1, values.shape[-1])


@dataclass
class PassSignals:
    """Activations over all batches and gradients over some, after a few plain steps.

    Attributes:
        samples: how many were seen. largest: relu or tanh -> (units,) largest size of each output.
        beyond: tanh or sigmoid -> of each batch the shape of a sample's outputs and (units,) the
            share of them near an end.
        grad_most, grad_power: parameter -> largest size of its gradient (None where none ever came),
            and the sum of its mean squares, over `grad_batches` batches.
    """

    samples: int = 0
    largest: dict[str, torch.Tensor] = field(default_factory=dict)
    beyond: dict[str, list[tuple[torch.Size, torch.Tensor]]] = field(default_factory=dict)
    grad_most: dict[str, float | None] = field(default_factory=dict)
    grad_power: dict[str, float] = field(default_factory=dict)
    grad_batches: int = 0


@shared
def signals_after(target: Subject, steps: int, level: float) -> PassSignals:
    """level: from which size on a tanh, or a sigmoid laid over -1 to 1, counts as saturated."""
    model, found = warmed_up(target, steps), PassSignals()
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found.grad_most = dict.fromkeys(named)
    found.grad_power = dict.fromkeys(named, 0.0)

    def see(name: str, values: torch.Tensor) -> None:
        values, shape = _by_unit(values), values.shape[1:]
        top = values.abs().amax(0)  # (units,)
        if name.startswith(("relu", "tanh")) and found.largest.setdefault(
                name, top).shape == top.shape:
            found.largest[name] = torch.maximum(found.largest[name], top)
        squash = _SQUASH.get(name.split()[0])
        if squash is not None:
            share = (squash(values) > level).float().mean(0)
            found.beyond.setdefault(name, []).append((shape, share))

    if named:  # two batches at least: a gradient that is zero for one may be so by chance
        most = max(2, min(MOST_BATCHES, _GRADIENTS // len(target.x)))
        found.grad_batches = min(most, len(target.batches))
    mode = Activations(see)
    for number, (x, y) in enumerate(target.batches):
        mode.again()
        looked = number < found.grad_batches
        with torch.set_grad_enabled(looked), mode:
            output = model(x)
        if looked:
            _add_gradients(found, target.loss_fn(output, y).reshape(()), named)
        found.samples += len(y)
    return found


def _add_gradients(found: PassSignals, loss: torch.Tensor, named: dict[str, nn.Parameter]) -> None:
    if not loss.requires_grad:
        return
    grads = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    for name, grad in zip(named, grads, strict=True):
        if grad is not None:
            found.grad_most[name] = max(found.grad_most[name] or 0.0, float(grad.abs().max()))
            found.grad_power[name] += float(grad.pow(2).mean())


class OwnTraining:
    """The reader's own training of a copy, which goes on where it stopped.

    Attributes:
        before: loss of the batches before it. done: steps taken, or epochs of one batch where there
            is only `train_epoch`.
        ratios: weight tensor -> ‖change in one step‖ / ‖weights‖, of the first steps. moved: did any
            parameter change in them?
    """

    def __init__(self, target: Subject, noted: int = RATIOS_OF) -> None:
        self.target, self.made, self._noted = target, training_copy(target), noted
        if self.made.optimizer is None and self.made.train_step is None:
            self.made.optimizer = adam(self.made.model)
        to_train(self.made.model)
        self.before = _loss_before(target)
        self.done, self.moved, self.broken = 0, False, False
        self.ratios: dict[str, list[float]] = {}
        self._spent = 0.0  # seconds of training
        self._losses: dict[int, float] = {}  # after so many steps
        self._steps = steps_as_given(target, self.made, target.batches)
        self._named = {
            name: p for name, p in self.made.model.named_parameters() if p.requires_grad
        }
        self._last = {name: p.detach().clone() for name, p in self._named.items()}

    def until(self, steps: int, seconds: float) -> int:
        """Trains until so many steps are taken, or so many seconds of training over, in all; gives
        the steps taken.
        """
        start, self.broken = time.monotonic() - self._spent, True  # should a step raise
        with seeded(self.done):
            while self.done < steps and time.monotonic() - start <= seconds:
                next(self._steps)
                self.done += 1
                if self.done <= self._noted:
                    self._look()
                else:
                    self._last = {}
        self._spent, self.broken = time.monotonic() - start, False
        return self.done

    def loss(self) -> float:
        """Of the batches, now."""
        if self.done not in self._losses:
            model = to_train(self.made.model)
            self._losses[self.done] = loss_on(self.target, model, self.target.batches)
        return self._losses[self.done]

    def _look(self) -> None:
        for name, parameter in self._named.items():
            now, last = parameter.detach(), self._last[name]
            change, size = float((now - last).norm()), float(last.norm())
            self.moved = self.moved or change > 0
            # biases start at zero and move far relative to that
            if parameter.ndim > 1 and size > 0 and (change > 0 or parameter.grad is not None):
                self.ratios.setdefault(name, []).append(change / size)
            last.copy_(now)

    def sizes(self) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
        """The ratios as arrays."""
        return {name: np.array(values) for name, values in self.ratios.items()}


def _loss_before(target: Subject) -> float:
    """Mean loss of all batches in training mode, by the model as it is."""
    seen = first_loss(target)
    if len(seen) < len(target.batches):
        model = to_train(model_copy(target))
        seen += [loss_on(target, model, [batch]) for batch in target.batches[len(seen):]]
    return float(np.mean(seen))


def own_training(target: Subject, steps: int, noted: int = RATIOS_OF) -> OwnTraining:
    """One that has taken at most so many steps; `noted` says of how many it notes the ratios."""
    training = _own_training(target)
    again = training.broken or training.done > steps or noted > RATIOS_OF
    return OwnTraining(target, max(noted, RATIOS_OF)) if again else training


@shared
def _own_training(target: Subject) -> OwnTraining:
    return OwnTraining(target)
