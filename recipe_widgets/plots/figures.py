"""What the still pictures share: colours, a sheet with one set of axes, galleries of images."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe_widgets.plots.picture import Picture

# Okabe & Ito's colours, told apart also by colour-blind readers; a colour is never the only
# difference. Pink, yellow and sky are darker than theirs: 3 to 1 against white, as WCAG 2.1 asks.
BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#BF6A9A"
YELLOW, SKY, BLACK, GREY = "#B07A00", "#2B90C9", "#000000", "#767676"
PALETTE = (BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, BLACK)
LINES = ("-", "--", "-.", ":")  # styles of lines, so that colour is never the only difference
MOST_IMAGES, MOST_BARS = 32, 40  # shown in one picture


def titled_axes(title: str, width: float = 7.0, height: float = 3.2) -> tuple[Figure, Axes]:
    """A figure with one set of axes and a title that states the finding."""
    figure = Figure(figsize=(width, height), layout="constrained")
    set_title(figure, title, width)
    return figure, figure.subplots()


def set_title(figure: Figure, title: str, width: float = 7.0) -> None:
    """A title that is wrapped to the figure's width in inches."""
    # some 12 characters of this size fit into an inch
    figure.suptitle(textwrap.fill(title, max(20, int(12.5 * width))), fontsize=10)


def image_grid(images: npt.NDArray[Any], captions: Sequence[str], title: str, alt: str) -> Picture:
    """Images uint8 (n, C, H, W) or float (n, C, H, W), each under its caption; at most 32 of
    them.
    """
    shown = min(len(images), MOST_IMAGES)
    # twice as wide as high, as pages are
    columns = min(8, max(1, math.ceil(math.sqrt(2 * shown)))) if shown else 1
    rows = max(1, math.ceil(shown / columns))
    lines = max((caption.count("\n") + 1 for caption in captions[:shown]), default=1)
    width = max(3.5, 1.15 * columns)  # inches; a title needs some room
    figure = Figure(figsize=(width, rows * (1.05 + 0.15 * lines) + 0.6), layout="constrained")
    more = f" ({shown} of {len(images)} shown)" if len(images) > shown else ""
    set_title(figure, title + more, width)
    for number, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if number < shown:  # the last row may have places left
            axes.imshow(displayable(images[number]), cmap="gray", interpolation="nearest")
            axes.set_title(captions[number] if number < len(captions) else "", fontsize=7)
    words = "; ".join(caption.replace("\n", " ") for caption in captions[:shown])
    return Picture(figure, f"{alt} Images: {words}." if words else alt)


def displayable(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(C, H, W) as matplotlib wants it: (H, W) for one channel, (H, W, 3) for colours; floats
    are stretched to 0..1.
    """
    if image.ndim == 3:  # of other numbers of channels the first one is shown
        image = image[0] if len(image) not in (3, 4) else image.transpose(1, 2, 0)
    if image.dtype == np.uint8:
        return image
    low, high = float(np.nanmin(image)), float(np.nanmax(image))
    return np.asarray((image - low) / max(high - low, 1e-12))


def horizontal_bars(axes: Axes, names: Sequence[str], values: npt.NDArray[Any], label: str,
                    log: bool = False, colour: str = BLUE) -> None:
    """Horizontal bars from the top down, as many as there is room for."""
    names, values = list(names)[:MOST_BARS], np.asarray(values, np.float64)[:MOST_BARS]
    shown = np.where(np.isfinite(values), values, np.nan)
    if log:
        positive = shown[shown > 0]  # a log axis has no place for 0: it becomes the shortest bar
        shown = np.where(shown > 0, shown, positive.min() / 10 if len(positive) else 1e-12)
        axes.set_xscale("log")
    places = np.arange(len(names))  # from the top down, see ylim
    axes.barh(places, shown, color=colour)
    axes.set_yticks(places, [textwrap.shorten(str(name), 34, placeholder="…") for name in names],
                    fontsize=8)
    axes.set(xlabel=label, ylim=(len(names) - 0.4, -0.6))
    axes.grid(axis="x", alpha=0.3)


def threshold_line(axes: Axes, value: float, text: str, horizontal: bool = False,
                   colour: str = ORANGE) -> None:
    """A dashed line at a threshold, named in the legend."""
    (axes.axhline if horizontal else axes.axvline)(value, color=colour, linestyle="--",
                                                   linewidth=1.2, label=text)


def legend(axes: Axes) -> None:
    """A legend, where anything has a label."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)


def legend_below(axes: Axes) -> None:
    """Under the axes, where bars do not run into it."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.get_figure(root=True).legend(  # type: ignore[union-attr]
            handles, labels, frameon=False, fontsize=8, ncols=4, loc="outside lower center")


def text_card(title: str, lines: Sequence[str], alt: str) -> Picture:
    """Words where there is nothing to draw."""
    # 88 characters of this size are 7 inches
    wrapped = [part for line in lines for part in textwrap.wrap(line, 88) or [""]]
    figure = Figure(figsize=(7, 0.75 + 0.21 * max(1, len(wrapped))), layout="constrained")
    set_title(figure, title)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.01, 0.98, "\n".join(wrapped), va="top", fontsize=9, transform=axes.transAxes)
    return Picture(figure, alt)
