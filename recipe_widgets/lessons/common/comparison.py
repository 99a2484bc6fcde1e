"""Runs of several kinds over the same seeds: what they reach, and their curves. (Notebooks 00, 02
to 06 and 11.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

import numpy as np
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.core.validation import Limit, filled, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.evaluation.seed_comparison import Claim, SeedComparison
from recipe_widgets.lessons.common.guarded import SHOWN_AFTER, train
from recipe_widgets.plots import Picture, downsample
from recipe_widgets.plots.figures import LINES, PALETTE
from recipe_widgets.plots.seed_comparison import plot_seed_comparisons
from recipe_widgets.training import evaluate
from recipe_widgets.training.losses import LossFunction
from recipe_widgets.training.validation import stratified_subset

Label = TypeVar("Label", str, float)
GLANCE = 50  # validation samples per look on the way, where only the end counts
beside = plot_seed_comparisons  # as the cells of notebook 07 say
SOME_RUNS = Limit(lambda runs: len(runs) > 0 and all(map(len, runs.values())),
                  "some runs for each of some labels")


@validated
@dataclass(frozen=True)
class RunComparison(Generic[Label]):
    """Runs by label, one per seed, all judged on the whole validation set at their end
    (accuracy, 0 to 1).
    """

    runs: Annotated[Mapping[Label, list[Run]], SOME_RUNS]

    def scores(self, label: Label) -> list[float]:
        """Validation accuracy of each seed; 0 for a run that diverged before it was looked at."""
        values = [
            run.history.last("val_accuracy") if run.status != "diverged" else 0.0
            for run in self.runs[label]
        ]
        # NaN: no look at the validation set yet
        return [0.0 if math.isnan(value) else value for value in values]

    def mean(self, label: Label) -> float:
        return float(np.mean(self.scores(label)))

    def worst(self, label: Label) -> float:
        return min(self.scores(label))

    def best(self, label: Label) -> float:
        return max(self.scores(label))

    @property
    def seeds(self) -> int:
        return len(next(iter(self.runs.values())))

    @property
    def accuracies(self) -> SeedComparison:
        """What the runs reached, and how many of each label diverged."""
        return SeedComparison(
            "", {str(label): self.scores(label) for label in self.runs},
            diverged={str(label): sum(run.status == "diverged" for run in runs)
                      for label, runs in self.runs.items()})

    def table(self, head: str = "") -> str:
        """One line per label: mean, lowest and highest validation accuracy, and how many seeds
        diverged.
        """
        return self.accuracies.table(head, width=14)

    def plot(self, title: str = "") -> Picture:
        """Training loss over steps: the mean over seeds as a line, lowest to highest as a band."""
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        axes = figure.subplots()
        ends = []
        for number, (label, runs) in enumerate(self.runs.items()):
            curves = [downsample(*run.history.arrays("train_loss"), bins=60) for run in runs]
            # diverged runs are shorter: drawn as far as all of them went
            length = min(len(x) for x, _ in curves)
            x, ys = curves[0][0][:length], np.stack([y[:length] for _, y in curves])
            colour = PALETTE[number % len(PALETTE)]
            # the band is the range of the seeds, no interval
            axes.fill_between(x, ys.min(0), ys.max(0), color=colour, alpha=0.25, linewidth=0)
            axes.plot(x, ys.mean(0), LINES[number % len(LINES)], color=colour, label=str(label))
            ends.append(f"{label} ends at {ys.mean(0)[-1]:.3g}")
        axes.set(xlabel="step", ylabel="training loss (nats)", yscale="log",
                 title=title or f"Line: mean of {self.seeds} seeds; band: lowest to highest")
        axes.grid(alpha=0.3, which="both")
        axes.legend(frameon=False)
        return Picture(figure,
                       f"Training loss over steps, mean of {self.seeds} seeds: {'; '.join(ends)}.",
                       colours=128)


@validated
def compare(runs: Annotated[Mapping[Label, Callable[[int], Run]], filled()],
            seeds: Annotated[int, whole(1, 1000)]) -> RunComparison[Label]:
    """Make a run of each kind for seeds 0, 1, ..., `seeds` - 1."""
    if seeds < 1 or not runs:
        raise RecipeError("compare", found=f"{len(runs)} kinds of runs, {seeds} seeds",
                          expected="at least one of each")
    made: dict[Label, list[Run]] = {label: [] for label in runs}
    with tqdm(total=seeds * len(runs), desc="runs", unit="run", leave=False, delay=SHOWN_AFTER) as bar:
        for label, make in runs.items():
            for seed in range(seeds):  # the same for each label: their differences are paired
                made[label].append(make(seed))
                bar.update()
    return RunComparison(made)


def claim(text: str, runs: RunComparison[str], old: str, new: str) -> Claim:
    """A claim about the validation accuracy at the end of runs that share their seeds: `new`
    reaches more than `old`. A diverged run counts as 0.
    """
    return runs.accuracies.claim(text, new, old)


def quiet_run(data: Data, settings: Settings, model: nn.Module | None = None,
              loss_fn: LossFunction | None = None) -> Run:
    """Train with the barest looks on the way: on small networks they would cost as much as the
    training.
    """
    return train(data, settings.replace(eval_samples=min(GLANCE, settings.eval_samples or GLANCE)),
                 model, loss_fn=loss_fn)


def end_accuracy(data: Data, settings: Settings, model: nn.Module | None = None) -> float:
    """Train, then judge on `settings.eval_samples` validation samples (None: all). 0 for a run that
    diverged.
    """
    run = quiet_run(data, settings, model)
    if run.status == "diverged" or run.model is None:
        return 0.0
    return evaluate(run.model, stratified_subset(data.validation, settings.eval_samples)).accuracy
