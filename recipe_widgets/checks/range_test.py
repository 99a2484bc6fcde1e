"""Smith's learning-rate range test, which leaves no trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import numpy as np
import torch
from torch import nn

from recipe_widgets.checks.check_decorator import CannotTellError, check
from recipe_widgets.checks.check_subject import Subject, endless, restored_generators, subject
from recipe_widgets.checks.training_copy import (
    adam,
    to_train,
    training_copy,
)
from recipe_widgets.core import CheckResult, RecipeError, Settings
from recipe_widgets.core.validation import real, validated, whole
from recipe_widgets.data import Data, Split
from recipe_widgets.models import build_model
from recipe_widgets.rules.lr_finder import RangeTest
from recipe_widgets.training import BatchIndices, make_optimizer, pick_device

STOP = 4.0  # times the lowest smoothed loss: the test has seen enough


@validated
def lr_finder(model_or_settings: Any, batches: Any = None,
              loss_fn: Callable[..., Any] | None = None, *,
              low: Annotated[float, real(0, 1e6, above=True)] = 1e-6,
              high: Annotated[float, real(0, 1e6, above=True)] = 10.0,
              steps: Annotated[int, whole(20, 10**5)] = 120, optimizer: Any = None,
              **options: Any) -> CheckResult:
    """Which learning rate to begin with: train a copy while the rate grows from `low` to `high` by
    the same factor each step, and look where the loss falls and where it explodes.

    Model, optimiser, data and random generators are afterwards what they were, to the bit.

    Args:
        model_or_settings: a model, a function that makes one, a `Subject`, or `Settings` (then
            `batches` is our `Data`, and the loss is cross-entropy).
        optimizer: the reader's own, or `model -> optimizer`; by default Adam. All its groups keep
            their proportions.
        options: further ones of `subject()`.
    Returns:
        a note whose `measured` is the suggested rate (of the first group), or None; it draws its
        curve with `.plot()`.
    Raises:
        RecipeError: an empty range, fewer than 20 steps, input that cannot be used.
    """
    if low >= high:
        raise RecipeError("lr_finder", found=f"low={low}, high={high}", expected="low < high",
                          mend="Try low=1e-6, high=10.")
    given = model_or_settings
    if isinstance(given, Settings):
        given, batches, loss_fn, optimizer = _of_settings(given, batches, loss_fn, optimizer)
    if isinstance(given, Subject):
        return _test(given, low=low, high=high, steps=steps,
                     **({"optimizer": optimizer} if optimizer else {}))
    if loss_fn is None:
        raise RecipeError("lr_finder(loss_fn=)", found="None",
                          expected="a function (output, y) -> scalar",
                          mend="For example torch.nn.functional.cross_entropy.")
    target = subject(given, batches, loss_fn, optimizer=optimizer, **options)
    return _test(target, low=low, high=high, steps=steps)


class _Drawn:
    """Batches of a split in the order that `Settings` give; can be read again."""

    def __init__(self, split: Split, settings: Settings) -> None:
        self._split, self._settings = split, settings

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        rows = BatchIndices(self._split.size, self._settings.batch_size, self._settings.seed,
                            self._split.x.device)
        return map(self._split.batch, rows)


def _of_settings(settings: Settings, data: Any, loss_fn: Any,
                 optimizer: Any) -> tuple[Any, Any, Any, Any]:
    if not isinstance(data, Data):
        raise RecipeError("lr_finder(settings, data)", found=type(data).__name__,
                          expected="our Data", mend='For example load("mnist").')
    device = pick_device(settings.device)

    def make() -> nn.Module:
        return build_model(settings, data.shape, data.num_classes).to(device)

    batches = _Drawn(data.train.to(device), settings)
    return (make, batches, loss_fn or nn.functional.cross_entropy,
            optimizer or (lambda model: make_optimizer(model.parameters(), settings)))


def _gather(target: Subject, *, low: float, high: float, steps: int) -> RangeTest:
    made = training_copy(target)
    model = to_train(made.model)
    optimizer = made.optimizer if made.optimizer is not None else _same_kind(target, model)
    if isinstance(optimizer, torch.optim.LBFGS):
        raise CannotTellError("L-BFGS searches its own step size")
    # groups keep their proportions
    first = float(optimizer.param_groups[0]["lr"]) or 1.0
    shares = [float(group["lr"]) / first or 1.0 for group in optimizer.param_groups]
    rates = np.geomspace(low, high, steps)  # by the same factor each step
    losses: list[float] = []
    with restored_generators(target.source):
        for rate, (x, y) in zip(rates, endless(target), strict=False):
            for group, share in zip(optimizer.param_groups, shares, strict=True):
                group["lr"] = float(rate) * share
            optimizer.zero_grad()
            loss = target.loss(model, x, y)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
            if _enough(losses):
                break
    return RangeTest(rates[:len(losses)], losses)


_gather.__name__ = "lr_finder"
_test = check()(_gather)


def _same_kind(target: Subject, model: nn.Module) -> torch.optim.Optimizer:
    """A new optimiser of the reader's kind for a model that cannot be copied with its own; Adam
    when there is none.
    """
    given = target.optimizer
    if not isinstance(given, torch.optim.Optimizer):
        return adam(model)
    return type(given)([p for p in model.parameters() if p.requires_grad], **given.defaults)


def _enough(losses: list[float]) -> bool:
    """Is it no number, or far above the lowest level so far?"""
    if not math.isfinite(losses[-1]):
        return True
    if len(losses) < 10:  # medians of five need some more
        return False
    recent, least = float(np.median(losses[-5:])), min(
        float(np.median(losses[i:i + 5])) for i in range(len(losses) - 4))
    return recent > STOP * max(abs(least), 1e-12) and recent > 2 * abs(losses[0])
