"""A run watched as it goes: predictions of a fixed batch, estimates beside the whole set, saved
models. (Notebook 02, sections 6, 8 and 9.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.guarded import train
from recipe_widgets.models import Dropout, build_model
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE
from recipe_widgets.plots.images import bytes_of
from recipe_widgets.training import Checkpoints, eval_mode, evaluate, steps

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Dynamics:
    """Probabilities of a fixed validation batch over training, for several learning rates.

    probabilities: lr -> (seeds, T, n, K), looked at every `every` steps, the first before any; y
        (n,).
    """

    data: Data
    y: npt.NDArray[np.int64]
    images: npt.NDArray[np.uint8]
    every: int
    probabilities: dict[float, Numbers]

    @property
    def times(self) -> list[int]:
        """Steps done at each look."""
        return [k * self.every for k in range(next(iter(self.probabilities.values())).shape[1])]

    def own(self, lr: float, seed: int = 0) -> Numbers:
        """(T, n): probability of the right class."""
        return np.asarray(self.probabilities[lr][seed][:, np.arange(len(self.y)), self.y])

    def jitter(self, lr: float) -> Numbers:
        """(seeds,): mean change of the right class's probability from one look to the next, over
        the second half.
        """
        half = len(self.times) // 2  # the first half still learns: it moves at any rate
        return np.array([np.abs(np.diff(self.own(lr, seed)[half:], axis=0)).mean()
                         for seed in range(len(self.probabilities[lr]))])

    def plot(self) -> Picture:
        """A row of colour per sample, over time, for each learning rate."""
        figure = Figure(figsize=(9.5, 2.9), layout="constrained")
        panels = figure.subplots(1, len(self.probabilities), sharey=True)
        for axes, lr in zip(np.atleast_1d(panels).flat, self.probabilities, strict=True):
            shown = axes.imshow(
                self.own(lr).T, aspect="auto", vmin=0, vmax=1, cmap="cividis",
                interpolation="nearest", extent=(0, self.times[-1], len(self.y) - 0.5, -0.5))
            axes.set(
                xlabel="step",
                title=f"learning rate {lr:g}: {self.jitter(lr).mean() * 100:.1f} points per look")
            axes.title.set_fontsize(9)
        np.atleast_1d(panels)[0].set_ylabel("validation sample")
        figure.colorbar(shown, ax=panels, label="probability of the right class")
        return Picture(figure, str(self), colours=64)

    def at(self, look: int) -> Picture:
        """The batch at one look: each sample's probability of its class, side by side for the
        learning rates.
        """
        count = min(12, len(self.y))
        figure = Figure(figsize=(9.5, 2.7), layout="constrained")
        axes = figure.subplots()
        # bars of one sample stand side by side in 0.8 of its place
        width = 0.8 / len(self.probabilities)
        for number, lr in enumerate(self.probabilities):
            axes.bar(
                np.arange(count) + (number - (len(self.probabilities) - 1) / 2) * width,
                self.own(lr)[look, :count], width, color=PALETTE[number],
                label=f"learning rate {lr:g}", hatch=("", "//", "..")[number % 3])
        axes.set_xticks(range(count), [self.data.classes[k] for k in self.y[:count]], fontsize=8)
        axes.set(ylim=(0, 1), ylabel="probability of the right class",
                 xlabel="validation sample, by its label",
                 title=f"{self.data.name} after {self.times[look]} steps")
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
        words = "; ".join(
            f"learning rate {lr:g}: {self.own(lr)[look].mean():.2f}" for lr in self.probabilities)
        return Picture(
            figure,
            f"After {self.times[look]} steps, mean probability of the right class: {words}.")

    def __str__(self) -> str:
        parts = []
        for lr in self.probabilities:
            moves = self.jitter(lr) * 100  # (seeds,) points
            # (seeds,) probability of the right class at the last look, mean over samples
            end = self.probabilities[lr][:, -1][:, np.arange(len(self.y)), self.y].mean(1)
            parts.append(
                f"learning rate {lr:g}: the right class ends at {end.mean():.2f} ({end.min():.2f} to "
                f"{end.max():.2f}), and moves {moves.mean():.1f} ({moves.min():.1f} to "
                f"{moves.max():.1f}) points per {self.every} steps")
        seeds = len(next(iter(self.probabilities.values())))
        return f"{self.data.name}, {len(self.y)} samples, {seeds} seeds. {'; '.join(parts)}."


def dynamics(data: Data, settings: Settings, lrs: Sequence[float], *, n: int = 24, every: int = 5,
             seeds: int = 3) -> Dynamics:
    """Train with each learning rate and write down what the net thinks of the same `n` validation
    samples. Where the loss is no number any more, every class counts as equally likely."""
    x, y = data.validation.batch(torch.arange(min(n, data.validation.size)))

    def look(model: nn.Module) -> torch.Tensor:
        with eval_mode(model):
            return torch.nan_to_num(model(x).softmax(1), nan=1 / data.num_classes)  # (n, K)

    found: dict[float, Numbers] = {}
    for lr in lrs:
        runs = []
        for seed in range(seeds):
            chosen = settings.replace(lr=lr, seed=seed)
            model = build_model(chosen, data.shape, data.num_classes)
            looks = [look(model)]  # before the first step
            looks += [look(model) for step in steps(model, data, chosen)
                      if (step.index + 1) % every == 0]
            runs.append(torch.stack(looks))  # (T, n, K)
        found[lr] = torch.stack(runs).double().numpy()  # (seeds, T, n, K)
    return Dynamics(data, y.numpy(), bytes_of(data.validation.x[:len(y)]), every, found)


@dataclass(frozen=True)
class Estimates:
    """Accuracies (0 to 1) of the same models in several ways, at the same steps.

    whole: on all validation samples in eval mode. batch: (T, B) on single batches of validation
    samples. smoothed: a running mean of the training batches' accuracies. noisy: on all validation
    samples, with dropout left on.
    """

    name: str
    at: list[int]
    batch_size: int
    n: int
    whole: Numbers
    batch: Numbers
    smoothed: Numbers
    noisy: Numbers

    def plot(self) -> Picture:
        figure = Figure(figsize=(8, 3), layout="constrained")
        axes = figure.subplots()
        low, high = self.batch.min(1) * 100, self.batch.max(1) * 100  # (T,) per cent
        axes.fill_between(
            self.at, low, high, color=PALETTE[4], alpha=0.3, linewidth=0,
            label=f"single batches of {self.batch_size}: lowest to highest of {self.batch.shape[1]}"
        )
        ways = {"whole validation set, eval mode": self.whole,
                "training batches, smoothed": self.smoothed,
                "whole validation set, dropout left on": self.noisy}
        for number, (label, values) in enumerate(ways.items()):
            axes.plot(self.at, values * 100, LINES[number] + "o", color=PALETTE[number], label=label,
                      markersize=4)
        axes.set(xlabel="step", ylabel="accuracy (%)",
                 title=f"{self.name}: the same models, looked at in four ways")
        axes.title.set_fontsize(10)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8, loc="lower right")
        return Picture(figure, str(self))

    def __str__(self) -> str:
        last = self.batch[-1]
        falls = int((np.diff(self.whole) < 0).sum())
        return (
            f"{self.name}, last step: {self.whole[-1]:.1%} on all {self.n:,} validation samples; "
            f"single batches of {self.batch_size} say {last.min():.0%} to {last.max():.0%}; the "
            f"smoothed training batches say {self.smoothed[-1]:.1%}; with dropout left on "
            f"{self.noisy[-1]:.1%}. From look to look the whole set went down {falls} times of "
            f"{len(self.whole) - 1}.")


def estimates(data: Data, settings: Settings, looks: int = 12, batches: int = 40) -> Estimates:
    """Train once and judge the model at `looks` steps in four ways."""
    model = build_model(settings, data.shape, data.num_classes)
    every = max(1, settings.max_steps // looks)
    order = torch.randperm(data.validation.size,
                           generator=torch.Generator().manual_seed(settings.seed))
    size = settings.batch_size
    rows = [
        order[k * size:(k + 1) * size] for k in range(min(batches, data.validation.size // size))
    ]
    smooth = 1 / data.num_classes  # a running mean begins at the accuracy of a guess
    looked: list[int] = []  # steps done at each look
    table: list[list[float]] = []
    single: list[list[float]] = []
    for step in steps(model, data, settings):
        if step.index % 10 == 0:
            # exponential mean over about five batches
            smooth += 0.2 * (step.history.last("train_accuracy") - smooth)
        if (step.index + 1) % every == 0:
            looked.append(step.index + 1)
            table.append([evaluate(model, data.validation).accuracy, smooth, _left_on(model, data)])
            with eval_mode(model):
                single.append([float((model(x).argmax(1) == y).float().mean())
                               for x, y in (data.validation.batch(part) for part in rows)])
    whole, smoothed, noisy = np.array(table).T  # each (T,)
    return Estimates(data.name, looked, size, data.validation.size, whole, np.array(single), smoothed,
                     noisy)


def _left_on(model: nn.Module, data: Data) -> float:
    """Accuracy with the model in training mode, as when `eval()` was forgotten; its masks come
    from a copied generator.
    """
    kept = [(module.generator, module.generator.get_state())
            for module in model.modules()
            if isinstance(module, Dropout)]
    with torch.no_grad():
        right = sum(int((model(x).argmax(1) == y).sum()) for x, y in data.validation.batches(1000))
    # put back: the training that goes on draws as if nobody had looked
    for generator, state in kept:
        generator.set_state(state)
    return right / data.validation.size


def kept_models(data: Data, settings: Settings, folder: str | Path) -> str:
    """Train with checkpoints, read one from the disk into a new model, and test that."""
    run = train(data, settings, checkpoints=folder)
    store = Checkpoints(folder)
    saved = ", ".join(map(str, store.steps()))
    lines = [f"On the disk: steps {saved} ({run.status} after {run.steps_done})."]
    for step in store.steps():
        state = store.read(step)
        if state is None:
            raise RecipeError("Checkpoint", found=f"step {step} cannot be read",
                              expected="a whole file")
        # another seed: what is right afterwards came from the disk
        model = build_model(settings.replace(seed=settings.seed + 1), data.shape, data.num_classes)
        model.load_state_dict(state["parts"]["model"])
        lines.append(f"step {step:>5}: {evaluate(model, data.validation)}")
    assert run.model is not None
    lines.append(f"the model in memory: {evaluate(run.model, data.validation)}")
    return "\n".join(lines)
