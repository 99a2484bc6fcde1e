"""One button that opens the vault once, and what was in it."""

from __future__ import annotations

import html
from typing import Annotated

import ipywidgets as widgets
from torch import nn

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import filled, validated
from recipe_widgets.data import Data
from recipe_widgets.evaluation import accuracy
from recipe_widgets.lessons.nb10_squeeze.final_evaluation import (
    Final,
    open_final,
    openings,
    price_words,
)
from recipe_widgets.panels.panel_base import AUTO_WIDTH, Panel, as_html, busy, sheet, status_html
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import text_card

PAGES = ("answer", "classes", "confusion", "calibration", "worst mistakes")


class VaultReport(Panel):
    """Opens the test set of `data` when its button is pressed, once, and shows what two models are
    worth on it.

    From code: `report.open()` gives the `Final`; `report.page.value = "confusion"`; `report.plot()`
        stands still.

    Args:
        model, baseline: trained modules; names: what they are called. why: the reason, for the
            vault's log.
    """

    @validated
    def __init__(
            self, data: Data, model: nn.Module, baseline: nn.Module, why: str,
            names: Annotated[tuple[str, str], filled()] = ("the model", "the baseline")) -> None:
        self.data = data
        self.final: Final | None = None
        self._models, self._why, self._names = (model, baseline), why, names
        # what a reader should know before the one look: it is spent afterwards
        validation = accuracy(model, data.validation)
        self._before = (
            f"{data.name}: {data.vault.size:,} test samples, closed here; "
            f"opened {_times(openings(data))} so far on this machine. "
            f"On validation {names[0]} has {validation}. {price_words(data, validation.value)}")
        self.problem = ""
        self.button = widgets.Button(description="Open the vault, once", icon="unlock",
                                     layout=AUTO_WIDTH)
        self.button.on_click(lambda _: self._pressed())
        self.page = widgets.Dropdown(options=PAGES, description="show", disabled=True)
        self.page.observe(lambda _: self._show(), names="value")
        self._words, self._body = widgets.HTML(), widgets.HTML()
        self.widget = sheet(self._words, widgets.HBox([self.button, self.page]), self._body)
        self._show()

    def open(self) -> Final:
        """Press the button from code. A second call looks at nothing: it returns the same
        report.
        """
        if self.final is None:
            # the log is written first: without its line nothing is opened
            with busy(self._words):
                self.final = open_final(self.data, *self._models, self._why, self._names)
            self.button.disabled, self.page.disabled = True, False
            self._show()
        return self.final

    def plot(self) -> Picture:
        """What is shown now, standing still."""
        if self.final is None:
            return text_card(f"The vault of {self.data.name} is closed", [self.words], self.words)
        pictures = {  # the other pages show the answer itself
            "confusion": self.final.confusion.plot,
            "calibration": self.final.calibration.plot,
            "worst mistakes": self.final.worst,
        }
        picture: Picture = pictures.get(self.page.value, self.final.plot)()
        return picture

    @property
    def words(self) -> str:
        """The line above the button."""
        if self.final is None:
            return self.problem or self._before
        return (f"Opened, time {self.final.time} in all. The button is off now: "
                f"{price_words(self.data, self.final.accuracy.value)}")

    def _pressed(self) -> None:
        """The button: what goes wrong is said on the page, and nothing is opened then."""
        try:
            self.open()
        except RecipeError as error:
            self.problem = str(error)
            self._show()

    def _show(self) -> None:
        self._words.value = status_html(self.words, "recipe-vault")
        if self.final is None:
            return
        # a table of numbers by class is text; all else is a picture
        if self.page.value == "classes":
            self._body.value = f"<pre>{html.escape(str(self.final.classes))}</pre>"
        else:
            table = _table(self.final) if self.page.value == "answer" else ""
            self._body.value = table + as_html(self.plot())

    def __repr__(self) -> str:
        return f"VaultReport({self.words})"


def _times(count: int) -> str:
    return "never" if not count else "once" if count == 1 else f"{count} times"


def _table(final: Final) -> str:
    """The questions that are asked before the vault is opened, each with its answer."""
    left = 'style="text-align:left"'  # notebooks' own style aligns cells to the right
    rows = [
        f'<tr><th scope="row" {left}>{html.escape(question)}</th>'
        f"<td {left}>{html.escape(answer)}</td></tr>" for question, answer in final.rows()
    ]
    return f'<table class="recipe-final">{"".join(rows)}</table>'
