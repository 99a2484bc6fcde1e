"""Optimisers on real nets: equality with PyTorch, learning rates, SGD against Adam.

Notebook 06, P3 to P6 and P8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.checks import lr_verdict
from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.data import Data
from recipe_widgets.evaluation.seed_comparison import Claim, SeedComparison
from recipe_widgets.lessons.common.comparison import RunComparison
from recipe_widgets.lessons.common.comparison import claim as claim
from recipe_widgets.lessons.common.comparison import ends as ends
from recipe_widgets.lessons.common.guarded import train_many
from recipe_widgets.lessons.common.sweeps import LrSweep
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE, set_title
from recipe_widgets.training import BatchIndices
from recipe_widgets.training import manual_optimizers as by_hand
from recipe_widgets.training.manual_optimizers import ManualOptimizer

# A rule written by hand, its constants, and PyTorch's own class with the same ones.
TWINS: dict[str, tuple[by_hand.UpdateRule, dict[str, float], Any]] = {
    "sgd": (by_hand.sgd, {},
            lambda params, lr: torch.optim.SGD(params, lr)),
    "momentum": (by_hand.momentum, {"gamma": 0.9},
                 lambda params, lr: torch.optim.SGD(params, lr, momentum=0.9)),
    "nesterov": (by_hand.nesterov, {"gamma": 0.9},
                 lambda params, lr: torch.optim.SGD(params, lr, momentum=0.9, nesterov=True)),
    "adagrad": (by_hand.adagrad, {},
                lambda params, lr: torch.optim.Adagrad(params, lr)),
    "rmsprop": (by_hand.rmsprop, {"alpha": 0.9},  # PyTorch's default is 0.99
                lambda params, lr: torch.optim.RMSprop(params, lr, alpha=0.9)),
    "adadelta": (by_hand.adadelta, {"rho": 0.9},
                 lambda params, lr: torch.optim.Adadelta(params, lr)),
    "adam": (by_hand.adam, {"beta1": 0.9},
             lambda params, lr: torch.optim.Adam(params, lr)),
}


def equal_to_torch(data: Data, settings: Settings, steps: int = 50,
                   lr: float = 0.01) -> dict[str, float]:
    """Largest difference of any weight, in float64, between a net under the rule by hand and one
    under `torch.optim`.
    """
    found = {}
    for name, (rule, constants, theirs) in TWINS.items():
        # the same seed: both begin at the same weights
        nets = [build_model(settings, data.shape, data.num_classes).double() for _ in range(2)]
        optimizers = [
            ManualOptimizer(nets[0].parameters(), rule, lr, **constants),
            theirs(list(nets[1].parameters()), lr)
        ]
        rows = BatchIndices(data.train.size, settings.batch_size, settings.seed)
        for _ in range(steps):
            x, y = data.train.batch(next(rows))
            for net, optimizer in zip(nets, optimizers, strict=True):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(x.double()), y).backward()
                optimizer.step()
        pairs = zip(*(net.parameters() for net in nets), strict=True)
        found[name] = max(float((ours - torchs).detach().abs().max()) for ours, torchs in pairs)
    return found


def bias_correction(beta: float = 0.999, steps: Sequence[int] = (1, 2, 10, 100, 1000)) -> str:
    """What a running mean that begins at zero shows of a constant 1: raw, by 1 - βᵗ, and by 1 -
    β for all t.
    """
    rows = [f"{'step':>6}  {'raw mean':>9}  {'/ (1 - β^t)':>11}  {'/ (1 - β)':>10}"]
    for step in steps:
        raw = 1 - beta**step  # the geometric sum (1 - β)(1 + β + ... + βᵗ⁻¹)
        rows.append(f"{step:>6}  {raw:>9.4f}  {raw / (1 - beta**step):>11.4f}  "
                    f"{raw / (1 - beta):>10.2f}")
    return "\n".join(rows)


def rates_compared(data: Data, settings: Settings, lrs: Mapping[str, float],
                   seeds: int = 3) -> RunComparison[str]:
    """The same run at named learning rates, such as {"too high": 3.0}."""
    return RunComparison({f"{name} ({lr:g})": train_many(data, settings.replace(lr=lr), range(seeds))
                       for name, lr in lrs.items()})


def rate_verdicts(runs: RunComparison[str]) -> str:
    """What `checks.lr_verdict` says of the first seed of each, from its loss curve alone."""
    return "\n".join(
        f"{name:>20}: {lr_verdict(each[0]).message}" for name, each in runs.runs.items())


@dataclass(frozen=True)
class TwoSweeps:
    """The same net under two optimisers, each at several learning rates."""

    sweeps: Mapping[str, LrSweep]

    def width(self, name: str, points: float = 0.02) -> float:
        """Decades of learning rate whose mean accuracy is within `points` (0 to 1) of this
        optimiser's best.
        """
        sweep = self.sweeps[name]
        best = sweep.mean(sweep.best_lr)
        good = [lr for lr in sweep.runs if sweep.mean(lr) >= best - points]
        return float(np.log10(max(good) / min(good)))

    def claims(self) -> list[Claim]:
        """The two sayings: that tuned SGD beats Adam, and that Adam at 3e-4 is safe, measured."""
        sgd, adam = (self.sweeps[name] for name in ("SGD", "Adam"))
        tuned_sgd, tuned_adam = f"SGD at {sgd.best_lr:g}", f"Adam at {adam.best_lr:g}"
        untuned = "Adam at 3e-4, untuned"
        scores = {tuned_adam: adam.scores(adam.best_lr), tuned_sgd: sgd.scores(sgd.best_lr)}
        if 3e-4 in adam.runs:  # the rate of "Adam is safe" (Karpathy, A Recipe, 2019)
            scores[untuned] = adam.scores(3e-4)
        ends = SeedComparison("", scores)
        found = [ends.claim("tuned SGD wins", tuned_sgd, tuned_adam)]
        if untuned in scores:
            found.append(ends.claim("Adam at 3e-4 falls short of tuned SGD", tuned_sgd, untuned))
        return found

    def __str__(self) -> str:
        widths = {name: self.width(name) for name in self.sweeps}
        ends = "; ".join(
            f"{name}: best {sweep.mean(sweep.best_lr):.1%} at {sweep.best_lr:g}, "
            f"within 2 points of it over {widths[name]:.1f} decades"
            for name, sweep in self.sweeps.items())
        wide = max(widths, key=lambda name: widths[name])
        # both on the same grid: widths are equal but for rounding
        same = len({round(width, 6) for width in widths.values()}) == 1
        tail = "Both forgive a wrong rate equally" if same else f"{wide} forgives a wrong rate more"
        return f"{ends}. {tail}, on this grid."

    def plot(self) -> Picture:
        figure = Figure(figsize=(7, 3.1), layout="constrained")
        axes = figure.subplots()
        for number, (name, sweep) in enumerate(self.sweeps.items()):
            lrs = list(sweep.runs)
            # accuracies in percent: of the worst seed, the mean, the best seed
            low, mean, high = (100 * np.array([part(lr) for lr in lrs])
                               for part in (sweep.worst, sweep.mean, sweep.best))
            axes.fill_between(lrs, low, high, color=PALETTE[number], alpha=0.25)
            axes.plot(lrs, mean, LINES[number] + "os"[number % 2], color=PALETTE[number],
                      label=name)
        axes.set(xscale="log", xlabel="learning rate", ylabel="validation accuracy (%)",
                 ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        set_title(
            figure,
            "; ".join(f"{name}: best at {sweep.best_lr:g}, {sweep.mean(sweep.best_lr):.1%} right"
                      for name, sweep in self.sweeps.items()))
        return Picture(figure, str(self))


def sgd_and_adam(data: Data, settings: Settings, sgd: Sequence[float], adam: Sequence[float],
                 seeds: int = 4) -> TwoSweeps:
    """Sweep the learning rate under SGD with momentum 0.9 and under Adam, from the same seeds."""
    if not sgd or not adam:
        raise RecipeError("sgd_and_adam(sgd, adam)", found="no learning rates",
                          expected="at least one for each")

    def sweep(optimizer: str, lrs: Sequence[float]) -> LrSweep:
        return LrSweep({
            lr:
            train_many(data, settings.replace(optimizer=optimizer, lr=lr, momentum=0.9),
                       range(seeds)) for lr in lrs
        })

    return TwoSweeps({"SGD": sweep("sgd", sgd), "Adam": sweep("adam", adam)})


def momentum_effect(data: Data, settings: Settings,
                    seeds: int = 6) -> tuple[RunComparison[str], list[Claim]]:
    """Momentum 0.9 against none at the same learning rate, and against none at ten times the rate,
    where each gradient counts as much in the long run.
    """
    kinds = {
        "momentum 0.9": settings.replace(momentum=0.9),
        "no momentum": settings.replace(momentum=0.0),
        # 1 / (1 - 0.9) = 10: what a gradient is worth in all under momentum 0.9
        "no momentum, lr x 10": settings.replace(momentum=0.0, lr=10 * settings.lr),
    }
    runs = RunComparison({name: train_many(data, one, range(seeds)) for name, one in kinds.items()})
    return runs, [
        claim("momentum speeds training up", runs, "no momentum", "momentum 0.9"),
        claim("momentum does what no learning rate can", runs, "no momentum, lr x 10",
              "momentum 0.9")
    ]


def around(data: Data, settings: Settings, lr: float | None, seeds: int = 2,
           factor: float = 10.0) -> str:
    """Runs at a suggested learning rate, at a tenth of it and at ten times it: which is best?"""
    if lr is None:
        return f"{data.name}: the range test suggests nothing."
    rates = lr / factor, lr, lr * factor
    runs = LrSweep(
        {rate: train_many(data, settings.replace(lr=rate), range(seeds)) for rate in rates})
    words = ", ".join(f"{rate:.2g}: {runs.mean(rate):.1%}" for rate in runs.runs)
    best = runs.best_lr
    # within a point of the best: with few seeds they cannot be told apart
    near = [
        f"{rate:.2g}" for rate in runs.runs
        if rate != lr and runs.mean(rate) > runs.mean(best) - 0.01
    ]
    if best != lr:
        end = f"is beaten by {best:.2g}, {'higher' if best > lr else 'lower'}"
    elif near:
        end = f"and {near[0]} are within a point of each other"
    else:
        end = "is the best of the three"
    return f"{data.name}: {words} (mean of {seeds} seeds). The suggestion {lr:.2g} {end}."


def check_beats_adam(data: Data, settings: Settings, lr: float, seeds: int = 2) -> str:
    """Judge the exercise: SGD with momentum 0.9 at `lr` beats Adam at 3e-4 with every seed."""
    found = sgd_and_adam(data, settings, [lr], [3e-4], seeds)
    ours, theirs = found.sweeps["SGD"].scores(lr), found.sweeps["Adam"].scores(3e-4)
    facts = (f"SGD at {lr:g}: {min(ours):.1%} to {max(ours):.1%}; Adam at 3e-4: {min(theirs):.1%} "
             f"to {max(theirs):.1%} ({seeds} seeds).")
    # seed by seed: both runs of a pair have the same initial weights and batches
    if all(our > their for our, their in zip(ours, theirs, strict=True)):
        return f"Right: better with every seed. {facts}"
    falls = _still_falls(found.sweeps["SGD"].runs[lr])
    hint = ("The loss still falls from step to step: go higher." if falls else
            "The loss no longer falls: go lower.")
    return f"Not yet. {facts} {hint}"


def _still_falls(runs: Sequence[Any]) -> bool:
    """Whether the first run's loss is lower in its last fifth than in the fifth before, and
    never leapt above its start.
    """
    loss = np.array(runs[0].history.series("train_loss"))
    part = max(1, len(loss) // 5)
    return bool(
        np.isfinite(loss).all() and loss[-part:].mean() < loss[-2 * part:-part].mean()
        and loss.max() < 2 * loss[0])
