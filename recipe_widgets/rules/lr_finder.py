"""A range test shows a learning rate at which the loss falls.

What it finds
    The learning rate to try, from a test in which the rate grew from step to step: the loss stands
    still, then falls, then explodes. The rate at the bottom is on the brink already; suggested is
    the geometric mean of the rate where it falls most steeply and a third of that at the bottom.
Why it hurts
    A guessed rate may be off by a factor of a hundred, and the range test costs as little as a
    hundred steps.
How to mend
    Start with the suggestion. Where the loss fell at no rate, look for a bug or widen the range.
When it stays silent
    It only notes. It gives no suggestion where fewer than 18 steps gave a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.statistics import MEDIAN_ERROR, Array, spread

WIDTH = 9  # rates whose losses are averaged
LEAST_FALL = 0.01  # of the first level
FALL_ERRORS = 4  # standard errors of a mean over WIDTH steps
BELOW_LOWEST = 3  # times below the rate of the lowest loss, half way (by logarithms) to the steepest


@dataclass(frozen=True)
class RangeTest:
    """lr: (n,) ascending. loss: (n,) of each step, the last ones perhaps no numbers."""

    lr: npt.ArrayLike
    loss: npt.ArrayLike


@rule(worst="note",
      source="L. N. Smith, Cyclical Learning Rates for Training Neural Networks, 2017")
def lr_finder(rule: Rule[RangeTest], test: RangeTest) -> CheckResult:
    """`measured`: the suggestion, None where the loss never fell. `details`: lr, loss, smooth
    (n,), steepest, lowest, diverges.
    """
    rates, losses = np.asarray(test.lr, np.float64), np.asarray(test.loss, np.float64)
    wrong = np.flatnonzero(~np.isfinite(losses))
    end = int(wrong[0]) if len(wrong) else len(losses)
    curve = smoothed(losses[:end])
    details: dict[str, Any] = {"lr": rates, "loss": losses, "smooth": curve, "suggestion": None}
    rule = rule.about(details=details)
    if end < 2 * WIDTH:
        return rule.cannot_tell(f"only {end} steps gave a number", advice="Begin with a lower rate.")
    bottom = int(curve.argmin())
    # where rates are too small for anything to happen
    start = float(np.median(losses[:max(WIDTH, end // 8)]))
    noise = MEDIAN_ERROR * spread(losses[:max(WIDTH, end // 4)]) / WIDTH**0.5
    if start - curve[bottom] < max(LEAST_FALL * abs(start), FALL_ERRORS * noise):
        return rule.notes("the loss fell at no learning rate: look for a bug, or widen the range")
    slope = np.gradient(curve, np.log(rates[:end]))
    steepest = int(slope[:bottom + 1].argmin())
    brink = next((i for i in range(bottom, end) if curve[i] > start), end - 1)
    suggestion = float(f"{np.sqrt(rates[steepest] * rates[bottom] / BELOW_LOWEST):.1e}")  # two digits
    diverges = brink < end - 1 or end < len(losses)
    details |= {
        "suggestion": suggestion, "steepest": float(rates[steepest]), "lowest":
        float(rates[bottom]), "diverges": float(rates[brink]) if diverges else None
    }
    return rule.notes(
        f"try a learning rate of {suggestion:g}: the loss falls most steeply at "
        f"{rates[steepest]:.2g} and is lowest at {rates[bottom]:.2g}", measured=suggestion)


def smoothed(loss: npt.ArrayLike, width: int = WIDTH) -> Array:
    """A running median and then a running mean over `width` neighbours, shorter at the ends;
    (n,) -> (n,).
    """
    values, half = np.asarray(loss, np.float64), width // 2
    windows = [slice(max(0, i - half), i + half + 1) for i in range(len(values))]
    medians = np.array([np.median(values[window]) for window in windows])
    return np.array([medians[window].mean() for window in windows])
