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

from recipe_widgets.checks.losses import loss_facts
from recipe_widgets.checks.runner import SUBJECT_OPTIONS, Check, as_subject
from recipe_widgets.checks.subject import Subject
from recipe_widgets.core import CheckResult, History, RecipeError, Run, Status, rng_guard
from recipe_widgets.core.validation import real, validated, whole
from recipe_widgets.rules import curves as judge
from recipe_widgets.rules import fit as judge_fit

Array = npt.NDArray[np.float64]
_FALL = ("cross_entropy", "nll", "bce_logits", "bce", "regression", "classes_regressed")


class Evidence:
    """The columns of a training, as arrays.

    Attributes:
        falls: whether its loss should fall; a supervised loss should. settings: of a `Run`, else
            None.
    """

    def __init__(self, given: Any, falls: bool | None = None) -> None:
        self.settings = given.settings if isinstance(given, Run) else None
        held = given.history if isinstance(given, Run) else given
        if isinstance(held, History):
            self.columns = {name: held.arrays(name) for name in held.names}
        elif isinstance(held, Mapping):
            self.columns = {str(name): _column(name, values) for name, values in held.items()}
        else:
            self.columns = {"train_loss": _column("train_loss", held)}
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
        value = np.asarray(_home(parts[1]), np.float64)
        step = np.arange(value.size, dtype=np.float64) if parts[0] is None else np.asarray(
            _home(parts[0]), np.float64)
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


def _home(values: Any) -> Any:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().double().numpy()
    if isinstance(values, (list, tuple)):
        return [float(v) for v in values]
    return values


def curve_check(worst: Status) -> Callable[[Callable[..., CheckResult]], Check]:
    """Make a check of `judge(evidence, **options)`: it takes a run, a history, columns or losses;
    or, as every check does, a model with batches and a loss, whose `history` it reads."""
    def wrap(gather: Callable[..., CheckResult]) -> Check:
        gather = validated(gather)

        @functools.wraps(gather)
        @validated
        def run(given: Any, batches: Any = None, loss_fn: Any = None, *, falls: bool | None = None,
                **options: Any) -> CheckResult:
            own = {name: options.pop(name) for name in list(options) if name in SUBJECT_OPTIONS}
            if batches is not None or own:
                given = as_subject(given, batches, loss_fn, own)
            if not isinstance(given, Subject):
                return gather(Evidence(given, falls), **options)
            if given.history is None:
                return CheckResult(gather.__name__, "skip",
                                   "needs the curve of a training: history=run")
            return gather(Evidence(given.history,
                                   _should_fall(given) if falls is None else falls), **options)

        run.__dict__["worst"] = worst
        return run

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


@curve_check("fail")
def curve_shape(evidence: Evidence) -> CheckResult:
    """Does the training loss fall, stand still, rise, explode, jump, drown in noise, or stop being
    a number?

    Call it as `curve_shape(run)` or `curve_shape(losses)`; with `falls=False` for a loss that need
    not fall.
    """
    return judge.curve_shape(evidence.values("train_loss"), falls=evidence.falls)


@curve_check("warn")
def noise_level(evidence: Evidence, *,
                batch_size: Annotated[int | None, whole(1)] = None) -> CheckResult:
    """How much do the losses of neighbouring steps differ, relative to their level?"""
    if not evidence.falls:
        return CheckResult("noise_level", "skip", "this loss need not fall")
    size = batch_size if batch_size is not None or evidence.settings is None else evidence.settings.batch_size
    return judge.noise_level(evidence.values("train_loss"), size)


@curve_check("warn")
def lr_verdict(evidence: Evidence, *, ratio: Any = (),
               lr: Annotated[float | None, real(0)] = None) -> CheckResult:
    """Is the learning rate too high, high, good or low?

    It reads the loss, and the size of the updates where it is known: the column `update_ratio` or
    `ratio`, ‖change of the weights‖ / ‖weights‖ per step.
    """
    _, given = _column("ratio", ratio)
    sizes = given if given.size else evidence.values("update_ratio")
    rate = lr if lr is not None or evidence.settings is None else evidence.settings.lr
    return judge.lr_verdict(evidence.values("train_loss"), sizes, lr=rate, falls=evidence.falls)


@curve_check("warn")
def fit_diagnosis(evidence: Evidence) -> CheckResult:
    """Overfitting, underfitting, still improving or good, and the step of the best validation loss.

    Needs the columns `train_loss` and `val_loss`; `train_accuracy` and `val_accuracy` (0 to 1)
    help.
    """
    hits = evidence.values("train_accuracy")
    if not evidence.falls:
        return CheckResult("fit_diagnosis", "skip", "this loss need not fall")
    return judge_fit.fit_diagnosis(evidence.steps("train_loss"), evidence.values("train_loss"),
                                   evidence.steps("val_loss"), evidence.values("val_loss"),
                                   float(hits[-20:].mean()) if len(hits) >= 5 else None,
                                   evidence.values("val_accuracy"))
