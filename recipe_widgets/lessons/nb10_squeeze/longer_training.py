"""Training that goes on: longer, after a stop, and with averaged weights.

Notebook 10, Q3 and Q4.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.data import Data
from recipe_widgets.evaluation.seed_comparison import SeedComparison, points
from recipe_widgets.lessons.common.guarded import train, train_many
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture, downsample
from recipe_widgets.plots.figures import LINES, PALETTE
from recipe_widgets.rules.statistics import paired
from recipe_widgets.training import Training, WeightAverage, evaluate
from recipe_widgets.training.validation import stratified_subset


@dataclass(frozen=True)
class Resumed:
    """A run that was never stopped, and the same one stopped and taken up again."""

    whole: Run
    again: Run
    stop: int  # steps after which it was stopped

    @property
    def same_numbers(self) -> bool:
        """Whether every number of the histories is the same, to the bit."""
        return self.whole.history.to_dict() == self.again.history.to_dict()

    @property
    def same_weights(self) -> bool:
        """Whether the weights at the end are the same, to the bit."""
        assert self.whole.model is not None
        assert self.again.model is not None
        mine, other = self.whole.model.state_dict(), self.again.model.state_dict()
        return all(torch.equal(mine[name], other[name]) for name in mine)

    def __str__(self) -> str:
        count = sum(len(self.whole.history.series(name)) for name in self.whole.history.names)
        both = self.same_numbers and self.same_weights
        verdict = (f"All {count} numbers of the history and all weights are equal to the last bit."
                   if both else f"History equal: {self.same_numbers}; weights equal: "
                   f"{self.same_weights}. They should be.")
        return (f"{self.whole.data_name}: stopped after step {self.stop} of "
                f"{self.whole.steps_done}, then resumed. {verdict}")

    def plot(self) -> Picture:
        """Both curves on top of each other, and the stop."""
        figure = Figure(figsize=(7, 2.7), layout="constrained")
        axes = figure.subplots()
        # wide and pale below, thin above: both can be seen where they are the same
        axes.plot(*downsample(*self.whole.history.arrays("train_loss"), bins=80), "-",
                  color=PALETTE[0], linewidth=4, alpha=0.4, label="never stopped")
        axes.plot(*downsample(*self.again.history.arrays("train_loss"), bins=80), "--",
                  color=PALETTE[1], label="stopped and resumed")
        axes.axvline(self.stop, color="0.3", linestyle=":", label=f"stopped after step {self.stop}")
        axes.set(xlabel="step", ylabel="training loss (nats)")
        said = "the same curve" if self.same_numbers else "not the same curve"
        axes.set_title(f"{self.whole.data_name}: {said} after a stop", fontsize=10)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
        return Picture(figure, str(self))


def resumed(data: Data, settings: Settings, folder: str | os.PathLike[str], stop: int) -> Resumed:
    """Train once to the end; and once for `stop` steps, with checkpoints in `folder`, and on from
    there.

    Raises:
        RecipeError: a stop outside of the run.
    """
    if not 1 <= stop < settings.max_steps:
        raise RecipeError("resumed(stop=)", found=stop,
                          expected=f"from 1 to {settings.max_steps - 1} steps")
    whole = train(data, settings)
    # its run is thrown away: all that goes on is what the checkpoint holds
    train(data, settings, checkpoints=folder, until=lambda step: step.index + 1 == stop)
    return Resumed(whole, train(data, settings, checkpoints=folder, resume=True), stop)


@dataclass(frozen=True)
class Longer:
    """Runs of one length, and their validation accuracy on the way."""

    title: str
    steps: npt.NDArray[np.int64]  # (points,) after which it was measured
    scores: npt.NDArray[np.float64]  # (seeds, points), 0 to 1

    def verdict(self) -> str:
        """What the second half of the training gave."""
        # the measured point that is nearest to half of the run
        half = int(np.abs(self.steps - self.steps[-1] / 2).argmin())
        found = paired(self.scores[:, half], self.scores[:, -1])
        word = ("still gains" if found.low > 0 else "loses" if found.high < 0 else
                "makes no clear difference")
        best = self.steps[self.scores.mean(0).argmax()]
        return (f"{self.title}: the second half of {self.steps[-1]:,} steps {word}: "
                f"{points(found)}. The mean is highest after {best:,} steps.")


def longer(data: Data, settings: Settings, seeds: int = 4, looks: int = 20) -> Longer:
    """Train, and measure the validation accuracy `looks` times on the way."""
    runs = train_many(data, settings.replace(eval_every=max(1, settings.max_steps // looks)),
                      range(seeds))
    steps = np.asarray(runs[0].history.steps("val_accuracy")) + 1  # step 0 is the first
    return Longer(data.name, steps, np.array([run.history.series("val_accuracy") for run in runs]))


def plot_longer(*found: Longer) -> Picture:
    """Accuracy over steps, mean and lowest to highest seed."""
    figure = Figure(figsize=(4.7 * len(found), 2.8), layout="constrained")
    for axes, one in zip(figure.subplots(1, len(found), squeeze=False)[0], found, strict=True):
        axes.fill_between(one.steps, 100 * one.scores.min(0), 100 * one.scores.max(0),
                          color=PALETTE[0], alpha=0.25, linewidth=0)
        axes.plot(one.steps, 100 * one.scores.mean(0), "-o", color=PALETTE[0], markersize=3)
        axes.axvline(one.steps[-1] / 2, color="0.3", linestyle=":", label="half of the time")
        axes.set(xlabel="step", ylabel="validation accuracy (%)", xscale="log")
        axes.set_title(f"{one.title}: {one.scores[:, -1].mean():.1%} after {one.steps[-1]:,} steps "
                       f"(n = {len(one.scores)})", fontsize=9)
        axes.grid(alpha=0.3, which="both")
        axes.legend(frameon=False, fontsize=8)
    return Picture(figure, " ".join(one.verdict() for one in found))


@dataclass(frozen=True)
class Averaged:
    """The same runs judged with their newest weights and with averages of weights."""

    title: str
    steps: npt.NDArray[np.int64]  # (points,)
    curves: Mapping[str, npt.NDArray[np.float64]]  # by way: accuracy (seeds, points), 0 to 1
    end: SeedComparison  # at the end

    def jumps(self, way: str) -> float:
        """How far the accuracy moves from point to point in the second half, mean (points)."""
        half = self.curves[way][:, len(self.steps) // 2:]
        return float(100 * np.abs(np.diff(half, axis=1)).mean())

    def verdict(self) -> str:
        first = self.end.base
        calm = ", ".join(f"{way} {self.jumps(way):.2f}" for way in self.curves)
        rows = [self.end.verdict(way) for way in self.end.scores if way != first]
        return "\n".join([*rows, f"{self.title}, movement from look to look (points): {calm}."])


def averaged(data: Data, settings: Settings, seeds: int = 4, decay: float = 0.98,
             looks: int = 24) -> Averaged:
    """Train with a constant rate and keep two averages of the weights; and train once more with a
    cosine schedule and no average.

    Args:
        decay: of the moving average. looks: how often the accuracy is measured on the way, at
            `settings.eval_samples` samples; the end is judged on the whole validation set.
    """
    ways = ("newest weights", f"moving average {decay:g}", "mean of the second half")
    curves: dict[str, list[list[float]]] = {way: [] for way in ways}
    end: dict[str, list[float]] = {way: [] for way in ways}
    for seed in range(seeds):
        rows, last = _one(data, settings.replace(seed=seed), decay, looks)
        for way, row, value in zip(ways, rows, last, strict=True):
            curves[way].append(row)
            end[way].append(value)
    cosine = train_many(data, settings.replace(schedule="cosine", eval_samples=50), range(seeds))
    end["cosine, newest weights"] = [evaluate(run.model, data.validation).accuracy for run in cosine
                                     if run.model is not None]
    steps = np.arange(1, looks + 1) * max(1, settings.max_steps // looks)
    return Averaged(data.name, steps, {way: np.array(rows) for way, rows in curves.items()},
                    SeedComparison(data.name, end))


def _one(data: Data, settings: Settings, decay: float,
         looks: int) -> tuple[list[list[float]], list[float]]:
    """One run: three curves (looks,), and three accuracies at its end.

    The mean of the second half is NaN before that half begins.
    """
    training = Training(build_model(settings, data.shape, data.num_classes), data, settings)
    moving, mean = WeightAverage(training.model, decay), WeightAverage(training.model)
    split = stratified_subset(data.validation, settings.eval_samples)
    every = max(1, settings.max_steps // looks)  # steps between two measurements
    rows: list[list[float]] = [[], [], []]
    models = (training.model, moving.model, mean.model)
    while training.done < every * looks:
        training.step()
        moving.update()
        if training.done > every * looks // 2:  # averaging from the middle on
            mean.update()
        if training.done % every == 0:
            for row, model in zip(rows, models, strict=True):
                begun = model is not mean.model or mean.updates
                row.append(evaluate(model, split).accuracy if begun else np.nan)
    return rows, [evaluate(model, data.validation).accuracy for model in models]


def plot_averaged(found: Sequence[Averaged]) -> Picture:
    """The first seed's curves: newest weights jump, averages do not."""
    figure = Figure(figsize=(4.7 * len(found), 2.9), layout="constrained")
    for axes, one in zip(figure.subplots(1, len(found), squeeze=False)[0], found, strict=True):
        for number, (way, rows) in enumerate(one.curves.items()):
            axes.plot(one.steps, 100 * rows[0], LINES[number], color=PALETTE[number],
                      marker="os^"[number], markersize=3, label=way)
        low, high = np.nanmin(100 * rows_after(one)), np.nanmax(100 * rows_after(one))
        axes.set(xlabel="step", ylabel="validation accuracy (%)", ylim=(low - 1, high + 1))
        newest, average = (one.jumps(way) for way in list(one.curves)[:2])
        axes.set_title(f"{one.title}: from look to look {newest:.1f} points, "
                       f"averaged {average:.1f}", fontsize=9)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=7)
    moves = {one.title: ", ".join(f"{way} {one.jumps(way):.2f}" for way in one.curves)
             for one in found}
    words = " ".join(f"{title}: {text}." for title, text in moves.items())
    return Picture(figure, "Validation accuracy over steps, first seed; movement from look to look "
                   f"in points. {words}", colours=64)


def rows_after(one: Averaged) -> npt.NDArray[np.float64]:
    """(ways, points) of the first seed without the first sixth, where everything climbs."""
    return np.stack([rows[0][len(one.steps) // 6:] for rows in one.curves.values()])
