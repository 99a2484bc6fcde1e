"""The picture of settings compared over seeds."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe_widgets.evaluation.seed_comparison import SeedComparison
from recipe_widgets.plots.figures import PALETTE
from recipe_widgets.plots.picture import Picture


def plot_seed_comparisons(*comparisons: SeedComparison, title: str = "") -> Picture:
    """One panel per experiment: a dot per seed, a bar at the mean of each arm."""
    rows = max(len(one.scores) for one in comparisons)
    figure = Figure(figsize=(max(6.5, 4.7 * len(comparisons)), 1.5 + 0.42 * rows),
                    layout="constrained")
    grid = figure.subplots(1, len(comparisons), squeeze=False)[0]
    for axes, one in zip(grid, comparisons, strict=True):
        _dots(axes, one)
    if title:
        figure.suptitle(title, fontsize=10)
    parts = []
    for one in comparisons:
        means = ", ".join(f"{arm} {one.mean(arm):.1%}" for arm in one.scores)
        parts.append(f"{one.title}, {one.measure}, mean of {one.seeds} {one.repeats}: {means}")
    return Picture(figure, "; ".join(parts) + ".")


def _dots(axes: Axes, one: SeedComparison) -> None:
    for row, (arm, scores) in enumerate(one.scores.items()):
        colour = PALETTE[row % len(PALETTE)]
        axes.plot([100 * one.mean(arm)] * 2, [row - 0.3, row + 0.3], color=colour, linewidth=3)
        axes.plot(100 * np.asarray(scores), np.full(len(scores), float(row)), "o", color=colour,
                  alpha=0.5, markersize=5)
    axes.set_yticks(range(len(one.scores)), list(one.scores))
    axes.set(xlabel=f"{one.measure} (%)", ylim=(len(one.scores) - 0.5, -0.5))
    axes.set_title(
        f"{one.title}\nbest mean: {one.best} (bar: mean of {one.seeds} {one.repeats})", fontsize=9)
    axes.grid(axis="x", alpha=0.3)
