"""Checks of a training that is over, or under way: from a `Run`, a `History`, columns or a plain
list of losses.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch

from recipe_widgets.checks.check_decorator import (
    CannotTellError,
    Check,
    Gather,
    as_subject,
    judged,
    register,
    subject_options,
)
from recipe_widgets.checks.check_subject import Subject
from recipe_widgets.checks.loss_probing import loss_facts
from recipe_widgets.core import CheckResult, History, RecipeError, Run, rng_guard
from recipe_widgets.core.validation import real, validated, whole
from recipe_widgets.rules.curve_shape import LossCurve
from recipe_widgets.rules.fit_diagnosis import TrainAndValidation
from recipe_widgets.rules.lr_verdict import CurveAndUpdates
from recipe_widgets.rules.noise_level import BatchLosses

Array = npt.NDArray[np.float64]
_FALL = ("cross_entropy", "nll", "bce_logits", "bce", "regression", "classes_regressed")


class TrainingCurves:
    """The columns of a training, as arrays.

    Attributes:
        falls: whether its loss should fall; a supervised loss should. settings: of a `Run`, else
            None.
    """

    def __init__(self, given: Any, falls: bool | None = None) -> None:
        self.settings = given.settings if isinstance(given, Run) else None
        history = given.history if isinstance(given, Run) else given
        if isinstance(history, History):
            self.columns = {name: history.arrays(name) for name in history.names}
        elif isinstance(history, Mapping):
            self.columns = {str(name): _column(name, values) for name, values in history.items()}
        else:
            self.columns = {"train_loss": _column("train_loss", history)}
        if "train_loss" not in self.columns:
            raise RecipeError("History", found="columns " + (", ".join(self.columns) or "none"),
                              expected="a column train_loss",
                              mend='For example {"train_loss": losses}.')
        loss = self.columns["train_loss"][1]
        # Nobody calls a loss below zero a distance from the truth: such a one (a policy's, a
        # critic's) need not fall.
        self.falls = falls if falls is not None else not bool((loss[np.isfinite(loss)] < 0).any())

    def steps(self, name: str) -> Array:
        return np.asarray(self.columns[name][0], np.float64) if name in self.columns else np.array(
            [])

    def values(self, name: str) -> Array:
        return np.asarray(self.columns[name][1], np.float64) if name in self.columns else np.array(
            [])


def _column(name: object, values: Any) -> tuple[Array, Array]:
    """Steps and values of one column: numbers (n,), or a pair of steps and values."""
    what = f"History column {name!r}"
    if isinstance(values, Mapping) and {"steps", "values"} <= set(values):
        values = (values["steps"], values["values"])
    try:
        parts = values if isinstance(values, tuple) and len(values) == 2 and np.ndim(
            values[0]) else (None, values)
        value = np.asarray(_on_cpu(parts[1]), np.float64)
        step = np.arange(value.size, dtype=np.float64) if parts[0] is None else np.asarray(
            _on_cpu(parts[0]), np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise RecipeError(
            what, found=type(values).__name__, expected="numbers, one per step",
            mend="A list of losses, a Run, a History, or columns {\"train_loss\": [...]}."
        ) from None
    if value.ndim != 1 or step.shape != value.shape:
        raise RecipeError(what, found=f"shape {value.shape} and steps {step.shape}",
                          expected="one number per step (n,)")
    if not np.isfinite(step).all() or (np.diff(step) < 0).any():
        raise RecipeError(what, found="steps that go back or are no numbers",
                          expected="steps in order")
    return step, value


def _on_cpu(values: Any) -> Any:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().double().numpy()
    if isinstance(values, (list, tuple)):
        return [float(v) for v in values]
    return values


def curve_check(*, stage: str, place: float) -> Callable[[Gather], Check]:
    """Make a check of `gather(curves, **options)`: it takes a run, a history, columns or losses;
    or, as every check does, a model with batches and a loss, whose `history` it reads.
    """
    def wrap(gather: Gather) -> Check:
        name, checked = gather.__name__, validated(gather)

        @functools.wraps(gather)
        @validated
        def run(given: Any, batches: Any = None, loss_fn: Any = None, *, falls: bool | None = None,
                **options: Any) -> CheckResult:
            own = subject_options(options)
            if batches is not None or own:
                given = as_subject(given, batches, loss_fn, own)
            if isinstance(given, Subject):
                if given.history is None:
                    return CheckResult(name, "skip", "needs the curve of a training: history=run")
                falls = _should_fall(given) if falls is None else falls
                given = given.history
            try:
                return judged(name, checked(TrainingCurves(given, falls), **options))
            except CannotTellError as why:
                return CheckResult(name, "skip", str(why))

        return register(run, None, stage, place)

    return wrap


def _should_fall(target: Subject) -> bool:
    """Only a loss that is known to measure a distance from the truth is asked to fall."""
    if target.problem:
        return True
    try:
        with rng_guard():
            return loss_facts(target).kind in _FALL
    except Exception:  # the reader's own loss, or an adapter that computes
        return False


@curve_check(stage="curves", place=1)
def curve_shape(curves: TrainingCurves) -> LossCurve:
    """Does the training loss fall, stand still, rise, explode, jump, drown in noise, or stop being
    a number?

    Call it as `curve_shape(run)` or `curve_shape(losses)`; with `falls=False` for a loss that need
    not fall.
    """
    return LossCurve(curves.values("train_loss"), curves.falls)


@curve_check(stage="curves", place=2)
def noise_level(curves: TrainingCurves, *,
                batch_size: Annotated[int | None, whole(1)] = None) -> BatchLosses:
    """How much do the losses of neighbouring steps differ, relative to their level?"""
    if not curves.falls:
        raise CannotTellError("this loss need not fall")
    if batch_size is None and curves.settings is not None:
        batch_size = curves.settings.batch_size
    return BatchLosses(curves.values("train_loss"), batch_size)


@curve_check(stage="curves", place=3)
def lr_verdict(curves: TrainingCurves, *, ratio: Any = (),
               lr: Annotated[float | None, real(0)] = None) -> CurveAndUpdates:
    """Is the learning rate too high, high, good or low?

    It reads the loss, and the size of the updates where it is known: the column `update_ratio` or
    `ratio`, ‖change of the weights‖ / ‖weights‖ per step.
    """
    _, given = _column("ratio", ratio)
    sizes = given if given.size else curves.values("update_ratio")
    rate = lr if lr is not None or curves.settings is None else curves.settings.lr
    return CurveAndUpdates(curves.values("train_loss"), sizes, rate, curves.falls)


@curve_check(stage="curves", place=4)
def fit_diagnosis(curves: TrainingCurves) -> TrainAndValidation:
    """Overfitting, underfitting, still improving or good, and the step of the best validation loss.

    Needs the columns `train_loss` and `val_loss`; `train_accuracy` and `val_accuracy` (0 to 1)
    help.
    """
    hits = curves.values("train_accuracy")  # of single batches: the mean of the last 20 counts
    if not curves.falls:
        raise CannotTellError("this loss need not fall")
    return TrainAndValidation(
        curves.steps("train_loss"), curves.values("train_loss"), curves.steps("val_loss"),
        curves.values("val_loss"),
        float(hits[-20:].mean()) if len(hits) >= 5 else None, curves.values("val_accuracy"))
