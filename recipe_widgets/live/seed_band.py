"""The seeds band: two settings from K paired seeds, and whether their difference is larger than
what luck makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recipe_widgets.core import Run, Settings
from recipe_widgets.data import Data
from recipe_widgets.live.active_run import live_settings
from recipe_widgets.live.status_text import knob_words
from recipe_widgets.rules.spread import Paired, paired
from recipe_widgets.training import MultiSeedTraining

SEEDS = 8


@dataclass(frozen=True)
class SeedBand:
    """Runs of two settings, seed by seed. `column` is what they are compared by: val_accuracy,
    or the loss without one.
    """

    old: Settings
    new: Settings
    olds: tuple[Run, ...]
    news: tuple[Run, ...]
    column: str

    @property
    def result(self) -> Paired:
        return paired(*([run.history.last(self.column)
                         for run in runs]
                        for runs in (self.olds, self.news)))

    @property
    def verdict(self) -> str:
        """One sentence, with both means, the difference, its interval, and the number of seeds."""
        found, percent = self.result, self.column == "val_accuracy"
        what = "validation accuracy" if percent else "training loss"

        def shown(v: float) -> str:
            return f"{100 * v:.1f} %" if percent else f"{v:.3g}"

        def points(v: float) -> str:
            return f"{100 * v:+.1f}" if percent else f"{v:+.3g}"

        lost = len(self.olds) - found.n
        numbers = (
            f"{what} {shown(found.a)} with {knob_words(self.old, self.new)}, {shown(found.b)} with "
            f"{knob_words(self.new, self.old)}; difference {points(found.difference)}"
            f"{' points' if percent else ''}, 95 % interval {points(found.low)} to {points(found.high)}, "
            f"n = {found.n} paired seeds" + (f", {lost} more diverged" if lost else ""))
        if found.n < 2:
            return f"Too few seeds came to an end to say: {numbers}."
        head = "That difference is real" if found.real else "No difference beyond the seeds' spread"
        return f"{head}: {numbers}."


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
    band = SeedBand(old, new, tuple(sides[0].runs), tuple(sides[1].runs), column)
    for number in range(steps):
        for side in sides:
            if side.running:
                side.step()
        yield (number + 1) / (steps + 1), band
    for side in sides:
        side.finish()
    yield 1.0, band


def stretch(runs: tuple[Run, ...],
            column: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Steps, lowest, mean and highest value over runs, at the steps that all of them have. Each
    (m,).
    """
    pairs = [run.history.arrays(column) for run in runs]
    pairs = [(at, values) for at, values in pairs if len(at)]
    if not pairs:
        return (np.array([]),) * 4
    shortest = min(len(at) for at, _ in pairs)
    values = np.stack([v[:shortest] for _, v in pairs])
    return pairs[0][0][:shortest].astype(float), values.min(0), values.mean(0), values.max(0)
