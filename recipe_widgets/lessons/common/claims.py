"""What is told of a knob, put to the test: paired seeds, a band, one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recipe_widgets.core import RecipeError
from recipe_widgets.lessons.common.comparison import Comparison
from recipe_widgets.rules.statistics import Paired, paired

Outcome = Literal["holds here", "the reverse was measured",
                  "no difference beyond the seeds' spread", "too few seeds"]


@dataclass(frozen=True)
class Claim:
    """"`text`", which says that `new` gives more than `old` of `measure` (less, where `more` is
    False).

    Attributes:
        old, new: names of the two settings. a, b: what was measured with them, (n,), seed by seed.
        percent: the numbers are shares, shown in per cent; otherwise as they are, in `unit`.
    """

    text: str
    old: str
    new: str
    a: tuple[float, ...]
    b: tuple[float, ...]
    measure: str = "validation accuracy"
    more: bool = True
    percent: bool = True
    unit: str = ""

    @property
    def result(self) -> Paired:
        return paired(self.a, self.b)

    @property
    def outcome(self) -> Outcome:
        found = self.result
        if found.n < 2:
            return "too few seeds"
        if not found.real:
            return "no difference beyond the seeds' spread"
        return "holds here" if (found.difference > 0) == self.more else "the reverse was measured"

    def __str__(self) -> str:
        found = self.result
        lost = len(self.a) - found.n
        difference = f"{self._number(found.difference, True)}, 95 % interval {self._number(found.low, True)} to " \
                     f"{self._number(found.high, True)}"
        more = f", {lost} more diverged" if lost else ""
        return (
            f'"{self.text}": {self.outcome}. {self.measure[:1].upper() + self.measure[1:]} '
            f"{self._shown(self.b)} with {self.new}, {self._shown(self.a)} with {self.old}; difference {difference}"
            f"{' points' if self.percent else ''}; n = {found.n} paired seeds{more}.")

    __repr__ = __str__

    def _shown(self, values: Sequence[float]) -> str:
        good = [value for value in values if np.isfinite(value)]
        if not good:
            return "nothing (all diverged)"
        unit = " %" if self.percent else f" {self.unit}".rstrip()
        return f"{self._number(float(np.mean(good)))}{unit} ({self._number(min(good))} to {self._number(max(good))})"

    def _number(self, value: float, sign: bool = False) -> str:
        if self.percent:
            return f"{100 * value:{'+' if sign else ''}.1f}"
        return f"{value:{'+' if sign else ''}.3g}"


def claim(text: str, runs: Comparison[str], old: str, new: str) -> Claim:
    """A claim about the validation accuracy at the end of runs that share their seeds; a
    diverged run counts as 0.
    """
    for name in (old, new):
        if name not in runs.runs:
            raise RecipeError("claim", found=repr(name),
                              expected="one of " + ", ".join(map(repr, runs.runs)))
    return Claim(text, old, new, tuple(runs.scores(old)), tuple(runs.scores(new)))


def ends(runs: Comparison[str]) -> str:
    """A title: who ends best and who last, by mean validation accuracy."""
    best, last = max(runs.runs, key=runs.mean), min(runs.runs, key=runs.mean)
    return f"Best at the end: {best}, {runs.mean(best):.1%} right; last: {last}, {runs.mean(last):.1%}\n" \
           f"Line: mean of {runs.seeds} seeds; band: lowest to highest"
