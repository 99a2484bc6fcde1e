"""What signals do to training: saturation, dying units, norms, sizes of updates. (Notebook 04,
sections 2, 4 and 6.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

from recipe_widgets.core import Run, Settings
from recipe_widgets.core.validation import filled, some_of, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.changed_data import few_samples
from recipe_widgets.lessons.common.comparison import RunComparison
from recipe_widgets.lessons.common.guarded import train, train_many
from recipe_widgets.lessons.nb04_signals_inside.activations import NetworkRace, race
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture, downsample
from recipe_widgets.plots.figures import LINES, PALETTE
from recipe_widgets.training import UpdateRatio


@dataclass(frozen=True)
class NumbersByVariant:
    """A number (seeds,) for each variant, in order."""

    values: Mapping[str, tuple[float, ...]]
    what: str
    picture: Picture

    def mean(self, name: str) -> float:
        return float(np.mean(self.values[name]))

    def __str__(self) -> str:
        return "\n".join(
            f"{name:<24} {self.what}: mean {np.mean(row):.3g}, {min(row):.3g} to {max(row):.3g}, "
            f"{len(row)} seeds" for name, row in self.values.items())


@validated
def mean_slopes(data: Data,
                factors: Annotated[Sequence[float], filled()] = (0.3, 1.0, 3.0, 10.0, 30.0),
                seeds: Annotated[int, whole(1, 1000)] = 3) -> NumbersByVariant:
    """a(1 - a), the slope of sigmoid with output a, in the first hidden layer, by the factor on
    Xavier's weights.
    """
    x = few_samples(data, 256)[0]
    found: dict[str, tuple[float, ...]] = {}
    for factor in factors:
        slopes = []
        for seed in range(seeds):
            net = build_model(Settings(activation="sigmoid", init="xavier", seed=seed), data.shape,
                              data.num_classes)
            first = next(part for part in net.modules() if isinstance(part, nn.Linear))
            with torch.no_grad():
                first.weight.mul_(factor)
                outputs = first(x.flatten(1)).sigmoid()  # (N, units)
            slopes.append(float((outputs * (1 - outputs)).mean()))
        found[f"{factor:g} times Xavier"] = tuple(slopes)
    figure = Figure(figsize=(6, 2.8), layout="constrained")
    axes = figure.subplots()
    means = [np.mean(row) for row in found.values()]
    axes.semilogx(factors, means, "o-", color=PALETTE[0])
    # a(1 - a) at a = 1/2
    axes.axhline(0.25, color="0.4", linestyle="--", label="largest possible: 0.25")
    axes.set(xlabel="weights, times Xavier's", ylabel="mean slope a(1 - a)", ylim=(0, 0.27),
             title=f"{data.name}: the slope falls from {means[0]:.2f} to {means[-1]:.3f}")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    words = "; ".join(f"{name}: {np.mean(row):.3f}" for name, row in found.items())
    alt = f"Mean slope of sigmoid units on {data.name} by size of the weights: {words}."
    return NumbersByVariant(found, "mean slope", Picture(figure, alt))


@validated
def saturation_runs(data: Data, settings: Settings,
                    seeds: Annotated[int, whole(1, 1000)] = 3) -> RunComparison[str]:
    """Sigmoid networks from three sizes of weights."""
    return race(data, {"Xavier": settings.replace(activation="sigmoid", init="xavier"),
                       "N(0, 1)": settings.replace(activation="sigmoid", init="normal"),
                       "tanh, Xavier": settings.replace(activation="tanh", init="xavier")}, seeds)


@validated
@torch.no_grad()
def dead_share(model: nn.Module, data: Data) -> float:
    """Share of hidden units of an MLP that give zero (leaky: a negative number) for every
    training sample.
    """
    alive: list[torch.Tensor] = []
    for x, _ in data.train.batches(2000):
        signal, number = x, 0  # number: of the hidden layer
        for layer in model.children():
            signal = layer(signal)
            if isinstance(layer, (nn.ReLU, nn.LeakyReLU)):
                seen = (signal > 0).any(0)  # (units,): active for some sample of this part
                if len(alive) <= number:
                    alive.append(seen)
                alive[number] |= seen
                number += 1
    return float(1 - torch.cat(alive).float().mean())  # over the units of all hidden layers


@dataclass(frozen=True)
class Dying:
    """Shares of dead units (NaN where the run diverged), and accuracies, by (activation, lr):
    one per seed.
    """

    dead: Mapping[tuple[str, float], tuple[float, ...]]
    accuracy: Mapping[tuple[str, float], tuple[float, ...]]
    picture: Picture
    name: str

    def __str__(self) -> str:
        return "\n".join(self._row(activation, lr) for activation, lr in self.dead)

    def _row(self, activation: str, lr: float) -> str:
        dead, hits = self.dead[activation, lr], self.accuracy[activation, lr]
        if lost := self.lost(lr, activation):
            ends = f"{lost} of {len(dead)} seeds diverged"
        else:
            ends = (f"accuracy {np.mean(hits):5.1%} ({min(hits):.1%} to {max(hits):.1%}), "
                    f"{len(dead)} seeds")
        known = [share for share in dead if np.isfinite(share)]
        shares = "unknown"
        if known:
            shares = f"{np.mean(known):4.0%} ({min(known):.0%} to {max(known):.0%})"
        return f"{activation:<11} lr {lr:<5g} units never active: {shares};  {ends}"

    def lost(self, lr: float, *activations: str) -> int:
        """How many runs at this rate diverged."""
        return sum(not np.isfinite(share)
                   for activation in activations or ("relu", "leaky_relu")
                   for share in self.dead[activation, lr])

    def verdict(self) -> str:
        """Does the leak rescue? By the numbers."""
        # rates at which no run diverged
        lrs = [lr for lr in sorted({lr for _, lr in self.dead}) if not self.lost(lr)]
        if not lrs:
            return f"{self.name}: at every one of these rates some run diverged."
        # where most ReLU units died
        worst = max(lrs, key=lambda lr: np.mean(self.dead["relu", lr]))
        relu, leaky = self.accuracy["relu", worst], self.accuracy["leaky_relu", worst]
        said = ("every leaky seed beats every ReLU seed" if min(leaky) > max(relu)
                else "the seeds of both overlap")
        dead = np.mean(self.dead["relu", worst])
        return (f"{self.name}, learning rate {worst:g}: {dead:.0%} of the ReLU units are dead. "
                f"Accuracy is {np.mean(relu):.1%} with ReLU and {np.mean(leaky):.1%} with leaky "
                f"ReLU: {said}.")


@validated
def dying(data: Data, settings: Settings, lrs: Annotated[Sequence[float], filled()],
          seeds: Annotated[int, whole(1, 1000)] = 3) -> Dying:
    """ReLU and leaky ReLU at several learning rates: how many units end dead for the whole
    training set?
    """
    dead, accuracy = {}, {}
    for activation in ("relu", "leaky_relu"):
        for lr in tqdm(lrs, desc=activation, unit="rate", leave=False):
            runs = train_many(data, settings.replace(activation=activation, lr=lr), range(seeds))
            dead[activation, lr] = tuple(np.nan if run.status == "diverged" or run.model is None
                                         else dead_share(run.model, data) for run in runs)
            accuracy[activation, lr] = tuple(RunComparison({"": runs}).scores(""))
    figure = Figure(figsize=(7, 2.9), layout="constrained")
    axes = figure.subplots()
    for number, activation in enumerate(("relu", "leaky_relu")):
        # (lrs, seeds) per cent; NaN leaves a gap
        values = np.array([dead[activation, lr] for lr in lrs]) * 100
        axes.plot(lrs, values.mean(1), LINES[number], marker="o", color=PALETTE[number],
                  label=activation)
        axes.fill_between(lrs, values.min(1), values.max(1), color=PALETTE[number], alpha=0.2,
                          linewidth=0)
    axes.set(xscale="log", xlabel="learning rate", ylabel="units never active (%)", ylim=(-3, 103),
             title=_dying_title(data.name, dead, lrs))
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    words = "; ".join(
        f"{activation} at {lr:g}: "
        + (f"{np.mean(shares):.0%}" if np.isfinite(shares).all() else "some runs diverged")
        for (activation, lr), shares in dead.items())
    alt = f"Units of {data.name} networks that no training sample activates: {words}."
    return Dying(dead, accuracy, Picture(figure, alt), data.name)


def _dying_title(name: str, dead: Mapping[tuple[str, float], tuple[float, ...]],
                 lrs: Sequence[float]) -> str:
    known = [lr for lr in lrs if np.isfinite(dead["relu", lr]).all()]
    both_ends = dict.fromkeys((*known[:1], *known[-1:]))  # one, where only one is known
    ends = [f"{np.mean(dead['relu', lr]):.0%} at rate {lr:g}" for lr in both_ends]
    return (f"{name}, {len(dead['relu', lrs[0]])} seeds: dead ReLU units, "
            f"{', '.join(ends) or 'unknown: all diverged'}")


@validated
def norm_race(
        data: Data, settings: Settings, init: str,
        norms: Annotated[Sequence[str], some_of(*Settings.knob("norm").choices)] = (
            "none", "batch", "layer", "weight"),
        seeds: Annotated[int, whole(1, 1000)] = 3) -> NetworkRace:
    """The same network with each normalisation, from this initialisation."""
    return race(data,
                {f"{norm}, init {init}": settings.replace(norm=norm, init=init) for norm in norms},
                seeds)


@validated
def norm_verdict(races: Mapping[str, NetworkRace], norm: str = "batch") -> str:
    """What `norm` does to accuracy under each initialisation, and whether it exceeds the seeds'
    spread.
    """
    lines = []
    for init, seen in races.items():
        plain, normed = f"none, init {init}", f"{norm}, init {init}"
        gain = seen.mean(normed) - seen.mean(plain)
        if seen.worst(normed) > seen.best(plain):
            said = "helps: every seed is above every seed without"
        elif seen.best(normed) < seen.worst(plain):
            said = "harms: every seed is below every seed without"
        else:
            said = "makes no difference beyond the seeds' spread"
        note = "".join(f"; {seen.lost(label)} diverged {way} it and count as 0" for way, label in
                       (("without", plain), ("with", normed)) if seen.lost(label))
        lines.append(
            f"{seen.data_name}, init {init}: {norm} {said} ({100 * gain:+.1f} points on average, "
            f"{seen.seeds} seeds{note})")
    return "\n".join(lines)


@validated
def update_runs(data: Data, settings: Settings,
                lrs: Annotated[Sequence[float], filled()]) -> UpdateSizes:
    """One run per learning rate, with the size of its updates measured every tenth step."""
    return UpdateSizes(
        {lr: train(data, settings.replace(lr=lr), probes=[UpdateRatio(every=10)]) for lr in lrs},
        data.name)


@dataclass(frozen=True)
class UpdateSizes:
    """Runs by learning rate; their history holds the column `update_ratio`."""

    runs: Mapping[float, Run]
    name: str

    def ratio(self, lr: float) -> float:
        """Median over the run."""
        return float(np.median(self.runs[lr].history.series("update_ratio")))

    def plot(self) -> Picture:
        """Sizes of updates, and losses."""
        figure = Figure(figsize=(9, 3), layout="constrained")
        left, right = figure.subplots(1, 2)
        for number, (lr, run) in enumerate(self.runs.items()):
            style = {"color": PALETTE[number % len(PALETTE)], "label": f"lr {lr:g}",
                     "linestyle": LINES[number % len(LINES)]}
            at, ratios = run.history.arrays("update_ratio")
            left.plot(at, np.maximum(ratios, 1e-9), **style)  # 0 has no place on a log axis
            right.plot(*downsample(*run.history.arrays("train_loss"), bins=60), **style)
        # the range in which `checks.update_ratio` stays silent
        left.axhspan(1e-4, 1e-1, color=PALETTE[2], alpha=0.12, label="1e-4 to 1e-1")
        # rule of thumb of CS231n (Karpathy)
        left.axhline(1e-3, color="0.4", linestyle=":", linewidth=1)
        best = self.best
        left.set(
            yscale="log", xlabel="step", ylabel="update / weights, per step",
            title=f"{self.name}: at lr {best:g} a step is {self.ratio(best):.1e} of the weights")
        right.set(yscale="log", xlabel="step", ylabel="training loss (nats)",
                  title=f"The loss is lowest with lr {best:g}")
        for axes in (left, right):
            axes.grid(alpha=0.3)
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=6,
                      frameon=False, fontsize=8)
        words = "; ".join(f"lr {lr:g}: updates of {self.ratio(lr):.1e} of the weights, last loss "
                          f"{run.history.last('train_loss'):.3g}" for lr, run in self.runs.items())
        return Picture(figure, f"{self.name}: {words}.")

    @property
    def best(self) -> float:
        """The learning rate whose last 30 steps have the lowest mean loss."""
        ends = {lr: np.mean(run.history.series("train_loss")[-30:])
                for lr, run in self.runs.items()}
        # a run that diverged comes last
        return min(ends, key=lambda lr: float(np.nan_to_num(ends[lr], nan=1e9)))

    def __str__(self) -> str:
        best = self.best
        return (f"Lowest loss at lr {best:g}, where an update is {self.ratio(best):.1e} of the "
                "weights (rule of thumb: 1e-3).")
