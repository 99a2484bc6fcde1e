"""Fewer pixels, inputs that tell nothing, and the noise of a batch's mean. Notebook 07, R1 and R6."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from recipe_widgets.core import Settings, generator
from recipe_widgets.data import Data
from recipe_widgets.evaluation.seed_comparison import SeedComparison
from recipe_widgets.lessons.common.changed_data import changed as changed
from recipe_widgets.lessons.common.changed_data import resized as resized
from recipe_widgets.lessons.common.changed_data import with_noise_inputs
from recipe_widgets.lessons.common.comparison import beside as beside
from recipe_widgets.lessons.common.guarded import train_many
from recipe_widgets.lessons.common.sweeps import sweep as sweep
from recipe_widgets.lessons.common.sweeps import sweeps_beside as sweeps_beside
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE


def noise_inputs(data: Data, settings: Settings, extra: tuple[int, ...] = (0, 784, 3136),
                 seeds: int = 4) -> SeedComparison:
    """Inputs that tell nothing, added to a small training set: `extra` columns of normal noise."""
    return SeedComparison(
        f"{data.name}, {data.train.size} samples", {
            f"+{count:,} noise inputs": _accuracies(with_noise_inputs(data, count), settings, seeds)
            for count in extra
        })


def input_sizes(data: Data, settings: Settings, sides: tuple[int, ...], seeds: int = 4) -> SeedComparison:
    """The same images with fewer pixels a side: fewer inputs, and fewer weights to overfit."""
    own = data.shape[-1]
    return SeedComparison(
        f"{data.name}, {data.train.size} samples", {
            f"{side}x{side} pixels":
            _accuracies(data if side == own else resized(data, side), settings, seeds)
            for side in sides
        })


def _accuracies(data: Data, settings: Settings, seeds: int) -> list[float]:
    """Validation accuracy (0 to 1) at the end, one for each seed; 0 where the run diverged."""
    runs = train_many(data, settings, range(seeds))
    return [0.0 if run.status == "diverged" else run.history.last("val_accuracy") for run in runs]


def batch_noise(data: Data, sizes: tuple[int, ...] = (4, 16, 64, 256), draws: int = 200,
                seed: int = 0) -> Picture:
    """How much the mean of a batch differs from batch to batch, against batch size: it is what
    BatchNorm subtracts.
    """
    # (N,) mean of each normalised image
    means = torch.cat([x.flatten(1).mean(1) for x, _ in data.train.batches(1000)])
    draw = generator(seed, "check")

    def spread(size: int) -> float:
        """Standard deviation of the mean over `draws` batches of this size."""
        batches = [torch.randperm(len(means), generator=draw)[:size] for _ in range(draws)]
        return float(torch.stack([means[rows].mean() for rows in batches]).std())

    spreads = [spread(size) for size in sizes]
    figure = Figure(figsize=(5.5, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.loglog(sizes, spreads, "o", color=PALETTE[0], label=f"measured over {draws} batches")
    # the law for independent samples
    axes.loglog(sizes, [float(means.std()) / size**0.5 for size in sizes], "--", color="0.4",
                label="std / √batch size")
    axes.set(xlabel="batch size (samples)", ylabel="std of the batch mean\n(normalised brightness)")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_yticks(spreads, [f"{spread:.3f}" for spread in spreads])
    for axis in (axes.xaxis, axes.yaxis):  # else the minor ticks are labelled as powers of ten
        axis.set_minor_formatter("")
    times = spreads[0] / spreads[-1]
    axes.set_title(f"{data.name}: the mean of a batch of {sizes[0]} is {times:.0f} times as noisy "
                   f"as that of {sizes[-1]}", fontsize=9)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    points = ", ".join(f"{size}: {value:.3f}" for size, value in zip(sizes, spreads, strict=True))
    return Picture(figure, "Standard deviation of the mean of a batch by batch size: "
                   f"{points}; it falls with the root.")
