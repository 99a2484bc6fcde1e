"""What is the matter with a run, in plain words: the judgements of the rulebook, the gravest first."""

from __future__ import annotations

import math
import time

from recipe_widgets.core import CheckResult, Run
from recipe_widgets.live.pacing import DIAGNOSE_EVERY, DIAGNOSE_FROM_STEP, DIAGNOSE_SHARE
from recipe_widgets.rules.curve_shape import LossCurve, curve_shape
from recipe_widgets.rules.fit_diagnosis import TrainAndValidation, fit_diagnosis
from recipe_widgets.rules.lr_verdict import CurveAndUpdates, lr_verdict
from recipe_widgets.rules.noise_level import BatchLosses, noise_level

# batches whose accuracy is averaged to the training accuracy, and how many there must be
LAST_BATCHES, FEWEST_BATCHES = 20, 5
MOST_SENTENCES = 2  # more no reader takes in at a glance

def diagnose(run: Run | None) -> str:
    """One or two sentences with the number seen, the number expected and what to try; "" while
    it is too early.
    """
    if run is None or run.steps_done < min(DIAGNOSE_FROM_STEP, run.settings.max_steps):
        return ""
    if run.status == "diverged":
        return ""  # the words above say why already
    judged = results(run)
    if found := [result for result in judged if result.status in ("warn", "fail")]:
        return " ".join(_sentence(result) for result in found[:MOST_SENTENCES])
    # nothing is wrong: how well the curves fit is worth knowing all the same
    fits = [result for result in judged
            if result.name == "fit_diagnosis" and result.status in ("pass", "note")]
    return _sentence(fits[0]) if fits else ""


class Diagnosis:
    """The newest words on the newest run; while it goes on they are renewed every half second at
    most.
    """

    def __init__(self) -> None:
        self._run: Run | None = None
        self._words = ""
        self._next = 0.0  # time.perf_counter() from which on it is judged anew

    def of(self, run: Run | None, going: bool) -> str:
        """What `diagnose` says, now or a moment ago."""
        if not going or run is not self._run or time.perf_counter() >= self._next:
            start = time.perf_counter()
            self._run, self._words = run, diagnose(run)
            now = time.perf_counter()
            self._next = now + max(DIAGNOSE_EVERY, (now - start) / DIAGNOSE_SHARE)
        return self._words


def results(run: Run) -> list[CheckResult]:
    """What the rules say of a run, the gravest kind first. This brings the evidence only: what is
    wrong from which number on stands in the rulebook.
    """
    history = run.history
    steps, loss = history.arrays("train_loss")
    update_steps, updates = history.arrays("update_ratio")
    if run.changes:  # a turned knob bends the curve: only what came after it is judged
        since = run.changes[-1][0]
        if len(steps) - since >= DIAGNOSE_FROM_STEP:
            steps, loss, updates = steps[since:], loss[since:], updates[update_steps >= since]
    found = [lr_verdict(CurveAndUpdates(loss, updates, lr=run.newest.lr))]
    if found[0].status != "warn":  # else both would speak of the same cause
        found.append(curve_shape(LossCurve(loss)))
    looks, val_loss = history.arrays("val_loss")
    if not len(looks):
        return [*found, noise_level(BatchLosses(loss, run.newest.batch_size))]
    _, val_accuracy = history.arrays("val_accuracy")
    _, batches = history.arrays("train_accuracy")  # share right in the batch of each step
    train_accuracy = None
    if len(batches) >= FEWEST_BATCHES:
        train_accuracy = float(batches[-LAST_BATCHES:].mean())
    evidence = TrainAndValidation(steps, loss, looks, val_loss, train_accuracy, val_accuracy)
    return [*found, fit_diagnosis(evidence)]


def _sentence(result: CheckResult) -> str:
    """A result as the page says it: the finding, the numbers, what to try."""
    text = result.message[:1].upper() + result.message[1:]
    numbers = []
    if result.expected is not None:  # a number alone says nothing
        pairs = (("seen", result.measured), ("expected", result.expected))
        numbers = [f"{word} {_short(value)}" for word, value in pairs if _is_told(value)]
    unit = f" {result.unit}" if result.unit and numbers else ""
    seen = f" ({', '.join(numbers)}{unit})" if numbers else ""
    advice = f" {result.advice}" if result.advice and not result.ok else ""
    return f"{text}{seen}.{advice}"


def _is_told(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
