"""Copies of the reader's model and optimiser to train on, and ways to train them."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recipe_widgets.checks.check_decorator import CannotTellError
from recipe_widgets.checks.check_subject import Subject
from recipe_widgets.checks.model_copies import copied, copy_together
from recipe_widgets.checks.sharing import stop_in_time
from recipe_widgets.core import rng_guard


@dataclass
class TrainingCopy:
    """Copies to work on: change them as you like."""

    model: nn.Module
    optimizer: Any = None
    train_step: Callable[..., Any] | None = None
    train_epoch: Callable[..., Any] | None = None
    evaluate: Callable[..., Any] | None = None


def training_copy(target: Subject, *, fresh: int | None = None) -> TrainingCopy:
    """A copy of the subject's model with its own optimiser; `fresh` is the seed of a new
    initialisation instead.

    Raises:
        CannotTellError: there is no factory for a new initialisation.
    """
    pieces = (target.train_step, target.train_epoch, target.evaluate)
    given = target.optimizer if isinstance(target.optimizer, torch.optim.Optimizer) else None
    alone = (target.model, given)  # where the reader's functions cannot be copied
    made = (copy_together(*alone, *pieces) or copy_together(*alone)) if fresh is None else None
    if made is not None:
        model, optimizer, *copies = made
    else:
        model = fresh_model(target, fresh) if fresh is not None else copied(
            target.model, target.factory) or target.model
        optimizer, copies = None, []
    copies = copies or list(copy_together(*pieces) or pieces)
    if target.optimizer is not None and given is None:
        optimizer = target.optimizer(model)
    return TrainingCopy(stop_in_time(model), optimizer, *copies)


def fresh_model(target: Subject, seed: int) -> nn.Module:
    """A fresh initialisation."""
    if target.factory is None:
        raise CannotTellError(
            "needs a function that makes fresh models: hand in factory=... or the function itself")
    torch.manual_seed(seed)
    return stop_in_time(target.factory().to(target.x.device))


def model_copy(target: Subject) -> nn.Module:
    """A copy of the subject's model; the model itself where none can be made."""
    return stop_in_time(copied(target.model, target.factory) or target.model)


def duplicate(model: nn.Module) -> nn.Module:
    """One more copy of a copy.

    Raises:
        CannotTellError: the reader's model refuses to be copied.
    """
    made = copy_together(model)
    if made is None:
        raise CannotTellError("needs a model that can be copied: copy.deepcopy(model) fails")
    return made[0]  # type: ignore[no-any-return]


def to_train(model: nn.Module) -> nn.Module:
    """In training mode; parts that were put into eval mode on purpose (a frozen backbone) stay
    there.
    """
    return model if model.training else model.train()


def clock(seconds: float) -> Callable[[], bool]:
    """A function that says whether the time is up."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


@contextlib.contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Random numbers as from this seed inside; the global generators afterwards as before."""
    with rng_guard():
        torch.manual_seed(seed)
        yield


def loss_on(target: Subject, model: nn.Module, batches: Any) -> float:
    """Mean loss, in the mode the model is in, by a copy of it, with the same random numbers
    every time.
    """
    model = duplicate(model)
    with seeded(), torch.no_grad():
        return sum(float(target.loss(model, x, y)) for x, y in batches) / len(batches)


def adam(model: nn.Module, lr: float = 1e-3) -> torch.optim.Optimizer:
    """A plain optimiser for checks where the reader gave none."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise CannotTellError("no parameter of the model requires a gradient")
    return torch.optim.Adam(parameters, lr=lr)


def train_plainly(target: Subject, model: nn.Module, optimizer: Any, batches: Any, steps: int,
                  seconds: float = 5.0, least: int = 0,
                  enough: Callable[[float], bool] = lambda _: False) -> list[float]:
    """Plain training steps, round and round over `batches`; gives the losses. Stops early when the
    time is up, the loss is no number or `enough` of it, or `least` steps will not fit into the
    time.
    """
    losses: list[float] = []
    start = time.monotonic()
    while len(losses) < steps and (spent := time.monotonic() - start) <= seconds:
        if len(losses) == 2 and spent / 2 * min(least, steps) > 1.5 * seconds:
            break
        x, y = batches[len(losses) % len(batches)]

        def closure(x: torch.Tensor = x, y: torch.Tensor = y) -> torch.Tensor:
            optimizer.zero_grad()
            model.zero_grad()
            loss = target.loss(model, x, y)
            loss.backward()
            return loss

        loss = optimizer.step(closure) if isinstance(optimizer, torch.optim.LBFGS) else closure()
        if not isinstance(optimizer, torch.optim.LBFGS):
            optimizer.step()
        losses.append(float(loss))
        if math.isnan(losses[-1]) or enough(losses[-1]):
            break
    return losses


def steps_as_given(target: Subject, made: TrainingCopy, batches: Any) -> Iterator[None]:
    """Trains with the reader's own step, epoch or optimiser, whichever there is: one step (one epoch
    of one batch where there is only `train_epoch`) at each turn, without end.
    """
    done, taken, whole = 0, 0, False
    if made.train_step is None and made.train_epoch is None:
        made.optimizer = made.optimizer or adam(made.model)

    def count(*_: Any) -> None:
        nonlocal taken
        taken += 1

    if isinstance(made.optimizer, torch.optim.Optimizer):
        made.optimizer.register_step_post_hook(count)
    while True:
        # A loop that accumulates takes no step in an epoch of one batch: give it all of them.
        batch = batches[done % len(batches)]
        whole = whole or (done > 0 and not taken)
        epoch = list(batches) if whole else [batch]
        if made.train_step is not None:
            made.train_step(made.model, made.optimizer, *batch)
        elif made.train_epoch is None or not _epoch(made, epoch):
            made.train_epoch = None
            made.optimizer = made.optimizer or adam(made.model)
            train_plainly(target, made.model, made.optimizer, [batch], 1)
        done += 1
        yield


def _epoch(made: TrainingCopy, batches: Any) -> bool:
    """One epoch of few batches; False when the reader's loop does not take a plain list."""
    try:
        assert made.train_epoch is not None
        made.train_epoch(made.model, made.optimizer, batches)
    except (TypeError, AttributeError, ValueError, ZeroDivisionError):
        return False
    return True
