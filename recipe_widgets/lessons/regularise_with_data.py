"""What notebook 07 shows."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError, Settings, generator
from recipe_widgets.data import Data
from recipe_widgets.lessons.augmenting import augment_effect, gallery, keeps_label, under_change
from recipe_widgets.lessons.changed_inputs import changed, resized, with_noise_inputs
from recipe_widgets.lessons.compare import PALETTE
from recipe_widgets.lessons.imbalance import class_weights, imbalance
from recipe_widgets.lessons.more_data import more_data, plot_curves
from recipe_widgets.lessons.sweeps import sweep, sweeps_beside
from recipe_widgets.lessons.transfer import (
    autoencoder_of,
    pretraining,
    reconstructions,
    supervised_wins,
    unlabelled,
)
from recipe_widgets.lessons.trials import Trials, beside, end_accuracy
from recipe_widgets.plots import Picture
from recipe_widgets.training import train_many

__all__ = [
    "augment_effect", "autoencoder_of", "batch_noise", "beside", "changed", "check_augmentation",
    "class_weights", "gallery", "imbalance", "input_sizes", "keeps_label", "more_data",
    "noise_inputs", "plot_curves", "pretraining", "reconstructions", "resized", "supervised_wins",
    "sweep", "sweeps_beside", "under_change", "unlabelled"
]


def noise_inputs(data: Data, settings: Settings, extra: tuple[int, ...] = (0, 784, 3136),
                 seeds: int = 4) -> Trials:
    """Inputs that tell nothing, added to a small training set: `extra` columns of normal noise."""
    return Trials(
        f"{data.name}, {data.train.size} samples", {
            f"+{count:,} noise inputs": _accuracies(with_noise_inputs(data, count), settings, seeds)
            for count in extra
        })


def input_sizes(data: Data, settings: Settings, sides: tuple[int, ...], seeds: int = 4) -> Trials:
    """The same images with fewer pixels a side."""
    own = data.shape[-1]
    return Trials(
        f"{data.name}, {data.train.size} samples", {
            f"{side}x{side} pixels":
            _accuracies(data if side == own else resized(data, side), settings, seeds)
            for side in sides
        })


def _accuracies(data: Data, settings: Settings, seeds: int) -> list[float]:
    runs = train_many(data, settings, range(seeds))
    return [0.0 if run.status == "diverged" else run.history.last("val_accuracy") for run in runs]


def batch_noise(data: Data, sizes: tuple[int, ...] = (4, 16, 64, 256), draws: int = 200,
                seed: int = 0) -> Picture:
    """How much the mean of a batch differs from batch to batch, against batch size: what
    BatchNorm subtracts.
    """
    # (N,) mean of each normalised image
    x = torch.cat([x.flatten(1).mean(1) for x, _ in data.train.batches(1000)])
    draw = generator(seed, "check")
    spreads = [
        float(
            torch.stack(
                [x[torch.randperm(len(x), generator=draw)[:size]].mean()
                 for _ in range(draws)]).std())
        for size in sizes
    ]
    figure = Figure(figsize=(5.5, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.loglog(sizes, spreads, "o", color=PALETTE[0], label=f"measured over {draws} batches")
    axes.loglog(sizes, [float(x.std()) / size**0.5 for size in sizes], "--", color="0.4",
                label="std / √batch size")
    axes.set(xlabel="batch size (samples)", ylabel="std of the batch mean\n(normalised brightness)")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_yticks(spreads, [f"{spread:.3f}" for spread in spreads])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter("")
    axes.set_title(
        f"{data.name}: the mean of a batch of {sizes[0]} is {spreads[0] / spreads[-1]:.0f} times as noisy as "
        f"that of {sizes[-1]}", fontsize=9)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    points = ", ".join(f"{size}: {value:.3f}" for size, value in zip(sizes, spreads, strict=True))
    return Picture(
        figure,
        f"Standard deviation of the mean of a batch by batch size: {points}; it falls with the root."
    )


def check_augmentation(data: Data, settings: Settings, augment: str, strength: float = 1.0,
                       seeds: int = 3) -> str:
    """Judge the exercise: an augmentation that keeps the labels and gains validation accuracy on
    these samples.
    """
    chosen = settings.replace(augment=augment, augment_strength=strength)
    if chosen.augment == "none" or not strength:
        raise RecipeError("check_augmentation", found=f"augment={augment!r}, strength={strength:g}",
                          expected="an augmentation", mend='For example "rotate".')
    if not {"mixup", "cutmix"} & set(augment.split("+")):
        kept = keeps_label(data, augment, strength)
        if kept.status in ("warn", "fail"):
            return f"Not yet: {kept.message}. {kept.advice}"
    runs = {name: [end_accuracy(data, one.replace(seed=seed)) for seed in range(seeds)]
            for name, one in (("none", settings.replace(augment="none")), (augment, chosen))}
    trials = Trials(f"{data.name}, {data.train.size} samples", runs)
    if trials.difference(augment).low > 0:
        return f"Right. {trials.verdict(augment)}"
    hint = "Weaker, or another one." if trials.difference(
        augment).difference < 0 else "Stronger, or one more beside it."
    return f"Not yet: the label survives, but a gain is not shown. {trials.verdict(augment)} {hint}"
