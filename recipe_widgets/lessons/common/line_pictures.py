"""Pictures of what a learner's own lines computed: lines over anything, numbers by learning rate.
(Notebooks 04 and 06.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import filled, measured, validated
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE, set_title

Number = Annotated[float, measured]  # NaN, too: a run may diverge


@validated
def draw_by_rate(values: Annotated[Mapping[str, Mapping[float, Sequence[Number]]], filled()],
                 ylabel: str, title: str = "", log: bool = False) -> Picture:
    """One line a name over the learning rate: the mean of the seeds, and the band from the lowest to
    the highest.

    values: name -> learning rate -> one number for each seed. log: logarithmic y axis.
    """
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    said = []
    for number, (name, by_rate) in enumerate(values.items()):
        rates = list(by_rate)
        seeds = [np.asarray(by_rate[rate], float) for rate in rates]
        colour = PALETTE[number % len(PALETTE)]
        axes.plot(rates, [one.mean() for one in seeds], LINES[number % len(LINES)], marker="o",
                  color=colour, label=name)
        axes.fill_between(rates, [one.min() for one in seeds], [one.max() for one in seeds],
                          color=colour, alpha=0.2, linewidth=0)
        said += [f"{name} at {rate:g}: {one.mean():.3g}" for rate, one in zip(rates, seeds, strict=True)]
    axes.set(xscale="log", yscale="log" if log else "linear", xlabel="learning rate", ylabel=ylabel)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    count = len(seeds[0])
    band = f" (mean of {count} seeds; band: lowest to highest)" if count > 1 else ""
    set_title(figure, title + band, 7)
    return Picture(figure, f"{ylabel} by learning rate. {'; '.join(said)}.")


@validated
def draw_lines(lines: Annotated[Mapping[str, tuple[Sequence[Number], Sequence[Number]]], filled()],
               xlabel: str, ylabel: str, title: str = "",
               log: Literal["", "x", "y", "xy"] = "") -> Picture:
    """One line a name. lines: name -> (x, y), equally many of both. log: the logarithmic axes."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    said = []
    for number, (name, (x, y)) in enumerate(lines.items()):
        if len(x) != len(y) or not len(x):
            raise RecipeError(f"draw_lines({name!r})", found=f"{len(x)} and {len(y)} numbers",
                              expected="equally many x and y, one at least")
        axes.plot(x, y, LINES[number % len(LINES)], color=PALETTE[number % len(PALETTE)], label=name)
        said.append(f"{name}: from {y[0]:.3g} to {y[-1]:.3g}")
    axes.set(xlabel=xlabel, ylabel=ylabel, xscale="log" if "x" in log else "linear",
             yscale="log" if "y" in log else "linear")
    axes.grid(alpha=0.3)
    if len(lines) > 1:
        axes.legend(frameon=False, fontsize=8)
    set_title(figure, title, 7)
    return Picture(figure, f"{ylabel} over {xlabel}. {'; '.join(said)}.")
