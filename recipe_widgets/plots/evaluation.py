"""Pictures of an evaluation: reliability diagram, confusion matrix, the worst mistakes."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from recipe_widgets.core.validation import validated
from recipe_widgets.evaluation import Calibration, Confusion, Mistakes
from recipe_widgets.plots.figures import (
    BLUE,
    GREY,
    image_grid,
    legend,
    set_title,
    text_card,
    titled_axes,
)
from recipe_widgets.plots.picture import Picture


@validated
def plot_calibration(found: Calibration) -> Picture:
    """Accuracy over confidence, and below how many samples are so sure."""
    figure = Figure(figsize=(4.6, 4.6), layout="constrained")
    title = f"Expected calibration error {found.ece:.1%}"
    set_title(figure, title, 4.6)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    width, centres = np.diff(found.edges), (found.edges[1:] + found.edges[:-1]) / 2
    top.bar(centres, np.nan_to_num(found.accuracy), width, color=BLUE, edgecolor="white",
            label="share right")
    top.plot(found.confidence, found.accuracy, "o", color="black", markersize=3,
             label="mean confidence")
    top.plot([0, 1], [0, 1], "--", color=GREY, label="calibrated")
    top.set(ylabel="share right", ylim=(0, 1), xlim=(0, 1))
    legend(top)
    below.bar(centres, found.counts, width, color=GREY, edgecolor="white")
    below.set(xlabel="confidence (winning probability)", ylabel="samples")
    return Picture(figure, f"Reliability diagram: {found}.")


@validated
def plot_confusion(found: Confusion) -> Picture:
    """Rows are the truth, columns the answers; each row's shares as shades, its counts as
    numbers.
    """
    k = len(found.counts)
    figure, axes = titled_axes(str(found), max(4.5, 0.52 * k + 2), max(3.8, 0.42 * k + 1.6))
    # cividis is safe for colour-blind readers
    image = axes.imshow(np.nan_to_num(found.shares), cmap="cividis", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    places = np.arange(k)
    axes.set_xticks(places, found.names, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(places, found.names, fontsize=8)
    axes.set(xlabel="answer", ylabel="truth")
    if k <= 20:
        for t in range(k):
            for p in range(k):
                if found.counts[t, p]:
                    axes.text(p, t, str(found.counts[t, p]), ha="center", va="center", fontsize=7,
                              color="black" if found.shares[t, p] > 0.5 else "white")
    return Picture(figure, f"Confusion matrix: {found}.")


@validated
def plot_mistakes(found: Mistakes) -> Picture:
    title = f"The {len(found)} worst mistakes, the highest loss first" if len(
        found) else "No mistake"
    if found.images is None:
        return text_card(title, str(found).splitlines(), f"{title}: {found}")
    return image_grid(found.images, found.captions(), title, f"{title}.")
