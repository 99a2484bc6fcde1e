"""Reading a fit from two curves, stopping early, and larger models stopped early.

Notebook 08, R9, R10 and R12.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from recipe_widgets.checks import fit_diagnosis
from recipe_widgets.core import CheckResult, Run, Settings, generator
from recipe_widgets.data import Data, Split
from recipe_widgets.data.stratified_split import stratified
from recipe_widgets.evaluation.seed_comparison import points
from recipe_widgets.lessons.common.guarded import train
from recipe_widgets.plots import Picture, downsample
from recipe_widgets.plots.figures import PALETTE
from recipe_widgets.rules.statistics import paired
from recipe_widgets.training import Evaluation, MultiSeedTraining, evaluate


@dataclass(frozen=True)
class Fits:
    """Runs by name, each with what `fit_diagnosis` says of it."""

    runs: Mapping[str, Run]
    verdicts: Mapping[str, CheckResult]  # of each run, by the same names

    def verdict(self, name: str) -> str:
        """overfitting, underfitting, still improving, good or unknown."""
        return str(self.verdicts[name].details["verdict"])

    def __str__(self) -> str:
        return "\n".join(f"{name}: {found.message}.\n    {found.advice or 'Nothing to mend.'}"
                         for name, found in self.verdicts.items())

    def plot(self, titles: bool = True) -> Picture:
        """Training and validation loss of each.

        Args:
            titles: False leaves the verdicts out: they are for the reader to give.
        """
        figure = Figure(figsize=(3.3 * len(self.runs), 2.9), layout="constrained")
        for axes, (name, run) in zip(
                figure.subplots(1, len(self.runs), squeeze=False)[0], self.runs.items(),
                strict=True):
            axes.plot(*downsample(*run.history.arrays("train_loss"), bins=80), "-", color=PALETTE[0],
                      label="training")
            axes.plot(*run.history.arrays("val_loss"), "--s", color=PALETTE[1], markersize=3,
                      label="validation")
            best = self.verdicts[name].details["best_step"]
            if titles and best is not None:
                axes.axvline(best, color="0.4", linestyle=":", label=f"best: step {best}")
            axes.set(xlabel="step", ylabel="loss (nats)", ylim=(0, None))
            axes.set_title(f"{name}: {self.verdict(name)}" if titles else name, fontsize=9)
            axes.grid(alpha=0.3)
            axes.legend(frameon=False, fontsize=7)
        said = "; ".join(
            f"{name}: training loss ends at {_end(run):.2f}, validation at "
            f"{run.history.last('val_loss'):.2f}" + (f", {self.verdict(name)}" if titles else "")
            for name, run in self.runs.items())
        return Picture(figure, f"Training and validation loss over steps. {said}.")


def _end(run: Run) -> float:
    """Training loss, mean of the last 20 steps."""
    return float(np.mean(run.history.series("train_loss")[-20:]))


def fits(cases: Mapping[str, tuple[Data, Settings]]) -> Fits:
    """Train each case and ask `fit_diagnosis`."""
    runs = {name: train(data, settings) for name, (data, settings) in cases.items()}
    return Fits(runs, {name: fit_diagnosis(run) for name, run in runs.items()})


@dataclass(frozen=True)
class Stopped:
    """Runs to the end, and the weights they had when the validation loss was lowest.

    These weights are chosen on one half of the validation samples, and both are judged on the other
    half: a choice must not judge itself.
    """

    title: str
    runs: Sequence[Run]
    steps: tuple[int, ...]  # (seeds,) after which the chosen weights were reached
    best: tuple[Evaluation, ...]  # of the chosen weights, one for each seed
    last: tuple[Evaluation, ...]  # of the weights at the end

    def means(self, what: str = "accuracy") -> tuple[float, float]:
        """Over seeds, of the best weights and of the last ones. what: "accuracy" or "loss"."""
        best, last = (float(np.mean([getattr(found, what) for found in row]))
                      for row in (self.best, self.last))
        return best, last

    def verdict(self) -> str:
        """What going back to the best weights is worth, in loss and in accuracy, seed by seed."""
        loss = paired([one.loss for one in self.last], [one.loss for one in self.best])
        right = paired([one.accuracy for one in self.last], [one.accuracy for one in self.best])
        # in words only where the whole interval lies on one side of 0
        word = "lower" if loss.high < 0 else "higher" if loss.low > 0 else "not clearly different"
        also = "higher" if right.low > 0 else "lower" if right.high < 0 else "not clearly different"
        length = self.runs[0].steps_done
        return (f"{self.title}: the best look came after step {min(self.steps)} to "
                f"{max(self.steps)} of {length:,}. With its weights the loss on held-out samples is "
                f"{word} ({loss.a:.2f} to {loss.b:.2f} nats), the accuracy {also}: {points(right)}.")

    def plot(self) -> Picture:
        """Losses of the first seed; the best look marked, and what comes after it shaded."""
        run, step = self.runs[0], self.steps[0]
        figure = Figure(figsize=(7, 3), layout="constrained")
        axes = figure.subplots()
        axes.plot(*downsample(*run.history.arrays("train_loss"), bins=80), "-", color=PALETTE[0],
                  label="training")
        axes.plot(*run.history.arrays("val_loss"), "--s", color=PALETTE[1], markersize=3,
                  label="validation (choosing half)")
        axes.axvline(step, color="0.3", linestyle=":")
        axes.axvspan(step, run.steps_done, color="0.5", alpha=0.12, label="after the best look")
        axes.plot([step], [min(run.history.series("val_loss"))], "*", color="black", markersize=13,
                  label=f"best look: step {step}")
        axes.set(xlabel="step", ylabel="loss (nats)", ylim=(0, None))
        axes.set_title(
            f"{self.title}: validation loss is lowest at step {step} of {run.steps_done:,}",
            fontsize=10)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
        lowest = min(run.history.series("val_loss"))
        return Picture(
            figure, f"{self.title}: training loss falls to {_end(run):.2f}; validation loss is "
            f"lowest at step {step} ({lowest:.2f}) and ends at {run.history.last('val_loss'):.2f}.")


def halves(data: Data, seed: int = 0) -> tuple[Data, Split]:
    """The data with one half of its validation samples, and the other half; each class in
    proportion.
    """
    split = data.validation
    chosen, rest = stratified(split.y, split.size // 2, generator(seed, "split"))
    first, second = (Split(split.samples.take(rows), split.name, split.mean, split.std)
                     for rows in (chosen, rest))
    return replace(data, validation=first, _copies={}), second


def early_stopping(data: Data, settings: Settings, seeds: int = 6) -> Stopped:
    """Train to the end from each seed, keep the weights with the lowest validation loss, and judge
    both on samples that chose nothing.
    """
    choosing, judging = halves(data)
    # final="best" lets each member keep its best weights
    many = MultiSeedTraining(choosing, settings.replace(final="best"), range(seeds))
    while many.running and many.done < settings.max_steps:
        many.step()
    many.finish()
    best, last = [], []
    for member in many.members:
        last.append(evaluate(member.model, judging))
        model = copy.deepcopy(member.model)  # the run keeps its last weights
        assert member.best.weights is not None
        model.load_state_dict(member.best.weights)
        best.append(evaluate(model, judging))
    return Stopped(f"{data.name}, {data.train.size} samples, width {settings.width}", many.runs,
                   tuple(member.best.step + 1 for member in many.members), tuple(best), tuple(last))


def larger_stopped(data: Data, settings: Settings, widths: Sequence[int],
                   seeds: int = 4) -> dict[int, Stopped]:
    """`early_stopping` for each width."""
    return {width: early_stopping(data, settings.replace(width=width), seeds) for width in widths}


def plot_larger(found: Mapping[int, Stopped], what: str = "loss") -> Picture:
    """Held-out loss or accuracy against width: at the last step, and at the best look."""
    figure = Figure(figsize=(6.5, 3), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(found))  # widths at equal distances, as they often double
    scale, unit = 1, "loss on held-out samples (nats)"
    if what == "accuracy":
        scale, unit = 100, "accuracy on held-out samples (%)"
    for row, (name, line) in enumerate((("best", "-o"), ("last", "--s"))):
        # (widths, seeds)
        grid = scale * np.array([[getattr(judged, what) for judged in getattr(one, name)]
                                 for one in found.values()])
        axes.fill_between(places, grid.min(1), grid.max(1), color=PALETTE[row], alpha=0.25,
                          linewidth=0)
        axes.plot(places, grid.mean(1), line, color=PALETTE[row],
                  label="stopped at the best look" if row == 0 else "to the end")
    axes.set_xticks(places, [str(width) for width in found])
    title = next(iter(found.values())).title.rsplit(",", 1)[0]
    axes.set(xlabel="width (hidden units)", ylabel=unit)
    axes.set_title(f"{title}: " + _largest(found, what), fontsize=9)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    words = "; ".join(
        f"width {width}: {scale * one.means(what)[0]:.3g} stopped, "
        f"{scale * one.means(what)[1]:.3g} at the end" for width, one in found.items())
    return Picture(figure, f"{title}, {unit}: {words}.")


def _largest(found: Mapping[int, Stopped], what: str) -> str:
    pick = max if what == "accuracy" else min
    best = pick(found, key=lambda width: found[width].means(what)[0])
    return f"stopped early, width {best} has the best mean"


def larger_verdict(found: Mapping[int, Stopped]) -> str:
    """The largest width stopped early against the smallest, stopped and to its end; and against
    its own end.
    """
    small, large = found[min(found)], found[max(found)]
    # positive: the large one is more accurate
    gain = paired([judged.accuracy for judged in small.best],
                  [judged.accuracy for judged in large.best])
    # negative: its own end has the higher loss
    own = paired([judged.loss for judged in large.last], [judged.loss for judged in large.best])
    word = "better" if gain.low > 0 else "worse" if gain.high < 0 else "not clearly better or worse"
    return (f"Width {max(found)} stopped early is {word} than width {min(found)} stopped early: "
            f"{points(gain)}. Left to its end it has {-own.difference:+.2f} nats of loss on top.")
