"""The seeds band: two settings trained from the same seeds, and whether their difference is larger
than what luck makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recipe_widgets.core import Run, Settings
from recipe_widgets.data import Data
from recipe_widgets.evaluation.seed_comparison import SeedComparison
from recipe_widgets.live.active_run import live_settings
from recipe_widgets.live.status_text import knob_words
from recipe_widgets.plots import CurveBand
from recipe_widgets.rules.statistics import Paired
from recipe_widgets.training import MultiSeedTraining

SEEDS = 8  # runs of each setting


@dataclass(frozen=True)
class SeedBand:
    """Runs of two settings, seed by seed.

    Attributes:
        column: what they are compared by: val_accuracy, or the loss without one.
        steps: that each run was to have.
    """

    old: Settings
    new: Settings
    old_runs: tuple[Run, ...]
    new_runs: tuple[Run, ...]
    column: str
    steps: int

    @property
    def reached(self) -> int:
        """The step at which the runs stand that did not come to their end; `steps` where all did."""
        return min((run.steps_done for run in (*self.old_runs, *self.new_runs)
                    if run.status == "running"), default=self.steps)

    @property
    def ends(self) -> SeedComparison:
        """What the runs of both settings reached at their ends, seed by seed."""
        percent = self.column == "val_accuracy"
        arms = {knob_words(self.old, self.new): self.old_runs,
                knob_words(self.new, self.old): self.new_runs}
        return SeedComparison(
            "seeds",
            {arm: [run.history.last(self.column) for run in runs] for arm, runs in arms.items()},
            "validation accuracy" if percent else "training loss",
            more_is_better=percent, percent=percent)

    @property
    def result(self) -> Paired:
        """Means, mean difference and its 95 % interval over the seeds."""
        old, new = self.ends.scores
        return self.ends.difference(new, old)

    @property
    def verdict(self) -> str:
        """One sentence, with both means, the difference, its interval, and the number of seeds; none
        of them where the training was stopped.
        """
        if self.reached < self.steps:
            return (f"The comparison over {len(self.new_runs)} seeds was stopped at step "
                    f"{self.reached:,} of {self.steps:,}: no verdict.")
        old, new = self.ends.scores
        numbers = self.ends.facts(new, old)
        if self.result.n < 2:
            return f"Too few seeds came to an end to say: {numbers}."
        if self.ends.decided(new, old) == "undecided":
            return f"No difference beyond the seeds' spread: {numbers}."
        return f"That difference is real: {numbers}."

    def ribbons(self) -> list[CurveBand]:
        """The range over seeds of both settings, in the chart of loss and in that of accuracy."""
        found = []
        sides = (("old", self.old_runs, knob_words(self.old, self.new)),
                 ("new", self.new_runs, knob_words(self.new, self.old)))
        # column of the history, chart that it stands in, factor to that chart's unit
        columns = (("val_loss", "loss", 1.0), ("val_accuracy", "accuracy", 100.0))
        for role, runs, settings in sides:
            for column, chart, factor in columns:
                steps, low, mean, high = _over_seeds(runs, column)
                if len(steps):
                    found.append(
                        CurveBand(f"{len(runs)} seeds, {settings}", role, chart, steps, low * factor,
                               mean * factor, high * factor))
        return found


def compare_seeds(data: Data, old: Settings, new: Settings, steps: int,
                  seeds: int = SEEDS) -> Iterator[tuple[float, SeedBand]]:
    """Train both settings from the same seeds, step by step; yields the share done, and at last
    1.0 with the band.
    """
    sides = []
    for settings in (old, new):
        wanted = live_settings(settings.replace(max_steps=steps, seed=0))
        sides.append(MultiSeedTraining(data, wanted, range(seeds)))
    column = "val_accuracy" if len(data.validation.y) else "train_loss"
    band = SeedBand(old, new, tuple(sides[0].runs), tuple(sides[1].runs), column, steps)
    for number in range(steps):
        for side in sides:
            if side.running:
                side.step()
        yield (number + 1) / (steps + 1), band
    for side in sides:
        side.finish()
    yield 1.0, band


class SeedTraining:
    """A comparison over seeds that goes on, and the newest one that was made.

    Attributes:
        band: the newest comparison, or None. run: the newest run when it began.
        done: share of the training that is done.
    """

    def __init__(self) -> None:
        self.band: SeedBand | None = None
        self.run: Run | None = None
        self.done = 0.0
        self._steps: Iterator[tuple[float, SeedBand]] | None = None

    @property
    def going(self) -> bool:
        return self._steps is not None

    @property
    def share(self) -> float:
        """Of the comparison that goes on, what is done; 1 when none does."""
        return self.done if self.going else 1.0

    def begin(self, data: Data, old: Settings, new: Settings, steps: int, run: Run | None) -> None:
        self._steps, self.done, self.run = compare_seeds(data, old, new, steps), 0.0, run

    def step(self) -> bool:
        """One step of all seeds; False at the end."""
        assert self._steps is not None
        self.done, self.band = next(self._steps, (1.0, self.band))
        return self.done < 1.0

    def end(self) -> None:
        """Stop training; what was compared stays."""
        self._steps = None


def _over_seeds(runs: tuple[Run, ...],
                column: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Steps, and the lowest, mean and highest value over runs at the m steps that all of them
    have. Each (m,).
    """
    columns = [run.history.arrays(column) for run in runs]
    columns = [(steps, values) for steps, values in columns if len(steps)]
    if not columns:
        return (np.array([]),) * 4
    shortest = min(len(steps) for steps, _ in columns)
    values = np.stack([values[:shortest] for _, values in columns])  # (runs, m)
    steps = columns[0][0][:shortest].astype(float)
    return steps, values.min(0), values.mean(0), values.max(0)
