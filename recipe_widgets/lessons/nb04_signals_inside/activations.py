"""Activations one by one: shape, slope, where they saturate, whether their outputs are centred,
what they cost. (Notebook 04, section 1.)
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

from recipe_widgets.core import RecipeError, Settings, generator
from recipe_widgets.core.validation import filled, real, some_of, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.changed_data import few_samples
from recipe_widgets.lessons.common.comparison import RunComparison
from recipe_widgets.lessons.common.guarded import train_many
from recipe_widgets.models import build_model, count_parameters
from recipe_widgets.models.layers import ACTIVATIONS
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE

# raced in the notebook: one of each kind
RACED = ("sigmoid", "tanh", "relu", "leaky_relu", "prelu", "gelu", "maxout", "identity")
NAMES = ("sigmoid", "tanh", "relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "maxout",
         "identity")
FLAT = 0.05  # a slope below this passes next to nothing back
LEAK = 0.05  # of the leaky ReLU in pictures: PyTorch's 0.01 could not be seen


def curve(name: str, z: torch.Tensor) -> torch.Tensor:
    """The activation of z, elementwise; maxout as the larger of z and -z/2 + 1, two lines that
    it may have learnt.
    """
    if name not in NAMES:
        raise RecipeError("activation", found=repr(name), expected="one of " + ", ".join(NAMES))
    if name == "maxout":
        return torch.maximum(z, 1 - z / 2)
    if name == "leaky_relu":
        return nn.functional.leaky_relu(z, LEAK)
    out: torch.Tensor = ACTIVATIONS[name].make()(z)
    return out


def slopes(name: str, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs and derivatives at z."""
    z = z.detach().clone().requires_grad_()
    out = curve(name, z)
    grad, = torch.autograd.grad(out.sum(), z)  # elementwise: the sum gives each its own slope
    return out.detach(), grad.detach()


@dataclass(frozen=True)
class Facts:
    """Of inputs N(shift, scale²): mean and std of the outputs, mean slope, share of inputs with
    almost no slope, share of outputs that are exactly zero."""

    name: str
    mean: float
    std: float
    slope: float
    flat: float
    zeros: float

    @property
    def centred(self) -> bool:
        """Is the mean of the outputs small beside their spread?"""
        return abs(self.mean) < 0.2 * max(self.std, 1e-9)  # 1e-9: all outputs may be the same

    def __str__(self) -> str:
        centre = ("zero-centred" if self.centred else
                  f"not zero-centred (mean {self.mean:.2f}, std {self.std:.2f})")
        return (f"{self.name}: mean slope {self.slope:.2f}, {self.flat:.0%} of the inputs have a "
                f"slope below {FLAT}, {centre}")


@validated
def facts(name: str, scale: Annotated[float, real(-1e6, 1e6)] = 1.0,
          shift: Annotated[float, real(-1e6, 1e6)] = 0.0,
          n: Annotated[int, whole(1, 10**7)] = 20_000) -> Facts:
    """By drawing n inputs."""
    z = shift + scale * torch.randn(n, generator=torch.Generator().manual_seed(0))
    out, grad = slopes(name, z)
    size = grad.abs()  # elu, gelu and silu also fall
    return Facts(name, float(out.mean()), float(out.std()), float(size.mean()),
                 float((size < FLAT).float().mean()), float((out == 0).float().mean()))


@validated
def draw_activation(name: str = "sigmoid", scale: Annotated[float, real(-1e6, 1e6)] = 1.0,
                    shift: Annotated[float, real(-1e6, 1e6)] = 0.0) -> Picture:
    """Left: the curve and its slope, over the inputs that arrive. Right: what comes out."""
    line = torch.linspace(-8, 8, 801)  # inputs z of the curve
    out, grad = slopes(name, line)
    seen = facts(name, scale, shift)
    z = shift + scale * torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.hist(
        z.clamp(-8, 8).numpy(), 60, density=True, color="0.8",
        label="inputs (density; all beyond ±8 at the edges)")
    left.plot(line, out, color=PALETTE[0], label="output")
    left.plot(line, grad, "--", color=PALETTE[1], label="slope")
    left.set(xlabel="input z of the unit", ylabel="output, slope", ylim=(-1.6, 3),
             title=f"{name}: mean slope {seen.slope:.2f}")
    left.legend(frameon=False, fontsize=8, loc="upper left")
    right.hist(curve(name, z).numpy(), 60, color=PALETTE[0])
    right.axvline(seen.mean, color=PALETTE[1], linestyle="--", label=f"mean {seen.mean:.2f}")
    right.set(xlabel="output of the unit", ylabel="how often (of 20,000)",
              title=f"{seen.flat:.0%} of the inputs pass almost no gradient")
    right.legend(frameon=False, fontsize=8)
    return Picture(figure, f"Inputs of mean {shift:g} and std {scale:g}. {seen}.")


@validated
def one_sign(data: Data,
             names: Annotated[Sequence[str], some_of(*NAMES)] = ("sigmoid", "relu", "tanh"),
             samples: Annotated[int, whole(1, 10**6)] = 32,
             seeds: Annotated[int, whole(1, 1000)] = 3) -> OneSign:
    """For each activation of the first hidden layer: in the second layer, the share of (unit,
    sample) pairs whose weight gradients all have one sign."""
    x, y = few_samples(data, samples)
    found: dict[str, tuple[float, ...]] = {}
    for name in names:
        shares = []
        for seed in range(seeds):
            net = build_model(Settings(activation=name, depth=2, width=64, seed=seed), data.shape,
                              data.num_classes)
            second = [part for part in net.modules() if isinstance(part, nn.Linear)][1].weight
            hits = []
            for number in range(samples):  # one by one: the mean over a batch mixes signs
                one = slice(number, number + 1)
                loss = nn.functional.cross_entropy(net(x[one]), y[one])
                grad, = torch.autograd.grad(loss, second)  # (units, inputs)
                moved = grad[grad.abs().amax(1) > 0]  # units that are not dead for this sample
                same = (moved >= 0).all(1) | (moved <= 0).all(1)
                hits.append(float(same.float().mean()) if len(moved) else 1.0)
            shares.append(float(np.mean(hits)))
        found[name] = tuple(shares)
    return OneSign(found)


@dataclass(frozen=True)
class OneSign:
    """Share of units whose weights can all only grow, or all only shrink, for one sample; per
    seed.
    """

    shares: Mapping[str, tuple[float, ...]]

    def __str__(self) -> str:
        return "\n".join(
            f"after {name:<8} {np.mean(shares):6.1%} of the units have weight gradients of one sign "
            f"({min(shares):.1%} to {max(shares):.1%}, {len(shares)} seeds)"
            for name, shares in self.shares.items())


@validated
@dataclass(frozen=True)
class NetworkRace(RunComparison[str]):
    """Comparison of networks that also differ in their size."""

    data_name: str = ""
    sizes: Mapping[str, int] | None = None

    @validated
    def lost(self, label: str) -> int:
        """How many of its runs diverged."""
        return sum(run.status == "diverged" for run in self.runs[label])

    def summary(self) -> str:
        """Best, worst, and whether the difference exceeds the spread of the seeds."""
        order = sorted(self.runs, key=self.mean, reverse=True)
        best, second, last = order[0], order[1], order[-1]
        close = self.worst(best) <= self.best(second)  # the ranges of the seeds meet
        tie = (f"{second} overlaps with it" if close else
               f"every seed of it beats every seed of {second}")
        lost = self.lost(last)
        note = f", {lost} of {self.seeds} diverged and count as 0" if lost else ""
        return (f"{self.data_name}: {best} is highest on average ({self.mean(best):.1%}), {tie}; "
                f"{last} is lowest ({self.mean(last):.1%}{note}). {self.seeds} seeds.")

    def dots(self, title: str = "") -> Picture:
        """One row per label: every seed as a dot, the mean as a bar."""
        labels = list(self.runs)
        figure = Figure(figsize=(7.5, 1.1 + 0.27 * len(labels)), layout="constrained")
        axes = figure.subplots()
        for row, label in enumerate(labels):
            scores = [100 * score for score in self.scores(label)]
            axes.plot(scores, [row] * len(scores), "o", color=PALETTE[0], alpha=0.6)
            axes.plot([100 * self.mean(label)], [row], "|", color=PALETTE[1], markersize=16,
                      markeredgewidth=3)
        sizes = self.sizes or {}
        ticks = [label + (f" ({sizes[label]:,} numbers)" if label in sizes else "")
                 + (f", {self.lost(label)} diverged" if self.lost(label) else "")
                 for label in labels]
        axes.set_yticks(range(len(labels)), ticks, fontsize=8)
        axes.set(xlabel=f"validation accuracy on {self.data_name} (%), dots: seeds, bar: mean",
                 ylim=(len(labels) - 0.5, -0.5))  # the first label on top
        axes.set_title(textwrap.fill(title or self.summary(), 80), fontsize=8)
        axes.grid(axis="x", alpha=0.3)
        words = "; ".join(
            f"{label} {self.mean(label):.1%} ({self.worst(label):.1%} to {self.best(label):.1%})"
            for label in labels)
        return Picture(figure, f"Validation accuracy on {self.data_name}, mean and range of "
                               f"{self.seeds} seeds: {words}.")


@validated
def race(data: Data, variants: Annotated[Mapping[str, Settings], filled()],
         seeds: Annotated[int, whole(1, 1000)] = 3) -> NetworkRace:
    """Train each variant from every seed."""
    bar = tqdm(variants.items(), desc=data.name, unit="variant", leave=False)
    runs = {name: train_many(data, settings, range(seeds)) for name, settings in bar}
    sizes = {name: count_parameters(build_model(settings, data.shape, data.num_classes))
             for name, settings in variants.items()}
    # equal sizes need no mention
    return NetworkRace(runs, data.name, sizes if len(set(sizes.values())) > 1 else None)


@validated
def activation_race(data: Data, settings: Settings,
                    names: Annotated[Sequence[str], some_of(*NAMES)] = RACED,
                    seeds: Annotated[int, whole(1, 1000)] = 3) -> NetworkRace:
    """The same MLP with each activation. Maxout has twice the weights in front of each hidden
    layer.
    """
    return race(data, {name: settings.replace(activation=name) for name in names}, seeds)


def rng(seed: int) -> torch.Generator:
    return generator(seed, "init")
