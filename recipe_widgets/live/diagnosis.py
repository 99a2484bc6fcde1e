"""What is the matter with a run, in plain words: the judgements of the checks, the gravest
first.
"""

from __future__ import annotations

import math
import time

from recipe_widgets.core import CheckResult, Run
from recipe_widgets.live.pacing import DIAGNOSE_EVERY, DIAGNOSE_FROM_STEP, DIAGNOSE_SHARE
from recipe_widgets.rules.curve_shape import LossCurve, curve_shape
from recipe_widgets.rules.fit_diagnosis import TrainAndValidation, fit_diagnosis
from recipe_widgets.rules.lr_verdict import CurveAndUpdates, lr_verdict
from recipe_widgets.rules.noise_level import BatchLosses, noise_level


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
        return " ".join(_sentence(result) for result in found[:2])
    fitted = next((r for r in judged if r.name == "fit_diagnosis" and r.status in ("pass", "note")),
                  None)
    return _sentence(fitted) if fitted is not None else ""


class Diagnosis:
    """The newest words on the newest run; while it goes on they are renewed every half second at
    most.
    """

    def __init__(self) -> None:
        self._run: Run | None = None
        self._words, self._next = "", 0.0

    def of(self, run: Run | None, going: bool) -> str:
        """What `diagnose` says, now or a moment ago."""
        if not going or run is not self._run or time.perf_counter() >= self._next:
            start = time.perf_counter()
            self._run, self._words = run, diagnose(run)
            now = time.perf_counter()
            self._next = now + max(DIAGNOSE_EVERY, (now - start) / DIAGNOSE_SHARE)
        return self._words


def results(run: Run) -> list[CheckResult]:
    """All judgements on a run, the gravest kind first."""
    history = run.history
    at, loss = history.arrays("train_loss")
    moved_at, moved = history.arrays("update_ratio")
    if run.changes:  # a turned knob bends the curve: only what came after it is judged
        since = run.changes[-1][0]
        if len(at) - since >= DIAGNOSE_FROM_STEP:
            at, loss, moved = at[since:], loss[since:], moved[moved_at >= since]
    found = [
        lr_verdict(CurveAndUpdates(loss, moved, lr=run.newest.lr)),
        curve_shape(LossCurve(loss))
    ]
    if found[0].status == "warn":
        found = found[:1]  # both speak of the same cause
    looks, val = history.arrays("val_loss")
    _, hits = history.arrays("train_accuracy")
    if len(looks):
        known = float(hits[-20:].mean()) if len(hits) >= 5 else None
        accuracy = history.arrays("val_accuracy")[1]
        found.append(fit_diagnosis(TrainAndValidation(at, loss, looks, val, known, accuracy)))
    else:
        found.append(noise_level(BatchLosses(loss, run.newest.batch_size)))
    return found


def _sentence(result: CheckResult) -> str:
    text = result.message[:1].upper() + result.message[1:]
    numbers = [
        f"{word} {_short(value)}" for word, value in (("seen", result.measured), ("expected",
                                                                                  result.expected))
        if value is not None and result.expected is not None
        and not (isinstance(value, float) and not math.isfinite(value))
    ]
    unit = f" {result.unit}" if result.unit and numbers else ""
    seen = f" ({', '.join(numbers)}{unit})" if numbers else ""
    advice = f" {result.advice}" if result.advice and not result.ok else ""
    return f"{text}{seen}.{advice}"


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
