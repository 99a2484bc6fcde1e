"""Accuracy over two knobs, measured once, so that searches can be repeated on it a thousand times.

Notebook 09.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from tqdm import tqdm

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.guarded import train_many
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Landscape:
    """Validation accuracy at each pair of a learning rate and a dropout rate.

    A run that diverged counts as a guess: 1 / classes.
    """

    title: str
    lrs: Floats  # (n,) rising
    dropouts: Floats  # (m,) rising
    by_seed: Floats  # (n, m, seeds), 0 to 1

    @cached_property
    def accuracy(self) -> Floats:
        """(n, m) mean over seeds."""
        return np.asarray(self.by_seed.mean(2))

    @property
    def seeds(self) -> int:
        return int(self.by_seed.shape[2])

    def at(self, points: npt.ArrayLike) -> Floats:
        """Accuracy (N,) at points (N, 2) of the unit square, interpolated between measured ones.

        Args:
            points: shares of the way through log lr, and through dropout.
        """
        return np.asarray(self._surface(np.clip(points, 0.0, 1.0)))

    @cached_property
    def _surface(self) -> Any:
        from scipy.interpolate import RegularGridInterpolator

        # both knobs from 0 to 1; the learning rate by its logarithm
        axes = [(values - values[0]) / (values[-1] - values[0])
                for values in (np.log(self.lrs), self.dropouts)]
        return RegularGridInterpolator(axes, self.accuracy)

    def lr_at(self, share: npt.ArrayLike) -> Floats:
        """Learning rates at shares of the way through its logarithm."""
        decades = np.log(self.lrs[-1] / self.lrs[0])
        return np.asarray(np.exp(np.log(self.lrs[0]) + np.asarray(share) * decades))

    def share_of_lr(self, lr: npt.ArrayLike) -> Floats:
        """The inverse of `lr_at`."""
        return np.asarray(np.log(np.asarray(lr) / self.lrs[0]) / np.log(self.lrs[-1] / self.lrs[0]))

    @property
    def best(self) -> tuple[float, float, float]:
        """Learning rate, dropout and accuracy of the best measured place."""
        row, column = np.unravel_index(int(self.accuracy.argmax()), self.accuracy.shape)
        return float(self.lrs[row]), float(self.dropouts[column]), float(self.accuracy[row, column])

    def shares(self) -> tuple[float, float]:
        """Of the variance over the table: what the learning rate alone explains, and what
        dropout alone does.
        """
        # variance of the means over the other knob: the main effect of an analysis of variance
        whole = float(self.accuracy.var())
        first, second = (float(self.accuracy.mean(axis).var()) for axis in (1, 0))
        return first / max(whole, 1e-12), second / max(whole, 1e-12)

    def __str__(self) -> str:
        lr, dropout, best = self.best
        first, second = self.shares()
        return (f"{self.title}: {self.accuracy.size} settings, mean of {self.seeds} seeds each. "
                f"Learning rate alone explains {first:.0%} of the variance, dropout alone "
                f"{second:.0%}. Best: {best:.1%} at lr {lr:.2g}, dropout {dropout:g}.")

    def plot(self) -> Picture:
        """The table as shades, and to the right what each knob does on its own."""
        figure = Figure(figsize=(9.5, 2.8), layout="constrained")
        axes, *sides = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
        image = axes.pcolormesh(self.lrs, self.dropouts, 100 * self.accuracy.T, cmap="cividis",
                                shading="nearest")
        figure.colorbar(image, ax=axes, label="validation accuracy (%)")
        axes.set(xscale="log", xlabel="learning rate", ylabel="dropout")
        for side, values, table, label in (
            (sides[0], self.lrs, self.accuracy, "learning rate"),
            (sides[1], self.dropouts, self.accuracy.T, "dropout")):
            # a row of the table for each value: over all values of the other knob
            side.fill_between(values, 100 * table.min(1), 100 * table.max(1), color=PALETTE[0],
                              alpha=0.25, linewidth=0)
            side.plot(values, 100 * table.mean(1), "-o", color=PALETTE[0], markersize=3)
            side.set(xlabel=label, ylim=(0, 100), ylabel="accuracy (%)" if side is sides[0] else "")
            side.grid(alpha=0.3)
        sides[0].set_xscale("log")
        first, second = self.shares()
        figure.suptitle(f"{self.title}: learning rate alone explains {first:.0%}, dropout alone "
                        f"{second:.0%} (line: mean; band: lowest to highest)", fontsize=10)
        return Picture(figure, str(self))


def landscape(data: Data, settings: Settings, lrs: Sequence[float], dropouts: Sequence[float],
              seeds: int = 2) -> Landscape:
    """Train every pair of values from `seeds` seeds (a bar shows how far it is).

    Raises:
        RecipeError: fewer than two values of a knob, or values that do not rise.
    """
    for name, values in (("lrs", lrs), ("dropouts", dropouts)):
        rises = all(left < right for left, right in itertools.pairwise(values))
        if len(values) < 2 or not rises:
            raise RecipeError(f"landscape({name}=)", found=repr(list(values)),
                              expected="two rising values or more")
    table = np.empty((len(lrs), len(dropouts), seeds))
    with tqdm(total=len(lrs) * len(dropouts), desc=f"{data.name}: settings trained",
              leave=False) as bar:
        for row, lr in enumerate(lrs):
            for column, dropout in enumerate(dropouts):
                chosen = settings.replace(lr=float(lr), dropout=float(dropout))
                table[row, column] = _scores(data, chosen, seeds)
                bar.update()
    return Landscape(data.name, np.asarray(lrs, np.float64), np.asarray(dropouts, np.float64),
                     table)


def _scores(data: Data, settings: Settings, seeds: int) -> list[float]:
    """Validation accuracy at the end, one for each seed; that of a guess where it diverged."""
    chance = 1 / data.num_classes
    # measured once, at the end: a landscape takes hundreds of runs
    runs = train_many(data, settings.replace(eval_every=max(1, settings.max_steps)), range(seeds))
    last = [chance if run.status == "diverged" else run.history.last("val_accuracy")
            for run in runs]
    return [chance if math.isnan(value) else value for value in last]


def flattered(land: Landscape, trials: int = 25, repeats: int = 1000) -> str:
    """How much better the winner of a search looks with the seed that chose it: draw `trials`
    settings of the table, take the best by one seed, and judge it by the other seeds.

    Raises:
        RecipeError: one seed only, or more trials than places.
    """
    places = land.by_seed.reshape(-1, land.seeds)  # (settings, seeds)
    if land.seeds < 2 or not 2 <= trials <= len(places):
        raise RecipeError("flattered", found=f"{land.seeds} seeds, {trials} trials",
                          expected=f"2 seeds, up to {len(places)} trials")
    rng, gaps = np.random.default_rng(0), np.empty(repeats)
    for repeat in range(repeats):
        drawn = places[rng.choice(len(places), trials, replace=False)]  # (trials, seeds)
        seed = rng.integers(land.seeds)
        best = drawn[drawn[:, seed].argmax()]
        gaps[repeat] = 100 * (best[seed] - np.delete(best, seed).mean())  # points
    low, high = np.quantile(gaps, [0.05, 0.95])
    word = "better" if gaps.mean() > 0 else "no better"
    return (f"{land.title}, {repeats:,} draws of {trials} trials from the table: with the seed that "
            f"chose it the best one looks {word} than with another seed, by {gaps.mean():+.2f} "
            f"points on average (nine of ten: {low:+.1f} to {high:+.1f}).")


def check_range(land: Landscape, low: float, high: float, decades: float = 2.0,
                within: float = 0.01) -> str:
    """Judge the exercise: a range of learning rates that holds the good ones, and not much else.

    Good is what comes within `within` of the best accuracy, at the best dropout.
    """
    if not 0 < low < high:
        return ("A range goes from low to high, both above 0; "
                f"this one goes from {low:g} to {high:g}.")
    best_lr, _, best = land.best
    near = "a point" if within == 0.01 else f"{100 * within:g} points"
    scores = land.accuracy.max(1)  # (n,) each learning rate at its best dropout
    good = land.lrs[scores >= best - within]
    wide = math.log10(high / low)
    if not low <= best_lr <= high:
        side = "below" if best_lr < low else "above"
        return f"No: the best measured one, {best_lr:.2g}, lies {side} this range."
    if wide > decades + 1e-9:  # rounding of the logarithm
        return (f"The best is in it, but so is much else: {wide:.1f} decades, "
                f"and {decades:g} are enough.")
    # at the edge of the table nobody knows what lies beyond: then holding the best is enough
    if best_lr in (land.lrs[0], land.lrs[-1]) or (low <= good.min() and good.max() <= high):
        return (f"Right: {low:g} to {high:g} holds all that comes within {near} of the best "
                f"({good.min():.2g} to {good.max():.2g}).")
    side = "lower" if good.min() < low else "upper"
    return f"Nearly: beyond its {side} end there are rates within {near} of the best."
