"""First-layer filters over training, and a gallery of loss curves. (Notebook 04, sections 7 and 8.)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

from recipe_widgets.checks import curve_shape
from recipe_widgets.core import CheckResult, Run, Settings
from recipe_widgets.core.validation import filled, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.guarded import train
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture, downsample
from recipe_widgets.plots.figures import PALETTE
from recipe_widgets.training import steps


def first_filters(model: nn.Module, data: Data) -> np.ndarray:
    """(n, C, H, W) weights of the first layer as pictures, for a convolution as for a linear
    layer.
    """
    first = next(part for part in model.modules() if isinstance(part, (nn.Conv2d, nn.Linear)))
    weight = first.weight.detach()
    return (weight if weight.ndim == 4 else weight.view(-1, *data.shape)).numpy().copy()


@validated
def smoothness(filters: np.ndarray) -> float:
    """Correlation of neighbouring weights, -1 to 1; 0 for noise."""
    centred = filters.astype(np.float64)
    centred -= centred.mean((2, 3), keepdims=True)
    right = (centred[..., :-1] * centred[..., 1:]).mean()  # neighbours in a row
    below = (centred[..., :-1, :] * centred[..., 1:, :]).mean()  # and in a column
    cells = centred.shape[2] * centred.shape[3]
    # taking the mean away correlates noise by -1 / (cells - 1): added back, noise has 0
    return float((right + below) / 2 / max(1e-12, (centred**2).mean()) + 1 / (cells - 1))


@dataclass(frozen=True)
class Filters:
    """Filters (n, C, H, W) of some runs at some steps; their smoothness."""

    smooth: Mapping[str, tuple[float, ...]]
    at: tuple[int, ...]
    picture: Picture

    def __str__(self) -> str:
        return "\n".join(f"{name}: correlation of neighbouring weights " + ", ".join(
            f"{value:.2f} at step {step}" for value, step in zip(values, self.at, strict=True))
            for name, values in self.smooth.items())


@validated
def filters_over_time(data: Data, variants: Annotated[Mapping[str, Settings], filled()],
                      at: Annotated[Sequence[int], filled()],
                      count: Annotated[int, whole(1, 10**4)] = 6) -> Filters:
    """The first `count` filters of each run before its first step and at some later ones, drawn
    row by row.
    """
    at = sorted({0, *at})
    taken: dict[str, list[np.ndarray]] = {}
    for name, settings in tqdm(variants.items(), desc=data.name, unit="run", leave=False):
        model = build_model(settings, data.shape, data.num_classes)
        taken[name] = [first_filters(model, data)]
        for step in steps(model, data, settings.replace(max_steps=max(at))):
            if step.index + 1 in at:
                taken[name].append(first_filters(model, data))
    smooth = {name: tuple(map(smoothness, looks)) for name, looks in taken.items()}
    rows = [(name, when, filters, value) for name, looks in taken.items()
            for when, filters, value in zip(at, looks, smooth[name], strict=True)]
    figure = Figure(figsize=(count * 0.8 + 2.4, 0.72 * len(rows) + 0.4), layout="constrained")
    for axes_row, (name, when, filters, value) in zip(
            figure.subplots(len(rows), count, squeeze=False), rows, strict=True):
        for axes, weight in zip(axes_row, filters[:count], strict=True):
            shown = weight.transpose(1, 2, 0)  # (H, W, C)
            span = max(float(np.abs(shown).max()), 1e-12)
            # nine levels: noise in fine ones makes large files
            grey = np.round((shown / span + 1) * 4) / 8
            axes.imshow(grey.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
        axes_row[0].set_ylabel(f"{name}\nstep {when}: {value:.2f}", rotation=0, ha="right",
                               va="center", fontsize=8)
    change = "; ".join(
        f"{name} {values[0]:.2f} to {values[-1]:.2f}" for name, values in smooth.items())
    figure.suptitle(f"{data.name}: correlation of neighbouring weights, {change}", fontsize=10)
    words = "; ".join(f"{name} at step {when}: {value:.2f}" for name, when, _, value in rows)
    alt = (f"First-layer weights of {data.name} networks as pictures. Correlation of neighbouring "
           f"weights: {words}.")
    return Filters(smooth, tuple(at), Picture(figure, alt))


@dataclass(frozen=True)
class Gallery:
    """Runs, and what the check on their curves says."""

    runs: Mapping[str, Run]
    results: Mapping[str, CheckResult]

    def shape(self, name: str) -> str:
        return str(self.results[name].details["shape"])

    def __str__(self) -> str:
        return "\n".join(f"{chr(65 + number)}  {name:<34} {self.shape(name):<13} {result.message}"
                         for number, (name, result) in enumerate(self.results.items()))

    def plot(self, named: bool = True) -> Picture:
        """One small chart per run; `named=False` hides what each is, for guessing."""
        columns = 3
        rows = -(-len(self.runs) // columns)  # -(-a // b) rounds up
        figure = Figure(figsize=(9, 2.1 * rows), layout="constrained")
        said = []
        places = figure.subplots(rows, columns, squeeze=False).flat
        for number, (axes, (name, run)) in enumerate(zip(places, self.runs.items(), strict=False)):
            letter = chr(65 + number)  # A, B, C, ...
            at, losses = run.history.arrays("train_loss")
            finite = np.isfinite(losses)
            at, shown = at[finite], losses[finite]
            axes.plot(at, shown, color="0.75", linewidth=0.7,
                      antialiased=False)  # a third of the file size
            means = shown
            if len(shown):
                means = downsample(at, shown, bins=40)[1]
                axes.plot(*downsample(at, shown, bins=40), color=PALETTE[0])
            axes.set(xlabel="step", ylabel="loss (nats)",
                     title=letter + (f": {self.shape(name)}" if named else ""))
            # single losses near zero say little
            if len(shown) and means.max() > 20 * max(means.min(), 1e-9):
                axes.set_yscale("log")
            axes.grid(alpha=0.3)
            said.append(f"{letter} ({name}): {self.shape(name)}" if named else
                        f"{letter}: from {losses[0]:.2g} to {losses[-1]:.2g} in {len(losses)} steps")
        for axes in figure.axes[len(self.runs):]:
            axes.set_axis_off()
        return Picture(figure, "Training losses. " + "; ".join(said) + ".")


@validated
def curve_gallery(data: Data, variants: Annotated[Mapping[str, Settings], filled()]) -> Gallery:
    """Train each and ask `curve_shape`."""
    runs = {name: train(data, settings) for name, settings in variants.items()}
    return Gallery(runs, {name: curve_shape(run) for name, run in runs.items()})


@validated
def curve_variants(steps_: Annotated[int, whole(1, 10**6)] = 250) -> dict[str, Settings]:
    """Runs whose curves differ in kind."""
    base = Settings(max_steps=steps_, width=64, momentum=0.0, eval_every=max(1, steps_),
                    eval_samples=100)
    return {
        "a sound run": base.replace(lr=0.1),
        "learning rate far too high": base.replace(lr=30.0),
        "vanishing: 8 sigmoid layers": base.replace(depth=8, activation="sigmoid", lr=0.1),
        "6 linear layers, a high rate": base.replace(depth=6, activation="identity", lr=0.2),
        "batches of one sample": base.replace(depth=3, batch_size=1, lr=0.08),
        "exploding: leaky ReLU at rate 3": base.replace(activation="leaky_relu", lr=3.0),
    }
