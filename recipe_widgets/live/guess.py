"""Predict, then run: a guess made before a run, laid over what came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipe_widgets.core import RecipeError, Run
from recipe_widgets.core.number_words import percent, plain
from recipe_widgets.live.score import score_of
from recipe_widgets.plots import CurveBand

# column of the history -> (chart that it stands in, factor to the chart's unit, its name)
COLUMNS = {
    "val_accuracy": ("accuracy", 100.0, "validation accuracy"),
    "train_loss": ("loss", 1.0, "training loss"),
    "train_accuracy": ("accuracy", 100.0, "training accuracy"),
    "val_loss": ("loss", 1.0, "validation loss"),
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
        as_many = len(self.steps) == len(self.values) > 0
        if not as_many or not all(map(math.isfinite, self.values)):
            raise RecipeError("Guess",
                              found=f"{len(self.steps)} steps and {len(self.values)} values",
                              expected="at least one of each, as many of both, finite")

    def lines(self, run: Run | None) -> list[CurveBand]:
        """The guess as a line in its chart; a single value is a level over the whole run."""
        chart, factor, label = COLUMNS[self.column]
        steps, values = np.array(self.steps, float), np.array(self.values, float) * factor
        if len(steps) == 1:
            length = run.newest.max_steps if run is not None else self.steps[0]
            steps, values = np.array([0.0, float(length)]), np.repeat(values, 2)
        return [CurveBand(f"your guess: {label}", "guess", chart, steps, values, values, values)]

    def gaps(self, run: Run) -> np.ndarray:
        """What came less what was guessed, in per cent for accuracies: (n,) for those steps of the
        guess that the run has reached.
        """
        factor = COLUMNS[self.column][1]
        steps, values = run.history.arrays(self.column)
        if not len(steps):
            return np.zeros(0)
        smooth, guessed = _smooth(values), np.array(self.values)
        if len(self.steps) == 1:
            return np.asarray(factor * (smooth[-1:] - guessed))
        at = np.array(self.steps)
        inside = (at >= steps[0]) & (at <= steps[-1])
        return np.asarray(factor * (np.interp(at, steps, smooth) - guessed)[inside])

    def reply(self, run: Run) -> str:
        """How far the guess was from what came."""
        label = COLUMNS[self.column][2]
        steps, values = run.history.arrays(self.column)
        if not len(steps):
            return f"The run has no {label} to compare with."
        smooth = _smooth(values)
        if len(self.steps) > 1:
            return self._reply_course(steps, smooth)
        score, came = score_of(run), float(smooth[-1])
        if score is not None and score.whole:  # the number that the page shows
            came = {"val_accuracy": score.accuracy, "val_loss": score.loss}.get(self.column, came)
        return self._reply_end(came)

    def _reply_end(self, came: float) -> str:
        """Of the last value."""
        _, factor, label = COLUMNS[self.column]
        guessed = self.values[0]
        say, points = (percent, " points") if factor == 100 else (plain, "")
        return (f"You guessed a {label} of {say(guessed)}, it came to {say(came)}: "
                f"{_difference(factor * (came - guessed), points)}.")

    def _reply_course(self, steps: np.ndarray, smooth: np.ndarray) -> str:
        """Of the whole curve, at the steps that the run has reached."""
        _, factor, label = COLUMNS[self.column]
        inside = [step for step in self.steps if steps[0] <= step <= steps[-1]]
        if not inside:
            return f"The run ended before the steps you guessed the {label} at."
        came = np.interp(self.steps, steps, smooth)
        pairs = zip(self.steps, came, self.values, strict=True)
        gaps = [(seen - guessed) * factor for step, seen, guessed in pairs if step in inside]
        worst = int(np.argmax(np.abs(gaps)))
        points = " points" if factor == 100 else ""
        return (f"Your curve of the {label} is {plain(float(np.mean(np.abs(gaps))))}{points} off on average, "
                f"most at step {inside[worst]:g}: {_difference(gaps[worst], points)}.")


def _difference(gap: float, unit: str) -> str:
    return f"{plain(abs(gap))}{unit} {'more' if gap > 0 else 'less'} than you thought"


def _smooth(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """(n,) means of the last twentieth of the curve up to each value, so that the noise of one
    batch decides nothing.
    """
    curve = np.asarray(values, float)
    width = max(1, len(curve) // 20)
    whole = np.convolve(curve, np.ones(width) / width, mode="valid")  # (n - width + 1,)
    if len(curve) <= width:
        return whole
    first = np.cumsum(curve[:width - 1]) / np.arange(1, width)  # of fewer values at the beginning
    return np.concatenate([first, whole])
