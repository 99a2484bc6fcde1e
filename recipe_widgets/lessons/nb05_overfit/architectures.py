"""Known architectures side by side. (Notebook 05, O9 and O10.)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.changed_data import resized
from recipe_widgets.lessons.common.comparison import RunComparison
from recipe_widgets.lessons.common.guarded import train
from recipe_widgets.lessons.nb05_overfit.small_nets import seconds_per_step
from recipe_widgets.models import build_model, count_parameters
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE, set_title

# Krizhevsky et al. 2012, as torchvision builds it
ALEXNET = (("image", "3 x 224 x 224"), ("conv 11x11, stride 4", "64 x 55 x 55"),
           ("max-pool 3x3, stride 2", "64 x 27 x 27"), ("conv 5x5", "192 x 27 x 27"),
           ("max-pool", "192 x 13 x 13"), ("conv 3x3", "384 x 13 x 13"),
           ("conv 3x3", "256 x 13 x 13"), ("conv 3x3", "256 x 13 x 13"),
           ("max-pool", "256 x 6 x 6"), ("dense", "4096"), ("dense", "4096"), ("dense", "1000"))


def shapes(settings: Settings, shape: Sequence[int], num_classes: int = 10) -> str:
    """What the layers of a model make of one sample, and how many parameters each has;
    activations are left out.
    """
    model = build_model(settings, tuple(shape), num_classes).eval()
    rows: list[tuple[str, str, int]] = []

    def note(module: nn.Module, _: object, out: torch.Tensor) -> None:
        size = " x ".join(map(str, out.shape[1:]))  # without the batch
        rows.append((type(module).__name__, size, count_parameters(module)))

    parts = [part for part in model.children()
             if not isinstance(part, (nn.ReLU, nn.Flatten, nn.BatchNorm2d))]
    hooks = [part.register_forward_hook(note) for part in parts]
    with torch.no_grad():
        model(torch.zeros(1, *shape))
    for hook in hooks:
        hook.remove()
    lines = [f"{'input':>18}  {' x '.join(map(str, shape)):>14}"]
    lines += [f"{name:>18}  {size:>14}  {count:>9,}" for name, size, count in rows
              if count or "Pool" in name]  # pooling learns nothing, but changes the size
    lines.append(f"{'in all':>18}  {'':>14}  {count_parameters(model):>9,} parameters")
    return "\n".join(lines)


@dataclass(frozen=True)
class Families:
    """Models by name: parameters, milliseconds a step, validation accuracy of each seed after
    the same steps.
    """

    parameters: Mapping[str, int]
    ms: Mapping[str, float]
    runs: RunComparison[str]
    steps: int

    def __str__(self) -> str:
        rows = [f"{'':>22}  {'parameters':>10}  {'ms a step':>9}  {'s in all':>8}  "
                f"validation accuracy after {self.steps} steps"]
        for name in self.runs.runs:
            scores = self.runs.scores(name)
            seconds = self.ms[name] * self.steps / 1000
            rows.append(f"{name:>22}  {self.parameters[name]:>10,}  {self.ms[name]:>9.1f}  "
                        f"{seconds:>8.1f}  {np.mean(scores):.1%} ({min(scores):.1%} to "
                        f"{max(scores):.1%}), n = {len(scores)}")
        return "\n".join([*rows, self.verdict])

    @property
    def verdict(self) -> str:
        """The best, and the fastest that no seed tells from it."""
        best = max(self.runs.runs, key=self.runs.mean)
        # the ranges of the seeds meet
        equal = [name for name in self.runs.runs if self.runs.best(name) >= self.runs.worst(best)]
        simple = min(equal, key=lambda name: self.ms[name])
        first = f"Best after {self.steps} steps: {best} ({self.runs.mean(best):.1%})."
        if simple == best:
            return f"{first} No faster one comes within the seeds' spread of it."
        gain = self.ms[best] / self.ms[simple]
        return (f"{first} The fastest within the seeds' spread of it: {simple}, {gain:.1f} times as "
                "fast.")

    def plot(self) -> Picture:
        """Accuracy over milliseconds a step; the area of a dot is the number of parameters."""
        figure = Figure(figsize=(7, 3.4), layout="constrained")
        axes = figure.subplots()
        for number, name in enumerate(self.runs.runs):
            mean, low, high = (100 * part(name)
                               for part in (self.runs.mean, self.runs.worst, self.runs.best))
            colour = PALETTE[number % len(PALETTE)]
            axes.errorbar(self.ms[name], mean, yerr=[[mean - low], [high - mean]], color=colour,
                          capsize=4)
            axes.scatter(self.ms[name], mean, s=20 + self.parameters[name] / 1500, color=colour,
                         alpha=0.6)
            axes.annotate(name, (self.ms[name], mean), textcoords="offset points", xytext=(7, 5),
                          fontsize=8)
        axes.set(xscale="log", xlabel="milliseconds a step", ylabel="validation accuracy (%)")
        axes.margins(x=0.2, y=0.15)
        axes.grid(alpha=0.3, which="both")
        set_title(figure, self.verdict)
        return Picture(figure, f"Accuracy over milliseconds a step. {self.verdict}")


def families(data: Data, candidates: Mapping[str, Settings], seeds: int = 2) -> Families:
    """The same number of steps for each of several models."""
    if not candidates:
        raise RecipeError("families(candidates)", found="no models", expected="at least one")
    runs = RunComparison({name: [train(data, one.replace(seed=seed)) for seed in range(seeds)]
                          for name, one in candidates.items()})
    parameters = {name: count_parameters(build_model(one, data.shape, data.num_classes))
                  for name, one in candidates.items()}
    # eight steps: enough for a median
    ms = {name: 1000 * seconds_per_step(data, one, 8) for name, one in candidates.items()}
    return Families(parameters, ms, runs, next(iter(candidates.values())).max_steps)


def shrunk(data: Data, factor: int = 2) -> Data:
    """The same images with each tile of factor x factor pixels averaged to one, for nets that
    would take long otherwise.
    """
    side = data.shape[-1]
    if len(data.shape) != 3 or data.shape[1] != side or factor < 1 or side % factor:
        raise RecipeError("shrunk(data, factor)", found=f"samples {data.shape}, factor {factor}",
                          expected="square images whose side it divides")
    return resized(data, side // factor)


@dataclass(frozen=True)
class Degrade:
    """Training loss (nats, mean of the last steps) of plain and residual nets by number of
    layers; one per seed.
    """

    plain: Mapping[int, list[float]]
    residual: Mapping[int, list[float]]
    steps: int

    def __str__(self) -> str:
        shallow, deep = min(self.plain), max(self.plain)
        plain = self._change(self.plain, shallow, deep)
        residual = self._change(self.residual, shallow, deep)
        lower = max(self.residual[deep]) < min(self.plain[deep])
        said = "lower with every seed" if lower else "not lower with every seed"
        return (f"From {shallow} to {deep} layers the training loss after {self.steps} steps {plain} "
                f"without shortcuts and {residual} with them; at {deep} layers the residual net is "
                f"{said}.")

    @staticmethod
    def _change(losses: Mapping[int, list[float]], shallow: int, deep: int) -> str:
        first, last = losses[shallow], losses[deep]
        words = ("rises" if min(last) > max(first) else "falls" if max(last) < min(first)
                 else "changes within the seeds' spread")
        return f"{words} ({np.mean(first):.2f} to {np.mean(last):.2f} nats)"

    def plot(self) -> Picture:
        figure = Figure(figsize=(6, 3), layout="constrained")
        axes = figure.subplots()
        kinds = {"plain": self.plain, "residual": self.residual}
        for number, (name, losses) in enumerate(kinds.items()):
            layers, values = list(losses), np.array(list(losses.values()))  # values: (depths, seeds)
            axes.fill_between(layers, values.min(1), values.max(1), color=PALETTE[number],
                              alpha=0.25)
            axes.plot(layers, values.mean(1), "os"[number] + "-", color=PALETTE[number], label=name)
        axes.set(xlabel="layers", ylabel="training loss (nats)")
        axes.set_xticks(list(self.plain))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        deep = max(self.plain)
        set_title(figure, f"{deep} layers: training loss {np.mean(self.plain[deep]):.2f} plain, "
                          f"{np.mean(self.residual[deep]):.2f} with shortcuts", 6)
        return Picture(figure, str(self))


def plain_and_residual(data: Data, settings: Settings, depths: Sequence[int],
                       seeds: int = 2) -> Degrade:
    """Plain and residual nets of 6·depth + 2 layers, which begin with the same weights."""
    if len(depths) < 2:
        raise RecipeError("plain_and_residual(depths=)", found=repr(list(depths)),
                          expected="two depths or more")

    def losses(model: str, depth: int) -> list[float]:
        runs = [train(data, settings.replace(model=model, depth=depth, seed=seed))
                for seed in range(seeds)]
        # twenty batches: one alone is noisy
        return [float(np.mean(run.history.series("train_loss")[-20:])) for run in runs]

    # three stages of `depth` blocks of two layers, a first and a last layer (He et al. 2015)
    return Degrade({6 * depth + 2: losses("plainnet", depth) for depth in depths},
                   {6 * depth + 2: losses("resnet", depth) for depth in depths},
                   settings.max_steps)
