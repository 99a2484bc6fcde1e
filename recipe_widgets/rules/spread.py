"""Is a difference real? Paired seeds, and an interval around the mean of their differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# 0.975 quantile of Student's t for 1, 2, 3, ... degrees of freedom: seeds are few, and a table
# needs no scipy.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
      2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
      2.052, 2.048, 2.045, 2.042)


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
    kept = np.isfinite(x) & np.isfinite(y)
    x, y = x[kept], y[kept]
    d, n = y - x, len(x)
    if n < 2:
        mean = float(d.mean()) if n else math.nan
        return Paired(
            float(x.mean()) if n else math.nan,
            float(y.mean()) if n else math.nan, n, mean, -math.inf, math.inf)
    half = (_T[n - 2] if n - 2 < len(_T) else 1.96) * float(d.std(ddof=1)) / math.sqrt(n)
    middle = float(d.mean())
    return Paired(float(x.mean()), float(y.mean()), n, middle, middle - half, middle + half)
