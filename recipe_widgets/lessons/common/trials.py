"""Ways of training over the same seeds, side by side, and the sentence that the numbers allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.comparison import PALETTE
from recipe_widgets.plots import Picture
from recipe_widgets.rules.statistics import Paired, paired
from recipe_widgets.training import evaluate, train
from recipe_widgets.training.losses import LossFunction
from recipe_widgets.training.validation import stratified_subset

GLANCE = 50  # validation samples per look on the way, where only the end counts


@dataclass(frozen=True)
class Trials:
    """What several ways reach (0 to 1), one number per seed, the same seeds in the same order.

    Attributes:
        title: of the experiment, such as the data set.
        of: what is measured. repeats: what differs between the numbers of one way.
    """

    title: str
    scores: Mapping[str, Sequence[float]]
    of: str = "validation accuracy"
    repeats: str = "seeds"

    def __post_init__(self) -> None:
        lengths = {len(row) for row in self.scores.values()}
        if len(lengths) != 1 or 0 in lengths:
            raise RecipeError("Trials", found=f"{sorted(lengths)} numbers per way",
                              expected="equally many, one at least")

    @property
    def seeds(self) -> int:
        return len(next(iter(self.scores.values())))

    @property
    def base(self) -> str:
        """The first way: what the others are compared with."""
        return next(iter(self.scores))

    @property
    def best(self) -> str:
        return max(self.scores, key=self.mean)

    def mean(self, way: str) -> float:
        return float(np.mean(self.scores[way]))

    def difference(self, way: str, base: str = "") -> Paired:
        """Of `way` over `base` (by default the first), seed by seed."""
        return paired(self.scores[base or self.base], self.scores[way])

    def verdict(self, way: str, base: str = "") -> str:
        """One sentence: better, worse, or a difference that may be chance (paired 95 % interval,
        Student's t).
        """
        found, base = self.difference(way, base), base or self.base
        word = ("is better than" if found.low > 0 else "is worse than" if found.high < 0
                else "is not clearly better or worse than")
        return f"{self.title}: {way} {word} {base}: {points(found, self.repeats)}."

    def verdicts(self) -> str:
        """Every other way against the first. One interval in twenty misses the truth, so beware
        of many ways.
        """
        return "\n".join(self.verdict(way) for way in self.scores if way != self.base)

    def __str__(self) -> str:
        wide = max(14, *map(len, self.scores))
        rows = [
            f"{self.title:>{wide}}     mean   lowest  highest   {self.of}, n = {self.seeds} {self.repeats}"
        ]
        rows += [f"{way:>{wide}}  {np.mean(row):>7.1%}  {min(row):>7.1%}  {max(row):>7.1%}"
                 for way, row in self.scores.items()]
        return "\n".join(rows)

    def plot(self, title: str = "") -> Picture:
        return beside(self, title=title)


def points(found: Paired, repeats: str = "seeds") -> str:
    """A paired difference of shares in points, with its interval. The + 0.0 makes -0.0 a plain
    0.
    """
    middle, low, high = (round(100 * value, 1) + 0.0
                         for value in (found.difference, found.low, found.high))
    return f"{middle:+.1f} points (95 % interval {low:+.1f} to {high:+.1f}, {found.n} {repeats})"


def quiet_run(data: Data, settings: Settings, model: nn.Module | None = None,
              loss_fn: LossFunction | None = None) -> Run:
    """Train with the barest looks on the way: on small networks they would cost as much as the
    training.
    """
    return train(data, settings.replace(eval_samples=min(GLANCE, settings.eval_samples or GLANCE)),
                 model, loss_fn=loss_fn)


def end_accuracy(data: Data, settings: Settings, model: nn.Module | None = None) -> float:
    """Train, then judge on `settings.eval_samples` validation samples (0: all). 0 for a run that
    diverged.
    """
    run = quiet_run(data, settings, model)
    if run.status == "diverged" or run.model is None:
        return 0.0
    return evaluate(run.model, stratified_subset(data.validation, settings.eval_samples)).accuracy


def beside(*trials: Trials, title: str = "") -> Picture:
    """One panel per experiment: a dot per seed, a bar at the mean of each way."""
    tall = max(len(one.scores) for one in trials)
    figure = Figure(figsize=(max(6.5, 4.7 * len(trials)), 1.5 + 0.42 * tall), layout="constrained")
    for axes, one in zip(figure.subplots(1, len(trials), squeeze=False)[0], trials, strict=True):
        _dots(axes, one)
    if title:
        figure.suptitle(title, fontsize=10)
    words = "; ".join(f"{one.title}, {one.of}, mean of {one.seeds} {one.repeats}: " +
                      ", ".join(f"{way} {one.mean(way):.1%}"
                                for way in one.scores)
                      for one in trials)
    return Picture(figure, words + ".")


def _dots(axes: Axes, trials: Trials) -> None:
    for row, (way, scores) in enumerate(trials.scores.items()):
        colour = PALETTE[row % len(PALETTE)]
        axes.plot([100 * trials.mean(way)] * 2, [row - 0.3, row + 0.3], color=colour, linewidth=3)
        axes.plot(100 * np.asarray(scores), np.full(len(scores), float(row)), "o", color=colour,
                  alpha=0.5, markersize=5)
    axes.set_yticks(range(len(trials.scores)), list(trials.scores))
    axes.set(xlabel=f"{trials.of} (%)", ylim=(len(trials.scores) - 0.5, -0.5))
    axes.set_title(
        f"{trials.title}\nbest mean: {trials.best} (bar: mean of {trials.seeds} {trials.repeats})",
        fontsize=9)
    axes.grid(axis="x", alpha=0.3)
