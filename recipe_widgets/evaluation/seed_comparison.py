"""Settings compared over the same seeds: means, paired intervals, and the one rule that words a
verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from recipe_widgets.core import RecipeError
from recipe_widgets.core.hooks import service
from recipe_widgets.rules.statistics import Paired, paired

Verdict = Literal["holds", "the reverse", "undecided", "no difference that matters"]

# verdict: (said of a claim, said of one arm and another)
WORDS: Mapping[Verdict, tuple[str, str]] = {
    "holds": ("holds here", "is better than"),
    "the reverse": ("the reverse was measured", "is worse than"),
    "undecided": ("no difference beyond the seeds' spread", "is not clearly better or worse than"),
    "no difference that matters": ("no difference that matters", "differs too little to matter from"),
}


def verdict_of(found: Paired, *, more_is_better: bool = True, matters: float = 0.0) -> Verdict:
    """Is the second group better? Decided by its 95 % interval, so one answer in twenty is chance:
    it leaves zero out, or lies inside what matters too little, or does neither.

    Args:
        found: the paired difference, in the measure's own unit.
        matters: the smallest difference that matters, in the same unit. An interval that holds
            zero and lies inside of plus and minus this says that there is none; with 0 that is
            never said.
    """
    low, high = (found.low, found.high) if more_is_better else (-found.high, -found.low)
    if low > 0 or high < 0:
        return "holds" if low > 0 else "the reverse"
    return "no difference that matters" if -matters < low and high < matters else "undecided"


def points(found: Paired, repeats: str = "seeds") -> str:
    """A paired difference of shares in points (hundredths), with its interval."""
    middle, low, high = (round(100 * value, 1) + 0.0  # makes -0.0 a plain 0
                         for value in (found.difference, found.low, found.high))
    return f"{middle:+.1f} points (95 % interval {low:+.1f} to {high:+.1f}, {found.n} {repeats})"


@dataclass(frozen=True)
class SeedComparison:
    """What each arm reached, one number per seed, all arms with the same seeds in the same order.

    The first arm is the base, with which the others are compared. NaN stands for a run without a
    number, such as one that diverged; its seed is left out of differences.

    Attributes:
        title: of the experiment, such as the data set.
        scores: name of an arm -> its numbers (n,).
        measure: what is measured. repeats: what differs between the numbers of one arm.
        more_is_better: whether a larger number is the better one.
        percent: the numbers are shares (0 to 1), shown in per cent; otherwise as they are, in `unit`.
        matters: the smallest difference that matters, in the unit of the numbers; 0: none is stated.
        diverged: name of an arm -> how many of its runs diverged, where the table is to say so.
    """

    title: str
    scores: Mapping[str, Sequence[float]]
    measure: str = "validation accuracy"
    repeats: str = "seeds"
    more_is_better: bool = True
    percent: bool = True
    unit: str = ""
    matters: float = 0.0
    diverged: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {len(row) for row in self.scores.values()}
        if len(lengths) != 1 or 0 in lengths:
            raise RecipeError("SeedComparison", found=f"{sorted(lengths)} numbers per arm",
                              expected="equally many, one at least")

    @property
    def seeds(self) -> int:
        return len(next(iter(self.scores.values())))

    @property
    def base(self) -> str:
        """The first arm: what the others are compared with."""
        return next(iter(self.scores))

    @property
    def best(self) -> str:
        """The arm with the best mean."""
        choose = max if self.more_is_better else min
        return choose(self.scores, key=self.mean)

    def mean(self, arm: str) -> float:
        return float(np.mean(self.scores[arm]))

    def lowest(self, arm: str) -> float:
        return float(min(self.scores[arm]))

    def highest(self, arm: str) -> float:
        return float(max(self.scores[arm]))

    def difference(self, arm: str, base: str = "") -> Paired:
        """Of `arm` over `base` (by default the first), seed by seed, with its 95 % interval."""
        return paired(self.scores[base or self.base], self.scores[arm])

    def decided(self, arm: str, base: str = "") -> Verdict:
        """Is `arm` better than `base`? See `verdict_of`."""
        return verdict_of(self.difference(arm, base), more_is_better=self.more_is_better,
                          matters=self.matters)

    def verdict(self, arm: str, base: str = "") -> str:
        """The same as one sentence about two arms, with the difference and its interval."""
        said = WORDS[self.decided(arm, base)][1]
        difference = points(self.difference(arm, base), self.repeats)
        return f"{self.title}: {arm} {said} {base or self.base}: {difference}."

    def verdicts(self) -> str:
        """Every other arm against the first. One interval in twenty misses the truth, so beware
        of many arms.
        """
        return "\n".join(self.verdict(arm) for arm in self.scores if arm != self.base)

    def claim(self, text: str, arm: str, base: str = "") -> Claim:
        """`text`, which says that `arm` is better than `base`, put to the test."""
        for name in (arm, base or self.base):
            if name not in self.scores:
                raise RecipeError("claim", found=repr(name),
                                  expected="one of " + ", ".join(map(repr, self.scores)))
        return Claim(text, self, arm, base or self.base)

    def facts(self, arm: str, base: str) -> str:
        """Both arms with their range, the difference with its interval, and how many seeds."""
        found = self.difference(arm, base)
        low, high = self._number(found.low, True), self._number(found.high, True)
        lost = self.seeds - found.n
        return (f"{self.measure} {self._shown(arm)} with {arm}, {self._shown(base)} with {base}; "
                f"difference {self._number(found.difference, True)}, 95 % interval {low} to {high}"
                f"{' points' if self.percent else ''}; n = {found.n} paired {self.repeats}"
                + (f", {lost} more diverged" if lost else ""))

    def table(self, head: str = "", width: int | None = None) -> str:
        """One line per arm: mean, lowest and highest, and how many seeds diverged.

        width: of the first column, in characters; by default as wide as the longest name.
        """
        width = width or max(14, *map(len, self.scores))
        rows = [f"{head or self.title:>{width}}     mean   lowest  highest   "
                f"{self.measure}, n = {self.seeds} {self.repeats}"]
        for arm, row in self.scores.items():
            lost = self.diverged.get(arm, 0)
            rows.append(f"{arm:>{width}}  {np.mean(row):>7.1%}  {min(row):>7.1%}  {max(row):>7.1%}"
                        + (f"   {lost} of {len(row)} diverged" if lost else ""))
        return "\n".join(rows)

    def __str__(self) -> str:
        return self.table()

    def plot(self, title: str = "") -> Any:
        """A dot per seed, a bar at the mean of each arm."""
        return service("plot_seed_comparisons")(self, title=title)

    def _shown(self, arm: str) -> str:
        """An arm's mean and range, of the seeds that have a number."""
        numbers = [value for value in self.scores[arm] if np.isfinite(value)]
        if not numbers:
            return "nothing (all diverged)"
        unit = " %" if self.percent else f" {self.unit}".rstrip()
        return (f"{self._number(float(np.mean(numbers)))}{unit} "
                f"({self._number(min(numbers))} to {self._number(max(numbers))})")

    def _number(self, value: float, sign: bool = False) -> str:
        plus = "+" if sign else ""
        return f"{100 * value:{plus}.1f}" if self.percent else f"{value:{plus}.3g}"


@dataclass(frozen=True)
class Claim:
    """"`text`", which says that `arm` is better than `base`, and what the seeds say of it."""

    text: str
    seeds: SeedComparison
    arm: str
    base: str

    @property
    def result(self) -> Paired:
        return self.seeds.difference(self.arm, self.base)

    @property
    def outcome(self) -> str:
        """The verdict in words; an interval needs two seeds at least."""
        if self.result.n < 2:
            return "too few seeds"
        return WORDS[self.seeds.decided(self.arm, self.base)][0]

    def __str__(self) -> str:
        facts = self.seeds.facts(self.arm, self.base)
        return f'"{self.text}": {self.outcome}. {facts[:1].upper()}{facts[1:]}.'

    __repr__ = __str__
