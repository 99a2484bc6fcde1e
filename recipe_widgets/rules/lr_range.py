"""Which learning rate does a range test suggest?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recipe_widgets.core import CheckResult
from recipe_widgets.rules.series import Array, spread

_SOURCE = "L. N. Smith, Cyclical Learning Rates for Training Neural Networks, 2017"
WIDTH = 9  # rates whose losses are averaged


def smoothed(loss: npt.ArrayLike, width: int = WIDTH) -> Array:
    """A running median and then a running mean over `width` neighbours, shorter at the ends;
    (n,) -> (n,).
    """
    values, half = np.asarray(loss, np.float64), width // 2
    middle = np.array(
        [np.median(values[max(0, i - half):i + half + 1]) for i in range(len(values))])
    return np.array([middle[max(0, i - half):i + half + 1].mean() for i in range(len(middle))])


def lr_range(lr: npt.ArrayLike, loss: npt.ArrayLike) -> CheckResult:
    """Judge a range test: the learning rate grew from step to step while the net trained.

    The loss stands still, then falls, then explodes. The rate at the bottom of the curve is on the
    brink already; the suggestion is the geometric mean of the rate where it falls most steeply and
    a third of that at the bottom.

    Args:
        lr: (n,) ascending. loss: (n,) of each step, the last ones perhaps no numbers.
    Returns:
        `measured`: the suggestion, None where the loss never fell. `details`: lr, loss, smooth
            (n,), steepest, lowest.
    """
    rates, losses = np.asarray(lr, np.float64), np.asarray(loss, np.float64)
    wrong = np.flatnonzero(~np.isfinite(losses))
    end = int(wrong[0]) if len(wrong) else len(losses)
    curve = smoothed(losses[:end])
    details: dict[str, Any] = {"lr": rates, "loss": losses, "smooth": curve, "suggestion": None}
    facts = {"source": _SOURCE, "details": details}
    if end < 2 * WIDTH:
        return CheckResult("lr_finder", "skip", f"only {end} steps gave a number",
                           advice="Begin with a lower rate.", **facts)  # type: ignore[arg-type]
    bottom = int(curve.argmin())
    # where rates are too small for anything to happen
    start = float(np.median(losses[:max(WIDTH, end // 8)]))
    noise = 1.25 * spread(losses[:max(WIDTH, end // 4)]) / WIDTH**0.5
    if start - curve[bottom] < max(0.01 * abs(start), 4 * noise):
        return CheckResult("lr_finder", "note",
                           "the loss fell at no learning rate: look for a bug, or widen the range",
                           **facts)  # type: ignore[arg-type]
    slope = np.gradient(curve, np.log(rates[:end]))
    steepest = int(slope[:bottom + 1].argmin())
    brink = next((i for i in range(bottom, end) if curve[i] > start), end - 1)
    suggestion = float(np.sqrt(rates[steepest] * rates[bottom] / 3))
    suggestion = float(f"{suggestion:.1e}")
    details |= {
        "suggestion": suggestion, "steepest": float(rates[steepest]), "lowest":
        float(rates[bottom]), "diverges":
        float(rates[brink]) if brink < end - 1 or end < len(losses) else None
    }
    return CheckResult("lr_finder", "note",
                       f"try a learning rate of {suggestion:g}: the loss falls most steeply at "
                       f"{rates[steepest]:.2g} and is lowest at {rates[bottom]:.2g}", suggestion,
                       None, "", "", **facts)  # type: ignore[arg-type]
