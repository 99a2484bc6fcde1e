"""Label by keyboard: type the classes' keys, take back with backspace."""

from __future__ import annotations

import html
from typing import Annotated

import ipywidgets as widgets
import numpy as np

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.images import photos
from recipe_widgets.lessons.nb01_know_your_data.labelling import KEYS, ROUNDS, labelling
from recipe_widgets.panels.panel_base import Panel
from recipe_widgets.plots import Picture
from recipe_widgets.plots.images import bytes_of, contact_sheet, data_url


class Labeller(Panel):
    """Shows one validation picture after the other; you type its class. Round 2 shows them again in
    another order.

    What you type is kept in your state folder and is there again at the next visit. No answer is
    shown before a round is done, so that you do not learn from it. From code:
    `labeller.type("70")`, `labeller.labels.accuracy()`.
    """

    @validated
    def __init__(self, data: Data, count: Annotated[int, whole(1, 10**4)] = 30,
                 seed: Annotated[int, whole(0, 2**63 - 1)] = 0) -> None:
        self.data, self.labels = data, labelling(data, count, seed)
        self.turn = widgets.ToggleButtons(options=[(f"round {k + 1}", k) for k in range(ROUNDS)],
                                          description="", style={"button_width": "auto"})
        self.keys = widgets.Text(placeholder="click here, then type", description="your keys",
                                 continuous_update=True, layout={"width": "430px"})
        self.buttons = [
            widgets.Button(description=f"{KEYS[k]} {name}" if name != KEYS[k] else name,
                           layout={"width": "auto"}) for k, name in enumerate(data.classes)
        ]
        self.afresh = widgets.Button(description="Start afresh", icon="undo",
                                     layout={"width": "auto"})
        self._picture, self._words = widgets.HTML(), widgets.HTML()
        self.widget = widgets.VBox([
            self.turn, self._picture, self.keys,
            widgets.HBox(self.buttons, layout={"flex_flow": "row wrap"}), self._words, self.afresh
        ])
        for number, button in enumerate(self.buttons):
            button.on_click(lambda _, number=number: self.type(KEYS[number]))
        self.turn.observe(lambda _: self._take_up(), names="value")
        self.keys.observe(lambda change: self._typed(change["new"]), names="value")
        self.afresh.on_click(lambda _: self.clear())
        self._take_up()

    @validated
    def type(self, keys: str) -> None:
        """Label the next pictures: one key each."""
        self.keys.value = self.labels.texts[self.turn.value] + keys

    def clear(self) -> None:
        """Forget all labels of these pictures."""
        self.labels.clear()
        self._take_up()

    def _take_up(self) -> None:
        kept = self.labels.texts[self.turn.value]
        self.keys.value = kept
        self._show()

    def _typed(self, text: str) -> None:
        try:
            kept, problem = self.labels.typed(self.turn.value, text), ""
        except RecipeError as error:  # a full disk: what is on it stays, and is what the page shows
            kept, problem = self.labels.texts[self.turn.value], str(error)
        if kept != text:
            self.keys.value = kept
        self._show()
        if problem:
            self._words.value = f'<div role="status">{html.escape(problem)}</div>'

    def _show(self) -> None:
        turn, total = self.turn.value, len(self.labels.rows)
        row = self.labels.next_row(turn)
        done = len(self.labels.texts[turn])
        if row is None:
            self._picture.value = "<p>Round done.</p>"
            said = [str(self.labels)]
            said += [f"Row {r}: the data set says {theirs}, you said {mine}"
                     for r, theirs, mine in self.labels.mistakes(turn)]
        else:
            address = data_url(contact_sheet(bytes_of(self.data.validation.x[row:row + 1]), 1))
            self._picture.value = (
                f'<img width="192" height="192" style="image-rendering:pixelated" src="{address}" '
                f'alt="picture {done + 1} of {total}, to be labelled">')
            said = [f"Picture {done + 1} of {total}. Backspace takes the last label back."]
        lines = [html.escape(line) for text in said for line in text.splitlines()]
        self._words.value = f'<div role="status">{"<br>".join(lines)}</div>'

    @property
    def words(self) -> str:
        """The line under the picture, as HTML."""
        return str(self._words.value)

    def plot(self) -> Picture:
        """The pictures that are to be labelled, without their labels."""
        rows = self.labels.order(self.turn.value)
        images = bytes_of(self.data.validation.x[rows])
        return photos(np.asarray(images), [""] * len(rows),
                      f"{len(rows)} pictures to label: which class is each?",
                      f"{len(rows)} validation pictures of {self.data.name} without their labels.",
                      columns=15, size=0.6)

    def __repr__(self) -> str:
        done = ", ".join(f"round {k + 1}: {len(text)}" for k, text in enumerate(self.labels.texts))
        return f"Labeller({self.data.name}, {len(self.labels.rows)} pictures; labelled in {done})"
