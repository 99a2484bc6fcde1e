"""The decision path, answered by buttons."""

from __future__ import annotations

import html

import ipywidgets as widgets

from recipe_widgets.core.validation import validated
from recipe_widgets.lessons.nb08_regularise_the_model.decision_path import (
    QUESTIONS,
    Answer,
    DecisionPath,
)
from recipe_widgets.panels.panel_base import AUTO_WIDTH, Panel, sheet
from recipe_widgets.plots import Picture


class DecisionWalk(Panel):
    """Asks the questions one by one; yes, no and back are buttons. `.path` is where you are;
    `.plot()` stands still.
    """

    @validated
    def __init__(self, path: DecisionPath | None = None) -> None:
        self.path = path or DecisionPath()
        self._places, self._words = widgets.HTML(), widgets.HTML()
        self.buttons = {
            name: widgets.Button(description=name.capitalize(), layout=AUTO_WIDTH)
            for name in ("yes", "no", "back")
        }
        self.buttons["yes"].on_click(lambda _: self.answer("yes"))
        self.buttons["no"].on_click(lambda _: self.answer("no"))
        self.buttons["back"].on_click(lambda _: self.back())
        self.widget = sheet(self._words, widgets.HBox([*self.buttons.values()]), self._places)
        self._show()

    @validated
    def answer(self, value: Answer) -> str:
        """Press yes or no from code; returns what to do now."""
        self.path = self.path.answer(value)
        self._show()
        return self.path.advice

    def back(self) -> None:
        """Take the last answer back."""
        # a path is frozen: a shorter one takes its place
        self.path = DecisionPath(self.path.answers[:-1], self.path.facts[:-1])
        self._show()

    def plot(self) -> Picture:
        return self.path.plot()

    def _show(self) -> None:
        # the question that is open, or the advice at the end
        text = self.path.advice if self.path.ended else QUESTIONS[self.path.here].ask
        bold = f"<b>{html.escape(text)}</b>"
        self._words.value = f'<div role="status" class="recipe-decision">{bold}</div>'
        # the whole path with the place where the reader is
        self._places.value = self.path._repr_html_()
        for name in ("yes", "no"):
            self.buttons[name].disabled = self.path.ended
        self.buttons["back"].disabled = not self.path.answers

    def __repr__(self) -> str:
        return f"DecisionWalk: {self.path.advice}"
