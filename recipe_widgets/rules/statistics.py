"""Statistics that several rules use: what a noisy series does, and paired seeds.

A series is told by medians, so that single steps do not count; all relative to its own scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
# Standard deviation of a normal distribution / its median absolute deviation.
ROBUST = 1.4826
# Of the first level: near zero a loss leaps to several times itself, and it means nothing.
SMALL_LEAP = 0.15
MEDIAN_ERROR = 1.25  # standard error of a median / that of a mean
# 0.975 quantile of Student's t for 1, 2, 3, ... degrees of freedom: seeds are few, and a table
# needs no scipy.
_STUDENT_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179,
              2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
              2.060, 2.056, 2.052, 2.048, 2.045, 2.042)


@dataclass(frozen=True)
class CurveFacts:
    """Facts about a loss curve; every number but `n`, `bad` and `jumps` is in units of its first
    level or its own fall.

    Attributes:
        n: steps. bad: index of the first number that is none, or None.
        start: first level (in the loss's own unit; median of the first five, or the very first
            where those leap up).
        fifths: levels (medians) of the five fifths of the curve, in the loss's own unit.
        left: last level / first one. lowest: least level / first one.
        peak: how far the highest step rises above the first level.
        noise: robust standard deviation between neighbouring steps of the last half.
        late: share of the whole fall that came in the second half; 0 where it does not fall.
        jumps: leaps of the level that do not come from the noise.
        bounded: whether the loss is nowhere negative, so that ratios to the first level mean
            something.
    """

    n: int
    bad: int | None
    start: float
    fifths: tuple[float, ...]
    left: float
    lowest: float
    peak: float
    noise: float
    late: float
    jumps: int
    bounded: bool

    @property
    def level_error(self) -> float:
        """Standard error of a fifth's level, relative to the first level."""
        return MEDIAN_ERROR * self.noise * math.sqrt(2 / max(1, self.n // 5))

    @property
    def first_error(self) -> float:
        """Standard error of the first level, the median of five steps."""
        return MEDIAN_ERROR * self.noise / math.sqrt(5)


def curve_facts(loss: npt.ArrayLike) -> CurveFacts:
    """Facts of a series (n,), the first five numbers or more of which are finite."""
    values = np.asarray(loss, np.float64).ravel()
    wrong = np.flatnonzero(~np.isfinite(values))
    bad = int(wrong[0]) if len(wrong) else None
    seen = values[:bad]
    if len(seen) < 5:
        nan = float("nan")
        return CurveFacts(len(values), bad, nan, (), nan, nan, nan, nan, nan, 0, True)
    start = first_level(seen)
    fifths = tuple(float(np.median(part)) for part in np.array_split(seen, 5))
    bounded = bool(seen.min() >= 0)
    scale = start if bounded and start > 0 else float(np.ptp([start, *fifths])) or 1.0
    base = 0.0 if bounded else start - scale
    centre = seen[int(0.45 * len(seen)):int(0.55 * len(seen))] if len(seen) > 20 else seen
    middle = float(np.median(centre))
    fall = start - fifths[-1]
    # Below a hundredth of the scale it is noise: no fall to take a share of.
    late = max(0.0, middle - fifths[-1]) / fall if fall > 0.01 * scale else 0.0
    return CurveFacts(len(values), bad, start, fifths, (fifths[-1] - base) / scale,
                 (min(start, *fifths) - base) / scale, (float(seen.max()) - start) / scale,
                 spread(seen[len(seen) // 2:]) / scale, late,
                 len(jumps(seen, least=SMALL_LEAP * scale)), bounded)


def first_level(values: Array) -> float:
    """Where a series begins: the median of its first five numbers, or the first where those leap up
    at once.

    It is no leap where the curve is so noisy to its end that many of its steps lie down there
    again.
    """
    head, first = float(np.median(values[:5])), float(values[0])
    if head <= first + 0.5 * abs(first):
        return head
    wild = spread(values[len(values) // 2:]) > (head - first) / 3
    return head if wild and float((values[1:] <= first + 0.2 * abs(first)).mean()) > 0.2 else first


def spread(values: Array) -> float:
    """Robust standard deviation of the noise: from differences of neighbours, so that a trend
    does not count.
    """
    if len(values) < 3:
        return 0.0
    return float(ROBUST * np.median(np.abs(np.diff(values))) / np.sqrt(2))


def jumps(values: Array, window: int = 15, least: float = 0.0) -> npt.NDArray[np.int64]:
    """Where (indices) the level leaps up and does not belong to the noise.

    A leap: the median of the next few steps lies far above the median of the `window` before, in
    units of the noise there, and by a third of that level and by `least`.
    """
    ahead = max(3, window // 5)
    if len(values) < window + ahead:
        return np.array([], np.int64)
    before = np.lib.stride_tricks.sliding_window_view(values[:-ahead], window)
    after = np.lib.stride_tricks.sliding_window_view(values[window:], ahead)
    level = np.median(before, axis=1)
    noise = ROBUST * np.median(np.abs(np.diff(before, axis=1)), axis=1) / np.sqrt(2)
    rise = np.median(after, axis=1) - level
    found: list[int] = []
    for i in np.flatnonzero((rise > 6 * noise) & (rise > np.abs(level) / 3)
                             & (rise > least)) + window:
        if not found or i - found[-1] > window:
            found.append(int(i))
    return np.array(found, np.int64)


def smooth(values: npt.ArrayLike, points: int = 60) -> tuple[Array, Array]:
    """(centres, medians) of at most `points` equal stretches of the finite numbers: a curve to
    draw.
    """
    y = np.asarray(values, np.float64).ravel()
    where = np.flatnonzero(np.isfinite(y))
    if not len(where):
        return np.array([]), np.array([])
    parts = np.array_split(where, min(points, len(where)))
    centres = np.array([part.mean() for part in parts])
    return centres, np.array([np.median(y[part]) for part in parts])


@dataclass(frozen=True)
class Paired:
    """Means of two groups over the same seeds, and the 95 % interval (Student's t) of the mean
    difference b - a.
    """

    a: float
    b: float
    n: int
    difference: float
    low: float
    high: float

    @property
    def real(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def paired(a: npt.ArrayLike, b: npt.ArrayLike) -> Paired:
    """a, b: (n,) results of two settings, seed by seed, n >= 2; seeds where either is no number
    are left out.
    """
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    n = len(x)
    if not n:
        return Paired(math.nan, math.nan, 0, math.nan, -math.inf, math.inf)
    differences = y - x
    middle, half = float(differences.mean()), math.inf
    if n > 1:
        quantile = _STUDENT_T[n - 2] if n - 2 < len(_STUDENT_T) else 1.96  # the normal's
        half = quantile * float(differences.std(ddof=1)) / math.sqrt(n)
    return Paired(float(x.mean()), float(y.mean()), n, middle, middle - half, middle + half)
