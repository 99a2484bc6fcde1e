"""What notebook 00 shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.core.arguments import checked, filled, fitting, real, whole
from recipe_widgets.data import Data
from recipe_widgets.data.augment import Augment
from recipe_widgets.lessons.compare import PALETTE, Comparison, compare
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture
from recipe_widgets.training import BatchIndices, train


@checked(count=whole(1, 10**4), seed=whole(0, 2**63 - 1))
@fitting("data, settings and numbers that this experiment can work with")
def show_batch(data: Data, count: int = 16, seed: int = 0, augment: str = "none") -> Picture:
    """The first `count` samples of the first training batch, decoded from exactly what enters
    `model(x)` and the loss.

    augment: as in `Settings`, such as "flip+crop".
    """
    if len(data.shape) != 3:
        raise RecipeError("show_batch(data)", found=f"samples of shape {data.shape}",
                          expected="images (C, H, W)")
    rows = next(BatchIndices(data.train.size, count, seed))
    x, y = data.train.batch(rows)  # (count, C, H, W) float32, (count,)
    if augment != "none":
        x, y, _ = Augment(data.train, augment, 1.0, data.num_classes, seed).batch(rows)
    low, high = float(x.min()), float(x.max())
    figure = Figure(figsize=(9, 0.6 + 1.3 * -(-len(x) // 8)), layout="constrained")
    for axes, image, label in zip(
            figure.subplots(-(-len(x) // 8), 8, squeeze=False).flat, x, y.tolist(), strict=False):
        axes.imshow(((image - low) / (high - low)).permute(1, 2, 0).squeeze(-1).numpy(),
                    cmap="gray")
        axes.set_title(data.classes[label], fontsize=9)
    for axes in figure.axes:
        axes.axis("off")
    mean, std = float(x.mean()), float(x.std())
    figure.suptitle(
        f"What the network sees: {low:.2f} (black) to {high:.2f} (white), mean {mean:.2f}, std {std:.2f}",
        fontsize=9)
    names = ", ".join(data.classes[label] for label in y.tolist())
    return Picture(figure, f"{len(x)} training images with their labels: {names}.",
                   colours=0 if len(image) == 1 and augment == "none" else 128)


@checked(seeds=whole(1, 1000))
@fitting("data, settings and numbers that this experiment can work with")
def compare_loops(data: Data, settings: Settings, seeds: int = 3) -> Comparison[str]:
    """A sound program (A) and one with a softmax before the cross-entropy (B), same seeds, same
    batches.
    """

    def run(seed: int, broken: bool) -> Run:
        chosen = settings.replace(seed=seed)
        model = build_model(chosen, data.shape, data.num_classes)
        return train(data, chosen, nn.Sequential(model, nn.Softmax(dim=1)) if broken else model)

    return compare({"A": lambda seed: run(seed, False), "B": lambda seed: run(seed, True)}, seeds)


class LrSweep(Comparison[float]):
    """The same run at several learning rates."""

    @property
    def best_lr(self) -> float:
        return max(self.runs, key=self.mean)

    def plot(self, title: str = "") -> Picture:
        """Validation accuracy against learning rate: mean, lowest and highest."""
        figure = Figure(figsize=(6, 3), layout="constrained")
        axes = figure.subplots()
        lrs = list(self.runs)
        means = np.array([self.mean(lr) for lr in lrs]) * 100
        spread = np.abs(np.array([[self.worst(lr), self.best(lr)] for lr in lrs]).T * 100 - means)
        axes.errorbar(lrs, means, yerr=spread, color=PALETTE[0], marker="o", capsize=4)
        axes.set(xscale="log", xlabel="learning rate", ylabel="validation accuracy (%)",
                 ylim=(0, 100), title=title or f"Best of these: learning rate {self.best_lr:g}")
        axes.grid(alpha=0.3)
        points = "; ".join(f"{lr:g}: {mean:.0f} %" for lr, mean in zip(lrs, means, strict=True))
        return Picture(
            figure, f"Validation accuracy by learning rate, mean of {self.seeds} seeds: {points}.")


@checked(lrs=filled(), seeds=whole(1, 1000))
@fitting("data, settings and numbers that this experiment can work with")
def lr_sweep(data: Data, settings: Settings, lrs: Sequence[float], seeds: int = 3) -> LrSweep:
    """The run that `settings` describe at each of `lrs`."""
    makers = {
        lr: (lambda seed, lr=lr: train(data, settings.replace(lr=lr, seed=seed))) for lr in lrs
    }
    return LrSweep(compare(makers, seeds).runs)


@checked()
@fitting("data, settings and numbers that this experiment can work with")
def one_epoch(data: Data, settings: Settings) -> Picture:
    """A run's training loss with its words on it: a step, an epoch's end, the loss of a guess."""
    run = train(data, settings)
    x, y = run.history.arrays("train_loss")
    guess = float(np.log(data.num_classes))
    per_epoch = data.train.size // min(settings.batch_size, data.train.size)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(x, y, ".", markersize=2, color=PALETTE[0], label="one step: loss of its batch")
    axes.plot(*run.history.arrays("val_loss"), "-s", markersize=4, color=PALETTE[1],
              label="validation loss, all samples")
    axes.axhline(guess, color="0.4", linestyle=":",
                 label=f"a guess among {data.num_classes}: ln {data.num_classes} = {guess:.2f}")
    for number, end in enumerate(range(per_epoch, len(x) + 1, per_epoch), 1):
        axes.axvline(end, color="0.6", linestyle="--")
        axes.text(end,
                  axes.get_ylim()[1], f"epoch {number} ends ", ha="right", va="top", fontsize=8)
    axes.set(
        xlabel="step", ylabel="loss (nats)", ylim=(0, None),
        title=f"{len(x):,} steps of {settings.batch_size} samples: {len(x) / per_epoch:.1f} epochs")
    axes.legend(frameon=False, fontsize=8)
    return Picture(
        figure,
        f"Loss of each step, from {y[0]:.2f} (a guess has {guess:.2f}) to {y[-50:].mean():.2f}; an epoch "
        f"ends every {per_epoch} steps.")


def _learns(data: Data, lr: float, seeds: int) -> list[float]:
    return lr_sweep(data, Settings(max_steps=300, momentum=0.9), [lr], seeds).scores(lr)


@checked(lr=real(0, 1e6, above=True), seeds=whole(1, 1000))
@fitting("data, settings and numbers that this experiment can work with")
def check_too_high(data: Data, lr: float, seeds: int = 3) -> str:
    """Judge the exercise: at `lr` no seed learns (under 20 %), at half of it at least one does."""
    at, below = _learns(data, lr, seeds), _learns(data, lr / 2, seeds)
    facts = f"Validation accuracy at {lr:g}: {_span(at)}; at {lr / 2:g}: {_span(below)} ({seeds} seeds)."
    if max(at) >= 0.2:
        return f"Not yet: it still learns. {facts} Go higher."
    if max(below) < 0.2:
        return f"Too far: half of that is too high already. {facts} Go lower."
    return f"Right: the limit lies between {lr / 2:g} and {lr:g}. {facts}"


def _span(scores: list[float]) -> str:
    return f"{min(scores):.0%} to {max(scores):.0%}"
