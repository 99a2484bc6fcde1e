"""Comparing kinds of runs over several seeds, honestly: mean, lowest and highest."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

import numpy as np
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError, Run
from recipe_widgets.core.validation import Limit, filled, validated, whole
from recipe_widgets.plots import Picture, downsample

Label = TypeVar("Label", str, float)
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"
           )  # Okabe & Ito
LINES = ("-", "--", "-.", ":")  # colour is never the only difference


SOME_RUNS = Limit(lambda runs: len(runs) > 0 and all(map(len, runs.values())),
                 "some runs for each of some labels")


@validated
@dataclass(frozen=True)
class Comparison(Generic[Label]):
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

    def table(self, head: str = "") -> str:
        """One line per label: mean, lowest and highest validation accuracy, and how many seeds
        diverged.
        """
        rows = [
            f"{head:>14}  {'mean':>7}  {'lowest':>7}  {'highest':>7}   validation accuracy, n = {self.seeds} seeds"
        ]
        for label, runs in self.runs.items():
            lost = sum(run.status == "diverged" for run in runs)
            row = f"{label!s:>14}  {self.mean(label):>7.1%}  {self.worst(label):>7.1%}  {self.best(label):>7.1%}"
            rows.append(row + (f"   {lost} of {len(runs)} diverged" if lost else ""))
        return "\n".join(rows)

    def plot(self, title: str = "") -> Picture:
        """Training loss over steps: the mean over seeds as a line, lowest to highest as a band."""
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        axes = figure.subplots()
        ends = []
        for number, (label, runs) in enumerate(self.runs.items()):
            curves = [downsample(*run.history.arrays("train_loss"), bins=60) for run in runs]
            length = min(len(x) for x, _ in curves)
            x, ys = curves[0][0][:length], np.stack([y[:length] for _, y in curves])
            colour = PALETTE[number % len(PALETTE)]
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
            seeds: Annotated[int, whole(1, 1000)]) -> Comparison[Label]:
    """Make a run of each kind for seeds 0, 1, ..., `seeds` - 1."""
    if seeds < 1 or not runs:
        raise RecipeError("compare", found=f"{len(runs)} kinds of runs, {seeds} seeds",
                          expected="at least one of each")
    return Comparison(
        {label: [make(seed) for seed in range(seeds)] for label, make in runs.items()})
