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
from recipe_widgets.panels.panel_base import AUTO_WIDTH, WRAPPED_ROW, Panel, sheet, status_html
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
        self.turn = widgets.ToggleButtons(options=[(f"round {turn + 1}", turn) for turn in range(ROUNDS)],
                                          description="", style={"button_width": "auto"})
        # the text itself is the labels: one key a picture, so that backspace takes one back
        self.keys = widgets.Text(placeholder="click here, then type", description="your keys",
                                 continuous_update=True, layout={"width": "430px"})
        self.buttons = [
            # a digit's class is named like its key: one of both is enough
            widgets.Button(description=name if name == key else f"{key} {name}", layout=AUTO_WIDTH)
            for key, name in zip(KEYS, data.classes, strict=False)
        ]
        self.afresh = widgets.Button(description="Start afresh", icon="undo", layout=AUTO_WIDTH)
        self._picture, self._words = widgets.HTML(), widgets.HTML()
        self.widget = sheet(self.turn, self._picture, self.keys,
                            widgets.HBox(self.buttons, layout=WRAPPED_ROW), self._words, self.afresh)
        for number, button in enumerate(self.buttons):
            button.on_click(lambda _, number=number: self.type(KEYS[number]))
        self.turn.observe(lambda _: self._show_round(), names="value")
        self.keys.observe(lambda change: self._typed(change["new"]), names="value")
        self.afresh.on_click(lambda _: self.clear())
        self._show_round()

    @validated
    def type(self, keys: str) -> None:
        """Label the next pictures: one key each."""
        self.keys.value = self.labels.texts[self.turn.value] + keys

    def clear(self) -> None:
        """Forget all labels of these pictures."""
        self.labels.clear()
        self._show_round()

    def _show_round(self) -> None:
        """Go on where this round was left, perhaps at an earlier visit."""
        self.keys.value = self.labels.texts[self.turn.value]
        self._show()

    def _typed(self, text: str) -> None:
        """The box holds this text: one key for each picture from the first on."""
        try:
            accepted, problem = self.labels.typed(self.turn.value, text), ""
        except RecipeError as error:  # a full disk: what is on it stays, and is what the page shows
            accepted, problem = self.labels.texts[self.turn.value], str(error)
        if accepted != text:  # keys that no class has, or more than there are pictures
            self.keys.value = accepted
        self._show()
        if problem:
            self._words.value = status_html(problem)

    def _show(self) -> None:
        turn, total = self.turn.value, len(self.labels.rows)
        row = self.labels.next_row(turn)  # of the validation split; None at the end
        done = len(self.labels.texts[turn])
        if row is None:
            score = self.labels.accuracy(turn)
            assert score is not None  # all are labelled
            self._picture.value = (
                f'<div class="recipe-score"><b>{score.value:.0%}</b> of round {turn + 1}: '
                f"{score.hits} of {total} as the data set says</div>")
            said = [str(self.labels)]
            said += [f"Row {number}: the data set says {theirs}, you said {mine}"
                     for number, theirs, mine in self.labels.mistakes(turn)]
        else:
            address = data_url(contact_sheet(bytes_of(self.data.validation.x[row:row + 1]), 1))
            self._picture.value = (
                f'<img width="192" height="192" style="image-rendering:pixelated" src="{address}" '
                f'alt="picture {done + 1} of {total}, to be labelled">')
            said = [f"Picture {done + 1} of {total}. Backspace takes the last label back; "
                    "your score comes at the end."]
        lines = [html.escape(line) for text in said for line in text.splitlines()]
        self._words.value = f'<div role="status">{"<br>".join(lines)}</div>'

    @property
    def words(self) -> str:
        """The line under the picture, as HTML."""
        return str(self._words.value)

    def plot(self) -> Picture:
        """The pictures that are to be labelled, without their labels."""
        # in the order of this round, enlarged as they are on the page
        rows = self.labels.order(self.turn.value)
        images = bytes_of(self.data.validation.x[rows])
        return photos(np.asarray(images), [""] * len(rows),
                      f"{len(rows)} pictures to label: which class is each?",
                      f"{len(rows)} validation pictures of {self.data.name} without their labels.",
                      columns=15, size=0.6)

    def __repr__(self) -> str:
        done = ", ".join(f"round {number}: {len(text)}" for number, text in enumerate(self.labels.texts, 1))
        return f"Labeller({self.data.name}, {len(self.labels.rows)} pictures; labelled in {done})"
