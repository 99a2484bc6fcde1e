"""One knob at several values, over seeds: accuracy on training and validation samples, and the
gap between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe_widgets.core import Run, Settings
from recipe_widgets.data import Data
from recipe_widgets.evaluation.seed_comparison import SeedComparison, points
from recipe_widgets.lessons.common.guarded import train_many
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE
from recipe_widgets.training import evaluate


@dataclass(frozen=True)
class Sweep:
    """Accuracies (0 to 1) after training: `train` and `val` have one row per value and one
    column per seed.
    """

    title: str
    knob: str
    values: tuple[float, ...]
    train: np.ndarray
    val: np.ndarray

    @property
    def seeds(self) -> int:
        return int(self.val.shape[1])

    @property
    def best(self) -> float:
        """The value with the highest mean validation accuracy."""
        return self.values[int(self.val.mean(1).argmax())]

    def gap(self, value: float) -> float:
        """Training less validation accuracy, mean over seeds."""
        row = self.values.index(value)
        return float((self.train[row] - self.val[row]).mean())

    @property
    def validation(self) -> SeedComparison:
        """Validation accuracy at each value, over the seeds."""
        return SeedComparison(self.title, {f"{value:g}": tuple(row)
                                           for value, row in zip(self.values, self.val, strict=True)})

    def verdict(self, base: float | None = None) -> str:
        """The best value against `base` (the first one): seed by seed, with the gap of both."""
        base = self.values[0] if base is None else base
        if self.best == base:
            return (f"{self.title}: none of the other values of {self.knob} is better than {base:g} "
                    f"(n = {self.seeds} seeds).")
        old, new = f"{base:g}", f"{self.best:g}"
        seen = self.validation
        said = "a gain" if seen.decided(new, old) == "holds" else "no gain beyond chance"
        return (f"{self.title}, validation accuracy with {self.knob} {new} against {old}: "
                f"{points(seen.difference(new, old))}, {said}; the gap to training went from "
                f"{100 * self.gap(base):.1f} to {100 * self.gap(self.best):.1f} points.")

    def smallest(self) -> str:
        """Is smaller better, as the recipe has it? The smallest value against the largest."""
        low, high = f"{min(self.values):g}", f"{max(self.values):g}"
        seen = self.validation
        said = {"holds": "better, as the recipe says",
                "the reverse": "worse, against what the recipe says",
                }.get(seen.decided(low, high), "not clearly better or worse")
        return (f"{self.title}: {self.knob} {low} is {said}, compared with {high}: "
                f"{points(seen.difference(low, high))}.")

    def __str__(self) -> str:
        rows = [
            f"{self.knob:>14}    train  validation  (lowest to highest)   {self.title}, n = {self.seeds} seeds"
        ]
        rows += [
            f"{value:>14g}  {t.mean():>7.1%}  {v.mean():>10.1%}  ({v.min():.1%} to {v.max():.1%})"
            for value, t, v in zip(self.values, self.train, self.val, strict=True)
        ]
        return "\n".join(rows)

    def plot(self, title: str = "") -> Picture:
        return sweeps_beside(self, title=title)


def sweep(data: Data, settings: Settings, knob: str, values: Sequence[Any],
          seeds: int = 4) -> Sweep:
    """Train at each value of `knob` from seeds 0, 1, ..., and judge on all training and
    validation samples.
    """
    train, val = [], []
    for value in values:
        # the same seeds at each value, so that differences are paired
        runs = train_many(data, settings.replace(**{knob: value}), range(seeds))
        train.append([_accuracy(run, data, True) for run in runs])
        val.append([_accuracy(run, data, False) for run in runs])
    return Sweep(data.name,
                 Settings.knob(knob).label, tuple(float(v) for v in values), np.array(train),
                 np.array(val))


def _accuracy(run: Run, data: Data, on_train: bool) -> float:
    # a run that diverged knows nothing: it counts as 0
    if run.status == "diverged" or run.model is None:
        return 0.0
    if on_train:  # not measured on the way: the whole training set costs a pass
        return evaluate(run.model, data.train).accuracy
    return run.history.last("val_accuracy")


def sweeps_beside(*sweeps: Sweep, title: str = "") -> Picture:
    """One panel per sweep: training and validation accuracy against the knob, bands from lowest
    to highest seed.
    """
    figure = Figure(figsize=(max(6.0, 4.5 * len(sweeps)), 3.2), layout="constrained")
    for axes, one in zip(figure.subplots(1, len(sweeps), squeeze=False)[0], sweeps, strict=True):
        _curves(axes, one)
    if title:
        figure.suptitle(title, fontsize=10)
    words = []
    for one in sweeps:
        rows = zip(one.values, one.train, one.val, strict=True)  # train, val: (seeds,)
        means = ", ".join(f"{value:g}: train {train.mean():.0%}, validation {val.mean():.0%}"
                          for value, train, val in rows)
        words.append(f"{one.title}, {one.knob}: {means}")
    return Picture(figure, "; ".join(words) + ".")


def _curves(axes: Axes, one: Sweep) -> None:
    x = np.arange(len(one.values))  # values stand at equal distances, whatever their scale
    for name, grid, colour, line in (("training", one.train, PALETTE[0], "--o"),
                                     ("validation", one.val, PALETTE[1], "-s")):
        axes.fill_between(x, 100 * grid.min(1), 100 * grid.max(1), color=colour, alpha=0.25,
                          linewidth=0)
        axes.plot(x, 100 * grid.mean(1), line, color=colour, label=name, markersize=4)
    axes.set_xticks(x, [f"{value:g}" for value in one.values])
    axes.set(xlabel=one.knob, ylabel="accuracy (%)")
    first, last = one.values[0], one.values[-1]
    axes.set_title(
        f"{one.title}: best on validation at {one.best:g}; gap {100 * one.gap(first):.0f} points "
        f"at {first:g}, {100 * one.gap(last):.0f} at {last:g}", fontsize=8.5)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
