"""Batch sizes: what full batch, mini-batch and single sample cost in time, steps, memory and noise.

Notebook 06, P1 and P2.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import RecipeError, Settings, generator
from recipe_widgets.data import Data
from recipe_widgets.evaluation.seed_comparison import Claim, SeedComparison
from recipe_widgets.lessons.common.guarded import train_many
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE, set_title
from recipe_widgets.training import Training


def saved_bytes(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> int:
    """Bytes that the forward pass keeps for the backward pass, without parameters: what a larger
    batch costs in memory.
    """
    # tensors that share a storage count once; parameters are there with any batch size
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        """Called by autograd with each tensor that it keeps."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = nn.functional.cross_entropy(model(x), y)
    del loss  # ends the graph, and with it what autograd keeps
    return sum(kept.values())


@dataclass(frozen=True)
class Course:
    """How the training with one batch size went."""

    batch_size: int
    steps: list[int]  # at which the validation loss was measured, from 0
    seconds: list[float]  # of training until then; measuring is not counted
    losses: list[float]  # validation loss, nats
    memory: int  # bytes kept for the backward pass of one batch

    @property
    def best(self) -> float:
        return float(np.nanmin(self.losses))


@dataclass(frozen=True)
class Ways:
    """Courses by name: full batch, mini-batch, single sample."""

    courses: Mapping[str, Course]

    def __str__(self) -> str:
        rows = [
            f"{'':>16}  {'samples a step':>14}  {'steps':>7}  {'seconds':>7}  "
            f"{'kept for backward':>17}  lowest validation loss"
        ]
        for name, course in self.courses.items():
            rows.append(f"{name:>16}  {course.batch_size:>14,}  {course.steps[-1]:>7,}  "
                        f"{course.seconds[-1]:>7.2f}  {course.memory / 1e3:>14,.1f} kB  "
                        f"{course.best:.3f} nats")
        winner = min(self.courses, key=lambda name: self.courses[name].best)
        fewest = min(self.courses, key=lambda name: self.courses[name].steps[-1])
        return "\n".join(
            [*rows, f"Lowest loss in the same time: {winner}. Fewest steps in it: {fewest}."])

    def plot(self) -> Picture:
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        for axes, kind in zip(figure.subplots(1, 2, sharey=True), ("seconds", "steps"),
                              strict=True):
            for number, (name, course) in enumerate(self.courses.items()):
                # without the first point: a logarithmic axis has no place for 0
                axes.plot(
                    getattr(course, kind)[1:], course.losses[1:], LINES[number] + "o", markersize=3,
                    color=PALETTE[number], label=name)
            axes.set(xlabel={"seconds": "seconds of training", "steps": "steps"}[kind],
                     xscale="log", yscale="log")
            axes.grid(alpha=0.3, which="both")
        figure.axes[0].set_ylabel("validation loss (nats)")
        figure.axes[0].legend(frameon=False)
        winner = min(self.courses, key=lambda name: self.courses[name].best)
        set_title(figure, f"In the same time the {winner} gets lowest", 9)
        return Picture(
            figure, "Validation loss over time and over steps. " +
            "; ".join(f"{name}: {course.best:.3f} after {course.steps[-1]} steps"
                      for name, course in self.courses.items()) + ".")


def ways_to_batch(data: Data, settings: Settings, rates: Mapping[str, tuple[int, float]],
                  seconds: float = 1.5, clock: Callable[[], float] = time.perf_counter) -> Ways:
    """Train for the same number of seconds with each (batch size, learning rate).

    Args:
        rates: {name: (batch size, learning rate)}; a batch size of 0 is the full batch.
        seconds: of training for each. clock: seconds that pass, for tests.
    """
    if not rates or seconds <= 0:
        raise RecipeError("ways_to_batch(rates, seconds)", found=f"{len(rates)}, {seconds} s",
                          expected="one rate or more, above 0 s")
    return Ways({
        name:
        _course(data, settings.replace(batch_size=size or data.train.size, lr=lr), seconds, clock)
        for name, (size, lr) in rates.items()
    })


def _course(data: Data, settings: Settings, seconds: float, clock: Callable[[], float]) -> Course:
    """Train for some seconds. The validation loss is measured whenever the number of steps has
    grown by a third, and that is not timed.
    """
    # a thousand samples: else a full-batch run would spend its time on measuring
    settings = settings.replace(eval_samples=1000)
    training = Training(build_model(settings, data.shape, data.num_classes), data, settings)
    steps, times, losses = [0], [0.0], [training.evaluate().loss]
    spent, due = 0.0, 1  # seconds of training; the step at which to measure next
    while spent < seconds:
        start = clock()
        training.step()
        spent += clock() - start
        if training.done >= due:
            due = max(due + 1, int(due * 1.33))
            steps.append(training.done)
            times.append(spent)
            losses.append(training.evaluate().loss)
    if steps[-1] < training.done:  # the end is measured in any case
        steps.append(training.done)
        times.append(spent)
        losses.append(training.evaluate().loss)
    rows = torch.arange(min(settings.batch_size, training.split.size),
                        device=training.split.x.device)
    x, y = training.split.batch(rows)
    return Course(len(y), steps, times, losses, saved_bytes(training.model, x, y))


@dataclass(frozen=True)
class Noise:
    """Relative error of a batch's gradient (root mean square) and spread of its loss, by batch
    size; `draws` batches.
    """

    gradient: Mapping[int, float]
    loss: Mapping[int, float]
    draws: int

    @property
    def slope(self) -> float:
        """Slope of log error over log batch size: -0.5 where the error falls with the root of the
        batch size, as the mean of independent samples does.
        """
        log_sizes, log_errors = np.log(list(self.gradient)), np.log(list(self.gradient.values()))
        return float(np.polyfit(log_sizes, log_errors, 1)[0])

    def __str__(self) -> str:
        ends = min(self.gradient), max(self.gradient)
        share = self.gradient[ends[0]] / self.gradient[ends[1]]
        close = abs(self.slope + 0.5) < 0.1
        law = "close to the root law's -0.5" if close else "not the root law's -0.5"
        return (f"From {ends[0]} to {ends[1]} samples a batch ({ends[1] // ends[0]} times as many) "
                f"the gradient's noise falls {share:.1f}-fold; the slope is {self.slope:.2f}, "
                f"{law}. {self.draws} batches or more of each size.")

    def plot(self) -> Picture:
        figure = Figure(figsize=(7, 3), layout="constrained")
        axes = figure.subplots()
        sizes = np.array(list(self.gradient))
        axes.plot(sizes, list(self.gradient.values()), "o-", color=PALETTE[0],
                  label="gradient: |batch - all| / |all|")
        axes.plot(sizes, list(self.loss.values()), "s--", color=PALETTE[1],
                  label="loss: standard deviation (nats)")
        first = self.gradient[sizes[0]]  # the law's line begins where the measured one does
        axes.plot(sizes, first * np.sqrt(sizes[0] / sizes), ":", color="0.5",
                  label="1 / root of the batch size")
        axes.set(xscale="log", yscale="log", xlabel="samples in a batch", ylabel="noise")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
        set_title(figure, "The gradient's noise falls as the batch size to the power "
                  f"{self.slope:.2f} (root law: -0.5)")
        return Picture(figure, str(self))


def gradient_noise(model: nn.Module, data: Data, sizes: Sequence[int], draws: int = 24,
                   seed: int = 0) -> Noise:
    """How far the gradient of random batches (drawn with replacement) lies from that of all
    training samples.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise RecipeError("gradient_noise(sizes=)", found=repr(list(sizes)),
                          expected="two batch sizes or more")
    params = [p for p in model.parameters() if p.requires_grad]

    def gradient(rows: torch.Tensor) -> tuple[torch.Tensor, float]:
        """Gradient (P,) of all parameters in one vector, and the loss, of these samples."""
        x, y = data.train.batch(rows)
        loss = nn.functional.cross_entropy(model(x), y)
        parts = torch.autograd.grad(loss, params)
        return torch.cat([part.flatten() for part in parts]), float(loss.detach())

    whole, _ = gradient(  # what every batch estimates
        torch.arange(data.train.size))
    draw = generator(seed, "batches")
    errors: dict[int, float] = {}
    spreads: dict[int, float] = {}
    for size in sizes:
        often = max(draws, min(400, 2048 // size))  # single samples differ most, and cost least
        found = [
            gradient(torch.randint(data.train.size, (size, ), generator=draw)) for _ in range(often)
        ]
        # root mean square of |batch - all| / |all|
        squares = [float(((batch - whole).norm() / whole.norm())**2) for batch, _ in found]
        errors[size] = float(np.mean(squares))**0.5
        spreads[size] = float(np.std([loss for _, loss in found], ddof=1))
    return Noise(errors, spreads, draws)


def larger_batches(data: Data, settings: Settings, small: int, large: int, samples: int,
                   seeds: int = 6) -> list[Claim]:
    """"Larger batch, less noise", and what it costs: runs that see as many `samples` with both
    batch sizes.

    The noise is the spread of the training loss from step to step in the last quarter (standard
    deviation of differences / √2), as a share of its mean there, since a lower loss also wavers
    less. The large batch also gets a learning rate raised in proportion (Goyal et al. 2017).
    """
    def runs(size: int, lr: float) -> tuple[list[float], list[float]]:
        made = train_many(data, settings.replace(batch_size=size, lr=lr, max_steps=samples // size),
                          range(seeds))
        curves = [np.array(run.history.series("train_loss")) for run in made]
        ends = [curve[-max(4, len(curve) // 4):] for curve in curves]
        # differences take the trend away; of two independent values they spread √2 times as much
        noise = [float(np.diff(end).std() / 2**0.5 / end.mean()) for end in ends]
        return noise, [
            run.history.last("val_accuracy") if run.status == "done" else np.nan for run in made
        ]

    small_noise, small_scores = runs(small, settings.lr)
    large_noise, large_scores = runs(large, settings.lr)
    # as many samples in fewer steps: each step has to go further (Goyal et al. 2017)
    _, scaled = runs(large, settings.lr * large / small)
    names = f"batches of {small}", f"batches of {large}"
    higher = f"batches of {large}, lr x {large // small}"
    noise = SeedComparison(data.name, {names[0]: small_noise, names[1]: large_noise},
                           "noise of the training loss (share of its mean)", more_is_better=False)
    ends = SeedComparison(data.name,
                          {names[0]: small_scores, names[1]: large_scores, higher: scaled})
    return [
        noise.claim("larger batch, less noise", names[1]),
        ends.claim("less noise, so a better result after as many samples", names[1]),
        ends.claim("a learning rate raised with the batch helps", higher, names[1]),
        ends.claim("even so the small batches are better", names[0], higher),
    ]
