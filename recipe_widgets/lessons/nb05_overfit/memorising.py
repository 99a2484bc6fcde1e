"""Learning by heart: one sample, a handful, one batch, random labels. (Notebook 05, O1 to O3 and
O5.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets import checks
from recipe_widgets.core import CheckResult, RecipeError, Run, Settings, generator
from recipe_widgets.data import Data, Split
from recipe_widgets.data.split import Samples
from recipe_widgets.lessons.common.changed_data import zeroed as zeroed
from recipe_widgets.lessons.common.comparison import RunComparison, compare
from recipe_widgets.lessons.common.guarded import train
from recipe_widgets.models import build_model, count_parameters
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE, displayable, set_title
from recipe_widgets.training import evaluate

LEARNT = 0.05  # nats: a loss below it on its own samples counts as learnt by heart


def random_labels(data: Data, seed: int = 0) -> Data:
    """The same images with the training labels dealt out at random: each class keeps its number
    of samples.
    """
    old = data.train.samples
    order = torch.randperm(len(old.y), generator=generator(seed, "split")).to(old.y.device)
    shuffled = Split(Samples(old.x, old.y[order], old.index, old.origin), "train", data.mean,
                     data.std)
    return replace(data, name=f"{data.name}, random labels", train=shuffled, _copies={})


def label_entropy(y: torch.Tensor) -> float:
    """The lowest mean cross-entropy (nats) of one answer for all samples: what the labels alone
    allow.
    """
    shares = torch.bincount(y).double() / len(y)
    shares = shares[shares > 0]  # 0 · ln 0 counts as 0
    return max(0.0, float(-(shares * shares.log()).sum()))


@dataclass(frozen=True)
class Recall:
    """Runs with the real input and with zeros; `floor` is the loss (nats) that zeros allow at
    best, `n` counts samples.
    """

    runs: RunComparison[str]
    n: int
    floor: float

    @property
    def ends(self) -> dict[str, list[float]]:
        """Loss on the training samples at the end, each run's."""
        return {name: [evaluate(run.model, run.data.train).loss for run in runs
                       if run.model is not None] for name, runs in self.runs.runs.items()}

    def __str__(self) -> str:
        real, blank = (max(self.ends[name]) for name in ("real input", "zeros"))
        # a tenth of what the labels alone allow; of ln 2 where one label makes that 0
        learnt = ("learnt by heart" if real < 0.1 * max(self.floor, math.log(2))
                  else "not learnt by heart")
        if self.floor < 1e-9:
            other = "zeros do just as well" if blank < 0.1 else "zeros do not"
        else:
            # it comes near the floor from above only
            held = "stays at" if blank > 0.9 * self.floor else "falls below"
            other = f"with zeros the loss {held} what the labels alone allow ({self.floor:.3f})"
        return (f"{self.n} sample{'s' * (self.n > 1)}: {learnt} (loss {real:.2g}); {other} "
                f"(loss {blank:.2g}). Highest of {self.runs.seeds} seeds.")

    def plot(self) -> Picture:
        real, blank = (float(np.mean(self.ends[name])) for name in ("real input", "zeros"))
        name = self.runs.runs["real input"][0].data_name
        return self.runs.plot(f"{name}, {self.n} sample{'s' * (self.n > 1)}: loss {real:.2g} with "
                              f"the real input, {blank:.2g} with zeros")


def recall(data: Data, settings: Settings, n: int, seeds: int = 3) -> Recall:
    """Train on `n` samples alone, and on the same labels with the input zeroed."""
    few = data.subset(n)
    kinds = {"real input": few, "zeros": zeroed(few)}
    runs = RunComparison({name: [train(one, settings.replace(seed=seed)) for seed in range(seeds)]
                          for name, one in kinds.items()})
    return Recall(runs, n, label_entropy(few.train.y))


class _Positive(nn.Module):
    """A planted bug: the last thing is a ReLU, so no logit can fall below zero."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.inner(x)) * 0.1  # (N, K), none below 0


def suspects(data: Data, settings: Settings, n: int = 16) -> dict[str, CheckResult]:
    """`checks.overfit_few` on a sound net and on three that cannot: a bug, too small,
    regularised too much.
    """
    batches = [data.train.batch(torch.arange(max(n, 32)))]
    def made(**changes: Any) -> nn.Module:
        return build_model(settings.replace(**changes), data.shape, data.num_classes)

    def check(model: nn.Module, decay: float = 0.0) -> CheckResult:
        def adam(model: nn.Module) -> torch.optim.Optimizer:
            return torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=decay)

        return checks.overfit_few(model, batches, nn.functional.cross_entropy, samples=n,
                                  optimizer=adam)

    return {
        "sound": check(made()),
        "a bug": check(_Positive(made())),
        "too small": check(made(model="mlp", width=1, activation="tanh")),
        "regularised": check(made(model="mlp", dropout=0.9), decay=1.0),
    }


@dataclass(frozen=True)
class Raised:
    """One batch learnt at growing capacity. losses: width -> loss (nats) on the batch at the
    end, one per seed.
    """

    losses: Mapping[int, list[float]]
    parameters: Mapping[int, int]
    answers: Mapping[int, list[int]]
    images: Any
    labels: list[int]
    classes: Sequence[str]

    @property
    def enough(self) -> int | None:
        """The smallest width at which every seed gets under `LEARNT`."""
        return next((width for width, losses in self.losses.items() if max(losses) < LEARNT), None)

    def __str__(self) -> str:
        head = "loss on the batch (nats), lowest to highest seed"
        rows = [f"{'width':>6}  {'parameters':>10}  {head:<48}  right"]
        for width, losses in self.losses.items():
            span = f"{min(losses):.2g} to {max(losses):.2g}"
            rows.append(f"{width:>6}  {self.parameters[width]:>10,}  {span}".ljust(68)
                        + f"  {self.right(width)} of {len(self.labels)}")
        rows.append("No width here learnt the batch by heart." if self.enough is None else
                    f"From width {self.enough} on, every seed learns the batch by heart.")
        return "\n".join(rows)

    def right(self, width: int) -> int:
        """Samples of the batch that the net of this width and of seed 0 has right."""
        return sum(answer == label
                   for answer, label in zip(self.answers[width], self.labels, strict=True))

    def plot(self) -> Picture:
        """Loss over width, and the first samples with label and prediction of the smallest and
        the largest net.
        """
        figure = Figure(figsize=(9.5, 3.0), layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(1, 1.6), squeeze=False)[0]
        axes, widths = left.subplots(), list(self.losses)  # smallest first
        middle = [float(np.mean(self.losses[width])) for width in widths]
        axes.fill_between(widths, [min(losses) for losses in self.losses.values()],
                          [max(losses) for losses in self.losses.values()], color=PALETTE[0],
                          alpha=0.25)
        axes.plot(widths, middle, "o-", color=PALETTE[0])
        axes.set(xscale="log", yscale="log", xlabel="units in the hidden layer",
                 ylabel="loss on the batch (nats)")
        axes.set_xticks(widths, [str(width) for width in widths])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        for number, place in enumerate(right.subplots(2, 5).flat):
            truth = self.labels[number]
            small, large = self.answers[widths[0]][number], self.answers[widths[-1]][number]
            place.imshow(displayable(self.images[number]), cmap="gray", interpolation="nearest")
            place.set_axis_off()
            lines = (self.classes[truth], f"{widths[0]}: {self.classes[small]}",
                     f"{widths[-1]}: {self.classes[large]}")
            place.set_title("\n".join(lines), fontsize=7)
        few = f"{widths[0]} unit learns" if widths[0] == 1 else f"{widths[0]} units learn"
        set_title(
            figure,
            f"Of {len(self.labels)} samples, {few} {self.right(widths[0])}, {widths[-1]} learn "
            f"{self.right(widths[-1])}. Over each image: label, then both answers", 9.5)
        words = ", ".join(f"{width}: {mean:.2g}"
                          for width, mean in zip(widths, middle, strict=True))
        return Picture(figure, f"Loss on one batch by width: {words}.", colours=128)


def raise_capacity(data: Data, settings: Settings, widths: Sequence[int], samples: int = 64,
                   seeds: int = 3) -> Raised:
    """Train on one batch of `samples` (at least 12) at each width, as long as `settings` say."""
    if samples < 12 or not widths:
        raise RecipeError("raise_capacity", found=f"{samples} samples, {len(widths)} widths",
                          expected="12 or more, one or more")
    few = data.subset(samples)
    rows = torch.arange(samples)
    x, y = few.train.batch(rows)
    losses: dict[int, list[float]] = {}
    answers: dict[int, list[int]] = {}
    parameters: dict[int, int] = {}
    for width in widths:
        # the batch is the whole training set: each step sees all samples
        runs = [train(few, settings.replace(width=width, batch_size=samples, seed=seed))
                for seed in range(seeds)]
        models = [run.model for run in runs if run.model is not None]
        losses[width] = [evaluate(model, few.train).loss for model in models]
        with torch.no_grad():
            answers[width] = models[0](x).argmax(1).tolist()  # (samples,) of seed 0
        parameters[width] = count_parameters(models[0])
    return Raised(losses, parameters, answers,
                  few.train.raw(rows)[0].numpy(), y.tolist(), data.classes)


def one_batch_check(data: Data, settings: Settings, samples: int = 64) -> CheckResult:
    """`checks.overfit_one_batch` on the model of `settings` and the first samples."""
    batches = [data.train.batch(torch.arange(samples))]
    return checks.overfit_one_batch(build_model(settings, data.shape, data.num_classes), batches,
                                    nn.functional.cross_entropy, samples=samples)


def check_fewest_units(data: Data, width: int, samples: int = 32, steps: int = 200,
                       seeds: int = 3) -> str:
    """Judge the exercise: `width` units learn the samples by heart with every seed, half as many
    do not.
    """
    settings = Settings(optimizer="adam", lr=3e-3, max_steps=steps, eval_samples=100)
    half = max(1, width // 2)  # units that must not be enough
    losses = raise_capacity(data, settings, sorted({half, width}), samples, seeds).losses
    facts = f"Highest loss of {seeds} seeds: {max(losses[width]):.2g} nats at {width} units"
    facts += f", {max(losses[half]):.2g} at {half}." if half < width else "."
    if max(losses[width]) >= LEARNT:
        return f"Not yet: some seed stays above {LEARNT} nats. {facts} Take more units."
    if half < width and max(losses[half]) < LEARNT:
        return f"More than it takes: half as many learn it as well. {facts} Take fewer."
    return f"Right: {width} learn it, {half} do not. {facts}"


@dataclass(frozen=True)
class Memorised:
    """Runs on true and on random labels. right: training accuracy at the end; steps: until 99 %
    of it, by name and seed.
    """

    runs: RunComparison[str]
    right: Mapping[str, list[float]]
    steps: Mapping[str, list[float]]
    n: int
    chance: float

    def __str__(self) -> str:
        real, random = (self.right[name] for name in ("true labels", "random labels"))
        learnt = "memorises" if min(random) > 0.99 else "does not yet memorise"
        held = self.runs.scores("random labels")
        # 5 points: what a sample of the validation set may wobble
        says = "nothing" if max(held) < self.chance + 0.05 else "something"
        slower = np.mean(self.steps["random labels"]) / np.mean(self.steps["true labels"])
        pace = (f"it takes {slower:.1f} times as many steps to reach 99 %" if np.isfinite(slower)
                else "99 % was not reached by every seed")
        return (f"The net {learnt} {self.n} random labels: {min(random):.0%} to {max(random):.0%} of "
                f"the training samples right ({min(real):.0%} to {max(real):.0%} with true ones); "
                f"{pace}. On validation samples it then knows {says}: {min(held):.0%} to "
                f"{max(held):.0%}, chance is {self.chance:.0%}. n = {len(random)} seeds.")

    def plot(self) -> Picture:
        real, random = (float(np.mean(self.right[name]))
                        for name in ("true labels", "random labels"))
        name = self.runs.runs["true labels"][0].data_name
        return self.runs.plot(f"{name}, {self.n} training samples: {real:.0%} right with true "
                              f"labels, {random:.0%} with random ones")


def memorise(data: Data, settings: Settings, n: int = 500, seeds: int = 3) -> Memorised:
    """Train on `n` samples with their labels, and with the same labels dealt out at random."""
    few = data.subset(n)
    kinds = {"true labels": few, "random labels": random_labels(few)}
    # steps between two looks: a look costs a pass over the samples
    look = max(5, settings.max_steps // 40)
    right: dict[str, list[float]] = {name: [] for name in kinds}
    steps: dict[str, list[float]] = {name: [] for name in kinds}

    def make(name: str) -> Callable[[int], Run]:
        def one(seed: int) -> Run:
            run, until, hits = _watched(kinds[name], settings.replace(seed=seed), look)
            right[name].append(hits)
            steps[name].append(until)
            return run

        return one

    runs = compare({name: make(name) for name in kinds}, seeds)
    return Memorised(runs, right, steps, n, 1 / data.num_classes)


def _watched(data: Data, settings: Settings, every: int) -> tuple[Run, float, float]:
    """A run, the step at which 99 % of its training samples were right (inf: never), and the
    share right at its end.
    """
    found = [math.inf]
    model = build_model(settings, data.shape, data.num_classes)

    def look(step: Any) -> bool:
        due = math.isinf(found[0]) and (step.index + 1) % every == 0
        if due and evaluate(model, data.train).accuracy >= 0.99:
            found[0] = step.index + 1
        return False

    run = train(data, settings, model, until=look)  # `look` never stops it: it only watches
    return run, found[0], evaluate(model, data.train).accuracy
