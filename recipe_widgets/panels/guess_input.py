"""Predict, then run: sliders for a guess, locked before the run begins."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.live import Guess
from recipe_widgets.live.guess import COLUMNS
from recipe_widgets.panels.panel_base import AUTO_WIDTH

MOST_POINTS = 12  # sliders side by side that a page has room for


class GuessInput:
    """Asks for the end of a column, or for its course at `points` places; the
    callback of `on_lock` gets the guess.
    """

    def __init__(self, column: str, points: int, max_steps: int) -> None:
        if column not in COLUMNS:
            raise RecipeError("LivePanel(predict=)", found=repr(column),
                              expected="one of " + ", ".join(COLUMNS))
        if isinstance(points, bool) or not isinstance(points, int) or not 1 <= points <= MOST_POINTS:
            raise RecipeError("LivePanel(points=)", found=repr(points),
                              expected=f"a whole number from 1 to {MOST_POINTS}")
        self.column, (_, self._factor, label) = column, COLUMNS[column]
        # a loss of 3 nats is above that of guessing among ten classes, ln 10 = 2.3
        unit, high, middle = ("%", 100.0, 50.0) if self._factor == 100 else ("nats", 3.0, 1.0)
        one = points == 1
        self.steps = [max_steps] if one else [
            round(max_steps * number / (points - 1)) for number in range(points)
        ]
        # a course is drawn by sliders that stand side by side, like a curve
        shape: dict[str, Any] = {
            "orientation": "horizontal" if one else "vertical",
            "layout": {"width": "100%"} if one else {"height": "130px"},
        }
        self.sliders = [
            widgets.FloatSlider(description="at the end" if one else f"step {step:,}", min=0.0,
                                max=high, step=high / 100, value=middle, readout_format=".3g",
                                **shape) for step in self.steps
        ]
        self.button = widgets.Button(description="Lock my guess", icon="lock", layout=AUTO_WIDTH)
        self._question = widgets.HTML(
            f"<b>Before you press Run: what will the {html.escape(label)} be ({unit})?</b>")
        self._row = widgets.HBox(self.sliders)
        self.widget = widgets.VBox([self._question, self._row, self.button])
        self._on_lock: Callable[[Guess], None] = lambda _: None
        self.button.on_click(lambda _: self.lock())

    def on_lock(self, callback: Callable[[Guess], None]) -> None:
        """Call this with the guess, once it is locked."""
        self._on_lock = callback

    def lock(self) -> Guess:
        """Take the guess as the sliders stand; they move no more."""
        guess = Guess(self.column, tuple(map(float, self.steps)),
                      tuple(slider.value / self._factor for slider in self.sliders))
        for part in (*self.sliders, self.button):
            part.disabled = True
        self._on_lock(guess)
        return guess
