"""A growing column of a `History`, summed up in equally long stretches: a repaint reads what is new,
and never the whole history again.
"""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

import numpy as np

from recipe_widgets.core import History


class CurveSummary:
    """Sums of steps and of finite values, and how many there are, by stretches of `length` numbers.

    Two stretches become one when there are more than `most`; so from half as many up to `most` stay.
    The last one may be shorter than the others.
    """

    def __init__(self, most: int) -> None:
        self.most, self.length = most, 1
        self._read = self._count = 0  # numbers of the column, and the finite ones among them
        self._sums = np.zeros((3, 0))  # steps, values, count
        self._lock = threading.Lock()  # a page and a saved picture may ask at once

    def newest(self, history: History, column: str) -> np.ndarray:
        """(3, n) float64: sums of steps, sums of values and counts, the oldest first; numbers that
        have come since the last call are taken in. It must be the same column in each call.
        """
        with self._lock:
            steps, values = history.since(column, self._read)
            self._read += len(steps)
            kept = np.isfinite(values)  # steps without a look at the validation set are NaN
            self._take(steps[kept], values[kept])
            return self._sums

    def _take(self, steps: np.ndarray, values: np.ndarray) -> None:
        """Both (m,)."""
        self._count += len(steps)
        while self._count > self.most * self.length:
            pairs = np.arange(0, self._sums.shape[1], 2)
            self._sums = np.add.reduceat(self._sums, pairs, axis=1)
            self.length *= 2
        if not len(steps):
            return
        begun = (self._count - len(steps)) % self.length  # numbers in a last stretch that is not full
        edges = np.arange(-begun, len(steps), self.length)
        edges[0] = 0
        ends = np.append(edges[1:], len(steps))
        added = np.stack([np.add.reduceat(steps.astype(float), edges),
                          np.add.reduceat(values, edges), ends - edges])
        if begun:
            added[:, 0] += self._sums[:, -1]
            self._sums = self._sums[:, :-1]
        self._sums = np.concatenate([self._sums, added], axis=1)


_summaries: WeakKeyDictionary[History, dict[tuple[str, int], CurveSummary]] = WeakKeyDictionary()
_making = threading.Lock()


def curve_points(history: History, column: str, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """At most `bins` points (n,) of a column, its finite numbers: the means of stretches that are
    equally long, but for a sixteenth. As many numbers or fewer are the points themselves.
    """
    with _making:
        known = _summaries.setdefault(history, {})
        summary = known.setdefault((column, bins), CurveSummary(16 * bins))
    sums = summary.newest(history, column)
    count = sums.shape[1]
    if count > bins:
        edges = np.linspace(0, count, bins + 1).astype(int)[:-1]
        sums = np.add.reduceat(sums, edges, axis=1)
    return sums[0] / sums[2], sums[1] / sums[2]
