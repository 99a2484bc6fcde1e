"""Dropout: whether it speeds up training, what it averages, what it does next to BatchNorm.

Notebook 08, R7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import RecipeError, Run, Settings, generator
from recipe_widgets.data import Data, Split
from recipe_widgets.evaluation.seed_comparison import SeedComparison
from recipe_widgets.lessons.common.guarded import train_many
from recipe_widgets.models import Dropout, build_model
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE
from recipe_widgets.rules.statistics import Paired, paired
from recipe_widgets.training import eval_mode


@dataclass(frozen=True)
class DropoutRace:
    """Runs by dropout rate, the same seeds for each; the claim to test is that dropout reaches
    `target` in fewer steps.
    """

    title: str
    target: float  # validation accuracy, 0 to 1
    runs: Mapping[float, Sequence[Run]]

    @property
    def seeds(self) -> int:
        return len(next(iter(self.runs.values())))

    def steps_to(self, rate: float) -> list[float]:
        """Steps until the first look at or above the target, per seed; the whole run where it is
        never reached.
        """
        found = []
        for run in self.runs[rate]:
            steps, values = run.history.arrays("val_accuracy")
            hits = np.flatnonzero(values >= self.target)
            # + 1: step 0 is the first one
            found.append(float(steps[hits[0]] + 1) if len(hits) else float(run.settings.max_steps))
        return found

    def missed(self, rate: float) -> int:
        """Seeds that never reach the target."""
        return sum(max(run.history.series("val_accuracy")) < self.target for run in self.runs[rate])

    def speed(self, rate: float) -> Paired:
        """Steps to the target with dropout less those without, seed by seed."""
        return paired(self.steps_to(0.0), self.steps_to(rate))

    def end(self, rate: float) -> Paired:
        """Final validation accuracy with dropout less that without."""
        without, given = ([run.history.last("val_accuracy") for run in self.runs[one]]
                          for one in (0.0, rate))
        return paired(without, given)

    def verdict(self) -> str:
        """One sentence on the claim, one for each rate."""
        rates = [rate for rate in self.runs if rate]
        # clear only where the whole 95 % interval lies on one side of 0
        faster = [f"{rate:g}" for rate in rates if self.speed(rate).high < 0]
        slower = [f"{rate:g}" for rate in rates if self.speed(rate).low > 0]
        better = [f"{rate:g}" for rate in rates if self.end(rate).low > 0]
        worse = [f"{rate:g}" for rate in rates if self.end(rate).high < 0]
        unclear = [f"{rate:g}" for rate in rates if f"{rate:g}" not in (*faster, *slower)]
        partly = "It holds in part" if faster else "It does not hold"
        holds = "It holds" if len(faster) == len(rates) else partly
        steps = next(iter(self.runs.values()))[0].settings.max_steps
        return (f'{self.title}, "dropout speeds up training", {self.seeds} seeds. {holds}: '
                f"{self.target:.0%} validation accuracy comes sooner at {_names(faster)}, later at "
                f"{_names(slower)}, neither clearly at {_names(unclear)}. After {steps} steps it "
                f"is more accurate at {_names(better)}, less at {_names(worse)}.")

    def __str__(self) -> str:
        rows = [
            f"{'dropout':>8}  steps to {self.target:.0%} (mean, lowest, highest)   "
            "against none (95 % interval)    "
            f"final accuracy   {self.title}, n = {self.seeds} seeds"
        ]
        for rate in self.runs:
            steps, found, last = self.steps_to(rate), self.speed(rate), self.end(rate)
            against = f"{found.difference:+7.0f} ({found.low:+.0f} to {found.high:+.0f})"
            late = f"   {self.missed(rate)} never got there" if self.missed(rate) else ""
            rows.append(f"{rate:>8g}  {np.mean(steps):>11.0f} {min(steps):>9.0f} "
                        f"{max(steps):>9.0f}        {against if rate else '-':>30}  "
                        f"{last.b:>14.1%}{late}")
        return "\n".join(rows)

    def plot(self) -> Picture:
        """Validation accuracy over steps: the mean over seeds, lowest to highest as a band."""
        figure = Figure(figsize=(7.5, 3.3), layout="constrained")
        axes = figure.subplots()
        for row, (rate, runs) in enumerate(self.runs.items()):
            curves = [run.history.arrays("val_accuracy") for run in runs]
            # all runs are measured at the same steps; (seeds, points) in percent
            steps, grid = curves[0][0], 100 * np.stack([values for _, values in curves])
            axes.fill_between(steps, grid.min(0), grid.max(0), color=PALETTE[row], alpha=0.2,
                              linewidth=0)
            axes.plot(steps, grid.mean(0), LINES[row % len(LINES)], color=PALETTE[row],
                      label=f"dropout {rate:g}")
        axes.axhline(100 * self.target, color="0.4", linewidth=0.8)
        axes.set(xlabel="step", ylabel="validation accuracy (%)", xlim=(0, None))
        first = min(self.runs, key=lambda rate: float(np.mean(self.steps_to(rate))))
        axes.set_title(f"{self.title}: dropout {first:g} is first to {self.target:.0%} on average "
                       f"(mean and range of {self.seeds} seeds)", fontsize=9)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
        words = "; ".join(
            f"dropout {rate:g}: {np.mean(self.steps_to(rate)):.0f} steps to {self.target:.0%}, "
            f"ends at {self.end(rate).b:.1%}" for rate in self.runs)
        return Picture(figure, f"Validation accuracy over steps on {self.title}, mean of "
                       f"{self.seeds} seeds. {words}.")


def _names(rates: Sequence[str]) -> str:
    return f"rate {', '.join(rates)}" if rates else "no rate"


def dropout_race(data: Data, settings: Settings, rates: Sequence[float], target: float,
                 seeds: int = 8) -> DropoutRace:
    """The same runs at several dropout rates, 0 among them; validation accuracy is measured every
    `settings.eval_every` steps.
    """
    if 0.0 not in rates:
        raise RecipeError("dropout_race(rates=)", found=repr(list(rates)),
                          expected="0 among them, to compare with")
    return DropoutRace(
        f"{data.name}, {settings.model}", target,
        {rate: train_many(data, settings.replace(dropout=rate), range(seeds)) for rate in rates})


@dataclass(frozen=True)
class Masks:
    """Averages over random masks, and the network in eval mode. Accuracies from 0 to 1."""

    counts: tuple[int, ...]  # of masks that are averaged
    accuracy: np.ndarray  # (repetitions, counts)
    whole: float  # of eval mode, which has all units at once
    agree: float  # share of samples on which the largest average and eval mode name one class

    def verdict(self) -> str:
        one, many = float(self.accuracy[:, 0].mean()), float(self.accuracy[:, -1].mean())
        return (f"One random mask is right on {one:.1%}, the average over {self.counts[-1]} masks "
                f"on {many:.1%}, all units at once on {self.whole:.1%} of the samples; the last "
                f"two agree on {self.agree:.1%} of them.")

    def plot(self) -> Picture:
        figure = Figure(figsize=(6, 2.9), layout="constrained")
        axes = figure.subplots()
        low, high = 100 * self.accuracy.min(0), 100 * self.accuracy.max(0)
        axes.fill_between(self.counts, low, high, color=PALETTE[0], alpha=0.25, linewidth=0)
        axes.plot(self.counts, 100 * self.accuracy.mean(0), "-o", color=PALETTE[0],
                  label="average over random masks")
        axes.axhline(100 * self.whole, color=PALETTE[1], linestyle="--",
                     label="all units, eval mode")
        axes.set(xscale="log", xlabel="masks averaged", ylabel="validation accuracy (%)")
        axes.set_xticks(self.counts, [str(count) for count in self.counts])
        one, many = float(self.accuracy[:, 0].mean()), float(self.accuracy[:, -1].mean())
        axes.set_title(f"One mask {one:.1%}, the average of {self.counts[-1]} masks {many:.1%}, "
                       f"all units at once {self.whole:.1%}", fontsize=10)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
        return Picture(figure, self.verdict())


def mask_average(run: Run, split: Split, counts: Sequence[int] = (1, 3, 10, 30), repeats: int = 4,
                 seed: int = 0) -> Masks:
    """Leave dropout on and average the probabilities of many masks: what does switching it off
    stand for?
    """
    assert run.model is not None
    # a copy: the run's own model and its generator stay as they are
    model = build_model(run.settings, tuple(split.x.shape[1:]), run.data.num_classes)
    model.load_state_dict(run.model.state_dict())
    x = torch.cat([x for x, _ in split.batches(1000)])
    with eval_mode(model):
        whole = model(x).argmax(1)
        for module in model.modules():
            if isinstance(module, Dropout):  # alone back in training mode
                module.train()
                module.generator = generator(seed, "dropout")
        rows, last = [], whole
        for _ in range(repeats):
            # (masks, N, K)
            probs = torch.stack([model(x).softmax(1) for _ in range(max(counts))])
            named = [probs[:count].mean(0).argmax(1) for count in counts]  # (N,) each
            rows.append([float((one == split.y).float().mean()) for one in named])
            last = named[-1]
    return Masks(tuple(counts), np.array(rows), float((whole == split.y).float().mean()),
                 float((last == whole).float().mean()))


@dataclass(frozen=True)
class Shift:
    """Variance of the inputs of a BatchNorm layer, unit by unit."""

    dropout: float
    training: np.ndarray  # (units,) with dropout on
    evaluation: np.ndarray  # (units,) in eval mode

    @property
    def ratio(self) -> float:
        """Median over units of training over eval variance; 1 means that BatchNorm's running
        statistics fit.
        """
        return float(np.median(self.training / np.maximum(self.evaluation, 1e-12)))

    def verdict(self) -> str:
        return (f"With dropout {self.dropout:g} before it, BatchNorm sees a variance that is "
                f"{self.ratio:.2f} times as large in training as in eval mode (median of "
                f"{len(self.training)} units), and its running statistics are those of training.")


def variance_shift(run: Run, split: Split) -> Shift:
    """What the last BatchNorm of a run's model gets in training and in eval mode, measured on a
    copy (Li et al., Understanding the Disharmony between Dropout and BatchNorm, 2019).
    """
    assert run.model is not None
    model = build_model(run.settings, tuple(split.x.shape[1:]), run.data.num_classes)
    model.load_state_dict(run.model.state_dict())
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    if not norms:
        raise RecipeError("variance_shift(run)", found=f"norm={run.settings.norm!r}",
                          expected='an MLP with norm="batch"')
    seen: list[torch.Tensor] = []  # its inputs (N, units): first in eval mode, then with dropout
    norms[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    x = torch.cat([x for x, _ in split.batches(1000)])
    with eval_mode(model):
        model(x)
        for module in model.modules():
            # BatchNorm itself as in eval mode: only dropout differs
            module.training = isinstance(module, Dropout)
        model(x)
    evaluation, training = (one.var(0).double().numpy() for one in seen)
    return Shift(run.settings.dropout, training, evaluation)


def dropout_and_norm(data: Data, settings: Settings, dropout: float = 0.5,
                     seeds: int = 4) -> SeedComparison:
    """Neither, one of them, both: dropout and BatchNorm in one network."""
    ways = {"neither": settings, f"dropout {dropout:g}": settings.replace(dropout=dropout),
            "BatchNorm": settings.replace(norm="batch"),
            f"BatchNorm + dropout {dropout:g}": settings.replace(norm="batch", dropout=dropout)}
    scores = {way: [run.history.last("val_accuracy") for run in train_many(data, one, range(seeds))]
              for way, one in ways.items()}
    return SeedComparison(f"{data.name}, {data.train.size} samples", scores)
