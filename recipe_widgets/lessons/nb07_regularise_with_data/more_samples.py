"""What more samples would do: the error against the number of training samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.comparison import end_accuracy
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE


@dataclass(frozen=True)
class DataCurve:
    """Validation error against the number of training samples."""

    title: str
    sizes: tuple[int, ...]  # training samples, rising
    errors: np.ndarray  # (sizes, seeds), 0 to 1

    @property
    def means(self) -> np.ndarray:
        """(sizes,) over seeds."""
        return np.asarray(self.errors.mean(1))

    @property
    def per_tenfold(self) -> float:
        """By how much ten times the samples divide the error: 10^-slope of the line through the
        log-log points.
        """
        # 1e-6: an error of 0 has no logarithm
        slope = np.polyfit(np.log10(self.sizes), np.log10(np.maximum(self.means, 1e-6)), 1)[0]
        return float(10**-slope)

    @property
    def last_gain(self) -> float:
        """What the last enlargement took off the error (0 to 1)."""
        return float(self.means[-2] - self.means[-1])

    def verdict(self) -> str:
        """What the data did so far, and whether the end of the curve still falls beyond the
        spread of its seeds.
        """
        spread = float(np.ptp(self.errors[-1]))  # highest less lowest seed
        falls = ("still falls" if self.last_gain > spread else
                 "has flattened within the spread of its seeds")
        return (f"{self.title}: from {self.sizes[0]:,} to {self.sizes[-1]:,} samples the error "
                f"went from {self.means[0]:.1%} to {self.means[-1]:.1%} (mean of "
                f"{self.errors.shape[1]} seeds); ten times the data divide it by "
                f"{self.per_tenfold:.1f}. The curve {falls}: the last step, from "
                f"{self.sizes[-2]:,}, took off {100 * self.last_gain:.1f} points.")

    def __str__(self) -> str:
        rows = [
            f"{'samples':>10}    error   lowest  highest   {self.title}, validation, "
            f"n = {self.errors.shape[1]} seeds"
        ]
        rows += [f"{size:>10,}  {row.mean():>7.1%}  {row.min():>7.1%}  {row.max():>7.1%}"
                 for size, row in zip(self.sizes, self.errors, strict=True)]
        return "\n".join(rows)


def more_data(data: Data, settings: Settings, sizes: Sequence[int], seeds: int = 3) -> DataCurve:
    """The same number of steps on 100, 1000, ... samples; each seed draws its own samples and
    first weights.
    """
    if len(sizes) < 2 or list(sizes) != sorted(set(sizes)):
        raise RecipeError("more_data(sizes=)", found=repr(list(sizes)),
                          expected="two sizes or more, rising")
    errors = [[1 - end_accuracy(data.subset(size, seed), settings.replace(seed=seed))
               for seed in range(seeds)] for size in sizes]
    return DataCurve(f"{data.name}, {settings.model}", tuple(sizes), np.array(errors))


def plot_curves(*curves: DataCurve) -> Picture:
    """All on one pair of logarithmic axes: a straight line means that every tenfold gains the
    same factor.
    """
    figure = Figure(figsize=(7.5, 3.4), layout="constrained")
    axes = figure.subplots()
    for number, curve in enumerate(curves):
        colour = PALETTE[number % len(PALETTE)]
        low, high = (100 * end for end in (curve.errors.min(1), curve.errors.max(1)))
        # band: lowest to highest seed, in percent
        axes.fill_between(curve.sizes, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(curve.sizes, 100 * curve.means, "-o" if number % 2 == 0 else "--s", color=colour,
                  markersize=4, label=f"{curve.title}: ÷{curve.per_tenfold:.1f} per tenfold")
    axes.set(xscale="log", yscale="log", xlabel="training samples", ylabel="validation error (%)")
    axes.set_title(f"More data, lower error (line: mean of {curves[0].errors.shape[1]} seeds; "
                   "band: lowest to highest)", fontsize=10)
    _plain(axes.xaxis, [10**power for power in range(1, 7)])
    _plain(axes.yaxis, [1, 2, 5, 10, 20, 50, 100])
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False, fontsize=8)
    words = "; ".join(
        f"{curve.title}: from {curve.means[0]:.1%} at {curve.sizes[0]:,} samples to "
        f"{curve.means[-1]:.1%} at {curve.sizes[-1]:,}" for curve in curves)
    return Picture(figure, f"Validation error against training samples, both logarithmic. {words}.")


def _plain(axis: Axis, places: Sequence[int]) -> None:
    """Ticks at those of `places` that are in view, written as 1,000 rather than 10³."""
    low, high = sorted(axis.get_view_interval())
    seen = [one for one in places if low <= one <= high]
    axis.set_ticks(seen, labels=[f"{one:,}" for one in seen])
    axis.set_minor_formatter("")
