"""Pictures of an evaluation: reliability diagram, confusion matrix, the worst mistakes, a ledger
of changes.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import validated
from recipe_widgets.evaluation import Calibration, Confusion, Ledger, Mistakes
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
    width, centres = np.diff(found.edges), (found.edges[1:] + found.edges[:-1]) / 2  # (bins,)
    # a bin without samples has no accuracy: no bar
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
    classes = len(found.counts)
    # inches: each class needs room for its name and its counts
    figure, axes = titled_axes(str(found), max(4.5, 0.52 * classes + 2),
                               max(3.8, 0.42 * classes + 1.6))
    # cividis is safe for colour-blind readers
    image = axes.imshow(np.nan_to_num(found.shares), cmap="cividis", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    places = np.arange(classes)
    axes.set_xticks(places, found.names, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(places, found.names, fontsize=8)
    axes.set(xlabel="answer", ylabel="truth")
    if classes <= 20:  # more numbers than that could not be read
        for true, answer in np.argwhere(found.counts):
            # cividis is bright where shares are high
            colour = "black" if found.shares[true, answer] > 0.5 else "white"
            axes.text(answer, true, str(found.counts[true, answer]), ha="center", va="center",
                      fontsize=7, color=colour)
    return Picture(figure, f"Confusion matrix: {found}.")


@validated
def plot_mistakes(found: Mistakes) -> Picture:
    """The images with their captions; for tables the captions alone."""
    title = (f"The {len(found)} worst mistakes, the highest loss first" if len(found)
             else "No mistake")
    if found.images is None:
        return text_card(title, str(found).splitlines(), f"{title}: {found}")
    return image_grid(found.images, found.captions(), title, f"{title}.")


def plot_ledger(ledger: Ledger) -> Picture:
    """Differences with their 95 % intervals; what was kept is filled."""
    entries = [entry for entry in ledger.entries.values() if entry.result is not None]
    if not entries:
        raise RecipeError("Ledger.plot()", found="nothing measured", expected="one change",
                          mend="Call measure first.")
    factor = 100 if ledger.percent else 1  # shares are shown in points
    real = sum(entry.result.real for entry in entries if entry.result is not None)
    title = f"{real} of {len(entries)} changes differ beyond the seeds' spread"
    figure, axes = titled_axes(title, height=1.2 + 0.4 * len(entries))
    for place, entry in enumerate(entries):  # from the top down
        found = entry.result
        assert found is not None
        axes.plot([factor * found.low, factor * found.high], [place, place], color=BLUE,
                  linewidth=2)
        axes.plot(factor * found.difference, place, "o", color=BLUE, markersize=8,
                  fillstyle="full" if entry.kept else "none")
    axes.axvline(0, color=GREY, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(entries)),
                    [f"{entry.name}\n(expected {entry.expected})" for entry in entries], fontsize=8)
    unit = " (points)" if ledger.percent else ""
    axes.set(xlabel=f"change of {ledger.what}{unit}, 95 % interval",
             ylim=(len(entries) - 0.4, -0.6))
    axes.grid(axis="x", alpha=0.3)
    return Picture(figure, str(ledger).replace("\n", "; "))
