"""Runs a check: on a copy, under an RNG guard, and never with a crash."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recipe_widgets.checks.copies import copied, kept, together
from recipe_widgets.checks.subject import Subject, subject
from recipe_widgets.core import CheckResult, RecipeError, Status, rng_guard
from recipe_widgets.core.validation import validated

Check = Callable[..., CheckResult]
SUBJECT_OPTIONS = frozenset(
    inspect.signature(subject).parameters) - {"model_or_factory", "batches", "loss_fn"}
_ORDER: tuple[Status, ...] = ("skip", "pass", "note", "warn", "fail")




class CannotTellError(Exception):
    """A check cannot say anything about this subject; the text says why."""


def check(worst: Status, source: str = "") -> Callable[[Callable[..., CheckResult]], Check]:
    """Make a check of `gather(subject, **options) -> CheckResult`; `worst` is the worst status it
    may give.

    The check's signature is `check(subject_or_model, batches=None, loss_fn=None, **options) ->
    CheckResult`; options of `subject()`, such as `optimizer` or `num_classes`, may be given, too.

    An error of the reader's own model becomes a result with its text; wrong input is a
    `RecipeError`.
    """
    def wrap(gather: Callable[..., CheckResult]) -> Check:
        gather = validated(gather)

        @functools.wraps(gather)
        def run(subject_or_model: Any, batches: Any = None, loss_fn: Any = None,
                **options: Any) -> CheckResult:
            own = {name: options.pop(name) for name in list(options) if name in SUBJECT_OPTIONS}
            target = as_subject(subject_or_model, batches, loss_fn, own)
            result = _guarded(gather, target, options)
            if _ORDER.index(result.status) > _ORDER.index(worst):
                result = dataclasses.replace(result, status=worst)
            return dataclasses.replace(result, source=result.source or source)

        run.__dict__["worst"] = worst
        return run

    return wrap


def as_subject(given: Any, batches: Any, loss_fn: Any, options: dict[str, Any]) -> Subject:
    if isinstance(given, Subject):
        if batches is not None or loss_fn is not None:
            raise RecipeError("Check", found="a Subject and batches or a loss besides",
                              expected="one or the other")
        return dataclasses.replace(given, **options) if options else given
    return subject(given, batches, loss_fn, **options)


def _guarded(gather: Callable[..., CheckResult], target: Subject,
             options: dict[str, Any]) -> CheckResult:
    name = gather.__name__
    if target.problem:
        return CheckResult(name, "fail", f"the model does not run: {target.problem}",
                           advice="Make model(x) and loss_fn(output, y) work on one batch first.")
    model = target.model
    guard = kept(model) if copied(model, target.factory) is None else contextlib.nullcontext()
    grad = torch.is_grad_enabled()
    with rng_guard(), guard, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reader's own warnings would come once per check
        torch.manual_seed(0)
        try:
            with torch.enable_grad():
                return gather(target, **options)
        except RecipeError:
            raise
        except CannotTellError as why:
            return CheckResult(name, "skip", str(why))
        except Exception as error:
            text = (str(error).strip().splitlines() or [""])[0][:300]
            return CheckResult(name, "skip", f"could not look: {type(error).__name__}: {text}")
        finally:
            torch.set_grad_enabled(grad)


@dataclass
class Bench:
    """Copies to work on: change them as you like."""

    model: nn.Module
    optimizer: Any = None
    train_step: Callable[..., Any] | None = None
    train_epoch: Callable[..., Any] | None = None
    evaluate: Callable[..., Any] | None = None


def bench(target: Subject, *, fresh: int | None = None) -> Bench:
    """A copy of the subject's model with its own optimiser; `fresh` is the seed of a new
    initialisation instead.

    Raises:
        CannotTellError: there is no factory for a new initialisation.
    """
    pieces = (target.train_step, target.train_epoch, target.evaluate)
    given = target.optimizer if isinstance(target.optimizer, torch.optim.Optimizer) else None
    alone = (target.model, given)
    made = (together(*alone, *pieces) or together(*alone)) if fresh is None else None
    if made is not None:
        model, optimizer, *copies = made
    else:
        model = new_model(target, fresh) if fresh is not None else copied(
            target.model, target.factory) or target.model
        optimizer, copies = None, []
    copies = copies or list(together(*pieces) or pieces)
    if target.optimizer is not None and given is None:
        optimizer = target.optimizer(model)
    return Bench(model, optimizer, *copies)


def new_model(target: Subject, seed: int) -> nn.Module:
    """A fresh initialisation."""
    if target.factory is None:
        raise CannotTellError(
            "needs a function that makes fresh models: hand in factory=... or the function itself")
    torch.manual_seed(seed)
    return target.factory().to(target.x.device)


def model_copy(target: Subject) -> nn.Module:
    return bench(dataclasses.replace(target, optimizer=None)).model


def duplicate(model: nn.Module) -> nn.Module:
    """One more copy of a copy.

    Raises:
        CannotTellError: the reader's model refuses to be copied.
    """
    made = together(model)
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


def descend(target: Subject, model: nn.Module, optimizer: Any, batches: Any, steps: int,
            seconds: float = 5.0) -> list[float]:
    """Plain training steps, round and round over `batches`; gives the losses. Stops early when the
    time is up or the loss is no number."""
    losses: list[float] = []
    over = clock(seconds)
    while len(losses) < steps and not over():
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
        if math.isnan(losses[-1]):
            break
    return losses


def play(target: Subject, made: Bench, batches: Any, steps: int, seconds: float = 4.0,
         after: Callable[[], None] = lambda: None) -> int:
    """Trains with the reader's own step, epoch or optimiser, whichever there is; gives the number
    of steps.

    `after` is called behind each step (behind each epoch of one batch where there is only
    `train_epoch`).
    """
    over, done, taken, whole = clock(seconds), 0, 0, False
    if made.train_step is None and made.train_epoch is None:
        made.optimizer = made.optimizer or adam(made.model)

    def count(*_: Any) -> None:
        nonlocal taken
        taken += 1

    if isinstance(made.optimizer, torch.optim.Optimizer):
        made.optimizer.register_step_post_hook(count)
    while done < steps and not over():
        # A loop that accumulates takes no step in an epoch of one batch: give it all of them.
        batch = batches[done % len(batches)]
        whole = whole or (done > 0 and not taken)
        epoch = list(batches) if whole else [batch]
        if made.train_step is not None:
            made.train_step(made.model, made.optimizer, *batch)
        elif made.train_epoch is None or not _epoch(made, epoch):
            made.train_epoch = None
            made.optimizer = made.optimizer or adam(made.model)
            descend(target, made.model, made.optimizer, [batch], 1)
        after()
        done += 1
    return done


def _epoch(made: Bench, batches: Any) -> bool:
    """One epoch of few batches; False when the reader's loop does not take a plain list."""
    try:
        assert made.train_epoch is not None
        made.train_epoch(made.model, made.optimizer, batches)
    except (TypeError, AttributeError, ValueError, ZeroDivisionError):
        return False
    return True
