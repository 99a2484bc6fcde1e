"""Pictures of what a learner's own lines computed: signals by layer, first filters, loss curves.
(Notebook 04.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import torch
from matplotlib.figure import Figure

from recipe_widgets.core.validation import filled, validated, whole
from recipe_widgets.lessons.common.line_pictures import Number
from recipe_widgets.lessons.common.line_pictures import draw_by_rate as draw_by_rate
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE, set_title

LOWEST, HIGHEST = 1e-30, 1e30  # what a logarithmic axis can show


@validated
def draw_by_layer(signals: Annotated[Mapping[str, tuple[Sequence[Number], Sequence[Number]]], filled()],
                  title: str = "") -> Picture:
    """Activations left, gradients right, by layer, one line a network.

    signals: name -> (size of the activations, size of the gradients), from the first layer on.
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    said = []
    for axes, what, side in zip(figure.subplots(1, 2), ("activations", "gradients"), (0, 1),
                                strict=True):
        for number, (name, both) in enumerate(signals.items()):
            values = np.clip(np.asarray(both[side], float), LOWEST, HIGHEST)
            axes.plot(np.arange(1, len(values) + 1), values, LINES[number % len(LINES)], marker="o",
                      markersize=3, color=PALETTE[number % len(PALETTE)], label=name)
            said.append(f"{name}, {what}: {values[0]:.2g} at the first layer, {values[-1]:.2g} at the "
                        "last")
        axes.set(yscale="log", xlabel="layer (1 is next to the input)", ylabel=f"size of the {what}")
        axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center",
                  ncols=min(5, len(signals)), frameon=False, fontsize=8)
    set_title(figure, title, 9)
    return Picture(figure, f"{title + ': ' if title else ''}{'; '.join(said)}.")


@validated
def draw_filters(rows: Annotated[Mapping[str, torch.Tensor], filled()], title: str = "",
                 count: Annotated[int, whole(1, 100)] = 6) -> Picture:
    """Weights of a first layer as pictures, one row a name: black is negative, white is positive.

    rows: name -> (n, C, H, W); the first `count` are shown, in grey, as the mean of the colours.
    """
    shown = {name: filters.detach().cpu().float().mean(dim=1)[:count] for name, filters in rows.items()}
    columns = max(len(filters) for filters in shown.values())
    figure = Figure(figsize=(0.85 * columns + 1.9, 0.85 * len(shown) + 0.5), layout="constrained")
    grid = figure.subplots(len(shown), columns, squeeze=False)
    for places, (name, filters) in zip(grid, shown.items(), strict=True):
        for axes in places:
            axes.set(xticks=[], yticks=[])
        for axes, weight in zip(places, filters, strict=False):
            span = max(float(weight.abs().max()), 1e-12)
            # seven levels of grey: noise in fine ones makes large files
            grey = torch.round((weight / span + 1) * 3) / 6
            axes.imshow(grey.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        places[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    set_title(figure, title, 0.85 * columns + 1.9)
    return Picture(figure, f"{title}: {columns} filters each. {'; '.join(shown)}.".replace(":\n", ", "))


@validated
def draw_gallery(losses: Annotated[Mapping[str, Sequence[Number]], filled()],
                 title: str = "") -> Picture:
    """One small chart a run: the loss of each step, pale, and its running mean, dark."""
    columns = 3
    rows = -(-len(losses) // columns)  # -(-a // b) rounds up
    figure = Figure(figsize=(9, 2.3 * rows + 0.3), layout="constrained")
    places, said = figure.subplots(rows, columns, squeeze=False).flat, []
    for axes, (name, values) in zip(places, losses.items(), strict=False):
        y = np.asarray(values, float)
        finite = y[np.isfinite(y)]
        axes.plot(finite, color="0.75", linewidth=0.7, antialiased=False)  # a third of the file size
        window = max(1, len(finite) // 20)
        means = np.convolve(finite, np.ones(window) / window, "valid")
        axes.plot(np.arange(len(means)) + window - 1, means, color=PALETTE[0])
        # single losses near 0 say little: the running mean decides
        if len(means) and means.max() > 20 * max(means.min(), 1e-9):
            axes.set_yscale("log")
        axes.set(xlabel="step", ylabel="loss (nats)", title=name)
        axes.grid(alpha=0.3)
        said.append(f"{name}: from {y[0]:.2g} to {y[-1]:.2g} in {len(y)} steps")
    for axes in figure.axes[len(losses):]:
        axes.set_axis_off()
    set_title(figure, title, 9)
    return Picture(figure, f"Training losses. {'; '.join(said)}.")
