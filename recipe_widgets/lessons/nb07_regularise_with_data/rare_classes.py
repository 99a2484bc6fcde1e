"""Rare classes: what a network does to them, and what weighting and resampling change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure

from recipe_widgets.core import Run, Settings
from recipe_widgets.data import Data, balanced, imbalanced
from recipe_widgets.evaluation.seed_comparison import SeedComparison
from recipe_widgets.lessons.common.comparison import quiet_run
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE
from recipe_widgets.training import eval_mode
from recipe_widgets.training.losses import LossFunction

WAYS = ("as it is", "weighted loss", "resampled")


@dataclass(frozen=True)
class Imbalance:
    """Recall per class, which is the share of its samples that is found, of each way to train."""

    title: str
    classes: tuple[str, ...]
    rare: tuple[int, ...]  # numbers of the thinned classes
    counts: tuple[int, ...]  # (K,) training samples of each class
    recalls: Mapping[str, np.ndarray]  # by way: (seeds, K), 0 to 1

    def of(self, rare: bool) -> SeedComparison:
        """Mean recall of the rare classes, or of the others."""
        # columns of `recalls`
        chosen = [k for k in range(len(self.classes)) if (k in self.rare) == rare]
        kind = "rare" if rare else "frequent"
        return SeedComparison(f"{self.title}, {kind} classes",
                      {way: grid[:, chosen].mean(1).tolist() for way, grid in self.recalls.items()},
                      "recall")

    @property
    def balanced(self) -> SeedComparison:
        """Mean recall of all classes, each counting alike."""
        return SeedComparison(f"{self.title}, all classes alike",
                      {way: grid.mean(1).tolist() for way, grid in self.recalls.items()}, "recall")

    def verdict(self) -> str:
        """What each way gains for the rare classes, and what it costs the others."""
        return "\n".join(
            part.verdict(way) for way in WAYS[1:] for part in (self.of(True), self.of(False)))

    def __str__(self) -> str:
        names = ", ".join(f"{self.classes[k]} ({self.counts[k]})" for k in self.rare)
        head = f"rare classes (training samples): {names}; others up to {max(self.counts)}"
        return f"{head}\n{self.of(True)}\n{self.of(False)}"

    def plot(self) -> Picture:
        """Recall by class, the rare ones to the left; a bar per way."""
        order = sorted(range(len(self.classes)), key=lambda k: (k not in self.rare, k))
        figure = Figure(figsize=(9, 3.3), layout="constrained")
        axes = figure.subplots()
        wide = 0.8 / len(self.recalls)  # of a bar: 0.2 of each class's place stay empty
        for row, (way, grid) in enumerate(self.recalls.items()):
            mean = 100 * grid[:, order].mean(0)
            # (2, K) down to the lowest and up to the highest seed, in points
            reach = np.abs(100 * np.stack([grid[:, order].min(0), grid[:, order].max(0)]) - mean)
            axes.bar(
                np.arange(len(order)) + (row - 1) * wide, mean, wide, yerr=reach, label=way,
                color=PALETTE[row], hatch=("", "//", "..")[row % 3], edgecolor="white",
                error_kw={"linewidth": 0.8})
        axes.set_xticks(range(len(order)),
                        [f"{self.classes[k]}\n({self.counts[k]})" for k in order], fontsize=8)
        axes.set(ylabel="recall on validation (%)", ylim=(0, 100),
                 xlabel="class (its training samples)")
        gain = self.of(True).difference("weighted loss").difference
        axes.set_title(f"{self.title}: weighting changes the recall of rare classes by "
                       f"{100 * gain:+.0f} points (mean of {self.balanced.seeds} seeds, "
                       "lowest to highest)", fontsize=9)
        figure.legend(frameon=False, fontsize=8, ncols=3, loc="outside lower center")
        words = "; ".join(f"{way}: rare classes {self.of(True).mean(way):.0%}, "
                          f"others {self.of(False).mean(way):.0%}" for way in self.recalls)
        return Picture(figure, f"Recall per class on {self.title}, mean over seeds. {words}.")


def imbalance(data: Data, settings: Settings, rare: Sequence[int | str], share: float,
              seeds: int = 3) -> Imbalance:
    """Make classes rare, and train as it is, with a weighted loss, and resampled.

    Args:
        rare: names or numbers of the classes. share: of their training samples that stay. The
            validation set keeps all classes alike.
    """
    thin = imbalanced(data, dict.fromkeys(rare, share))
    counts = torch.bincount(thin.train.y, minlength=data.num_classes)
    recalls: dict[str, list[np.ndarray]] = {way: [] for way in WAYS}
    for seed in range(seeds):
        chosen = settings.replace(seed=seed)
        runs = (quiet_run(thin, chosen),
                quiet_run(thin, chosen, loss_fn=weighted_loss(class_weights(counts))),
                quiet_run(balanced(thin, seed), chosen))
        for way, run in zip(WAYS, runs, strict=True):  # in the order of WAYS
            recalls[way].append(_recall(run, data))
    numbers = tuple(data.classes.index(one) if isinstance(one, str) else int(one) for one in rare)
    return Imbalance(data.name, data.classes, numbers, tuple(counts.tolist()),
                     {way: np.stack(rows) for way, rows in recalls.items()})


def class_weights(counts: torch.Tensor) -> torch.Tensor:
    """One weight per class, inverse to its number of samples, such that the mean weight of a
    sample is 1. counts: (K,).
    """
    counts = counts.double()
    return (counts.sum() / (len(counts) * counts.clamp_min(1))).float()


def weighted_loss(weights: torch.Tensor) -> LossFunction:
    """Cross-entropy in which each sample counts with its class's weight.

    The mean is over samples; `nn.CrossEntropyLoss(weight=...)` divides by the batch's sum of
    weights instead, so that there a batch of rare samples alone counts no more than another.
    """
    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        return (each * weights.to(logits.device)[targets]).mean()

    return loss


def _recall(run: Run, data: Data) -> np.ndarray:
    """(K,): the share of each class's validation samples that the run's model finds."""
    assert run.model is not None
    with eval_mode(run.model):
        named = torch.cat([run.model(x).argmax(1).cpu() for x, _ in data.validation.batches(1000)])
    y = data.validation.y.cpu()
    return np.array([float((named[y == k] == k).float().mean()) for k in range(data.num_classes)])
