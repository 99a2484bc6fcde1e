"""Predict, then run: a guess made before a run, laid over what came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipe_widgets.core import RecipeError, Run
from recipe_widgets.plots import CurveBand

COLUMNS = {
    "val_accuracy": ("accuracy", 100.0, "validation accuracy"), "train_loss":
    ("loss", 1.0, "training loss"), "train_accuracy": ("accuracy", 100.0, "training accuracy"),
    "val_loss": ("loss", 1.0, "validation loss")
}


@dataclass(frozen=True)
class Guess:
    """What a reader expects of one column: its last value (one point), or its course (several).

    Attributes:
        steps, values: (n,) in steps and in the column's own unit (an accuracy from 0 to 1).
    """

    column: str
    steps: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.column not in COLUMNS:
            raise RecipeError("Guess", found=f"the column {self.column!r}",
                              expected="one of " + ", ".join(COLUMNS))
        if not self.values or len(self.steps) != len(
                self.values) or not all(map(math.isfinite, self.values)):
            raise RecipeError("Guess",
                              found=f"{len(self.steps)} steps and {len(self.values)} values",
                              expected="at least one of each, as many of both, finite")

    def lines(self, run: Run | None) -> list[CurveBand]:
        """The guess as a line in its chart; a single value is a level over the whole run."""
        chart, factor, label = COLUMNS[self.column]
        x, y = np.array(self.steps, float), np.array(self.values, float) * factor
        if len(x) == 1:
            length = run.newest.max_steps if run is not None else self.steps[0]
            x, y = np.array([0.0, float(length)]), np.repeat(y, 2)
        return [CurveBand(f"your guess: {label}", "guess", chart, x, y, y, y)]

    def reply(self, run: Run) -> str:
        """How far the guess was from what came."""
        _, factor, label = COLUMNS[self.column]
        at, values = run.history.arrays(self.column)
        unit = " points" if factor == 100 else ""
        if not len(at):
            return f"The run has no {label} to compare with."
        smooth = _smooth(values)
        if len(self.steps) == 1:
            seen, mine = smooth[-1] * factor, self.values[0] * factor
            return f"You guessed a {label} of {mine:.3g}{_sign(factor)}, it came to {seen:.3g}{_sign(factor)}: " \
                   f"{abs(seen - mine):.3g}{unit} {'more' if seen > mine else 'less'} than you thought."
        inside = [s for s in self.steps if at[0] <= s <= at[-1]]
        if not inside:
            return f"The run ended before the steps you guessed the {label} at."
        seen_at = np.interp(self.steps, at, smooth)
        pairs = zip(self.steps, seen_at, self.values, strict=True)
        gaps = [(seen - mine) * factor for s, seen, mine in pairs if s in inside]
        worst = int(np.argmax(np.abs(gaps)))
        return f"Your curve of the {label} is {np.mean(np.abs(gaps)):.3g}{unit} off on average, most at step " \
               f"{inside[worst]:g}: {abs(gaps[worst]):.3g}{unit} {'more' if gaps[worst] > 0 else 'less'} than you thought."


def _smooth(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Means over a window of 5 %, so that the noise of one batch decides nothing."""
    y = np.asarray(values, float)
    width = max(1, len(y) // 20)
    return np.convolve(y,
                       np.ones(width) /
                       width, mode="valid") if len(y) <= width else np.concatenate([
                           np.cumsum(y[:width - 1]) / np.arange(1, width),
                           np.convolve(y,
                                       np.ones(width) / width, mode="valid")
                       ])


def _sign(factor: float) -> str:
    return " %" if factor == 100 else ""
