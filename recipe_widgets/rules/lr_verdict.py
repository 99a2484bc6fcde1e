"""The learning rate suits the run.

What it finds
    A learning rate that is too high (the loss leaps up and stays there, or stops being a number),
    high (it leaps and falls slowly since, or rises again), or low (it does not fall, or falls along
    a straight line and has far to go), by the curve and the size of the updates.
Why it hurts
    No other setting costs as much: a third of the right rate triples the time, three times the
    right rate wastes the run.
How to mend
    Multiply by a tenth, a third, 3 or 10, as the advice says; then run lr_finder.
When it stays silent
    Below 30 steps (250 for a low rate without update sizes, 100 with them), where the loss is no
    number before any update, where it need not fall, and where steps of a healthy size do not lower
    it: that is a bug, not a rate. A good rate is not the best one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.curve_shape import ERRORS, FEWEST_STEPS, NO_FALL, ROSE
from recipe_widgets.rules.divergence import no_number_from
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.statistics import Array, CurveFacts, curve_facts
from recipe_widgets.rules.texts import CS231N_BABYSITTING

Verdict = Literal["too high", "high", "good", "low", "unknown"]
# Steps below which a falling curve does not tell that the rate is low: with update sizes, without.
FEWEST_FOR_LOW, FEWEST_FOR_LOW_BY_CURVE = 100, 250
LARGE_UPDATE = 0.03  # of the weights per step: thirty times the healthy 1e-3 of CS231n
HEALTHY_UPDATE = 1e-3  # of the weights per step, CS231n, Ratio of weights to updates
SMALL_UPDATE = 2e-3  # below twice the healthy size a straight line is worth a faster rate
# Set on the same runs as those of curve_shape, all relative to the first level. A leap is a peak that
# high above it, and beyond the noise of single steps.
LEAP, LEAP_OF_FLAT, LEAP_NOISES = 0.3, 0.05, 6
HIGH_LEAP, HANGS = 0.6, 0.55  # peak and last level of a rate that is too high
LEAP_AT_FIRST, FAR_TO_GO = 0.8, 0.2  # the same of one that is high
ROSE_AGAIN = 0.12  # last level above the lowest
# An even fall has half of it in the second half; a healthy one has far less.
STRAIGHT, STRAIGHT_BY_CURVE, LEFT_OF_STRAIGHT = 0.42, 0.46, 0.15
FACTORS: dict[Verdict, float] = {"too high": 0.1, "high": 1 / 3, "low": 3.0}


@dataclass(frozen=True)
class CurveAndUpdates:
    """A training loss and the updates behind it.

    Attributes:
        loss: (n,) of each step.
        ratio: (m,) ‖change of the weights in one step‖ / ‖weights‖ at any steps of the same
            stretch, oldest first; may be empty.
        lr: the learning rate itself, for the advice.
        falls: whether the loss should fall; without it only NaN counts.
    """

    loss: npt.ArrayLike
    ratio: npt.ArrayLike = ()
    lr: float | None = None
    falls: bool = True


@rule(worst="warning", source=CS231N_BABYSITTING)
def lr_verdict(rule: Rule[CurveAndUpdates], run: CurveAndUpdates) -> CheckResult:
    """`details["verdict"]`: "too high", "high", "good", "low" or "unknown"."""
    seen = curve_facts(run.loss)
    ratio = np.asarray(run.ratio, np.float64).ravel()
    ratio = ratio[np.isfinite(ratio)]
    verdict, why = _verdict(seen, ratio, run.falls)
    details = {
        "verdict": verdict, "train_loss": np.asarray(run.loss, np.float64).ravel(), "ratio": ratio,
        "lr": run.lr
    }
    rule = rule.about(details=details)
    if len(ratio) and _speaks(verdict, float(np.median(ratio))):
        rule = rule.about(measured=float(np.median(ratio)), expected="about 1e-3",
                          unit="of the weights per step")
    if verdict == "good":
        return rule.passes(f"the learning rate suits: {why}")
    if verdict == "unknown":
        return rule.cannot_tell(f"the learning rate cannot be judged: {why}")
    factor = 10.0 if verdict == "low" and seen.left > NO_FALL else FACTORS[verdict]
    words = {0.1: "a tenth", 1 / 3: "a third"}.get(factor, f"{factor:.0f} times")
    advice = f"Try {run.lr * factor:.2g}." if run.lr else f"Try {words} of it."
    return rule.warns(f"the learning rate is {verdict}: {why}", advice=advice)


def _speaks(verdict: Verdict, ratio: float) -> bool:
    """Is the size of the updates evidence for this verdict?"""
    if verdict == "low":
        return ratio < SMALL_UPDATE
    return verdict == "good" or (verdict in ("too high", "high") and ratio > LARGE_UPDATE)


def _verdict(seen: CurveFacts, ratio: Array, falls: bool) -> tuple[Verdict, str]:
    if seen.bad == 0:
        return "unknown", "the loss is no number before any update, so the rate is not to blame"
    if seen.bad is not None:
        return "too high", f"the loss is {no_number_from(seen.bad)}"
    if seen.n < FEWEST_STEPS:
        return "unknown", f"{seen.n} steps are too few"
    if not falls:
        return "unknown", "this loss need not fall"
    early = float(ratio[:max(1, len(ratio) // 5)].max()) if len(ratio) else 0.0
    middle = float(np.median(ratio)) if len(ratio) else None
    if seen.left > NO_FALL:
        return _of_flat(seen, early, middle)
    return _of_fallen(seen, seen.peak > max(LEAP, LEAP_NOISES * seen.noise), middle)


def _of_flat(seen: CurveFacts, early: float, ratio: float | None) -> tuple[Verdict, str]:
    """The verdict on a curve that does not fall. early: largest update of the first fifth."""
    if seen.peak > max(LEAP_OF_FLAT, LEAP_NOISES * seen.noise) \
            or seen.left > ROSE + ERRORS * seen.first_error:
        return "too high", "the loss leapt up and never came down"
    if early > LARGE_UPDATE:
        return "too high", "large steps, and the loss does not fall"
    if ratio is not None and ratio > HEALTHY_UPDATE:
        return "unknown", "steps are of a healthy size, but the loss does not fall: look for a bug"
    doubt = " (or the rate is so high that all units died at once; update_ratio tells)"
    return "low", f"the loss does not fall in {seen.n} steps{doubt if ratio is None else ''}"


def _of_fallen(seen: CurveFacts, leaps: bool, ratio: float | None) -> tuple[Verdict, str]:
    """The verdict on a curve that ends below where it began."""
    back = seen.left - seen.lowest
    if leaps and seen.peak > HIGH_LEAP and seen.left > HANGS:
        return "too high", "the loss leapt up and hangs far above the floor"
    if leaps and seen.peak > LEAP_AT_FIRST and seen.left > FAR_TO_GO:
        return "high", "the loss leapt up at first and falls slowly since"
    if back > ROSE_AGAIN and back > ERRORS * seen.level_error:
        return "high", "the loss fell and rises again"
    fewest = FEWEST_FOR_LOW_BY_CURVE if ratio is None else FEWEST_FOR_LOW
    straight = seen.n >= fewest and seen.late > STRAIGHT and seen.left > LEFT_OF_STRAIGHT
    slow = seen.late > STRAIGHT_BY_CURVE if ratio is None else ratio < SMALL_UPDATE
    if straight and slow and not leaps:
        return "low", "the loss falls along a straight line and has far to go"
    return "good", f"the loss falls to {seen.left:.0%} of where it began"
