"""Two panels on losses: what they push, and where they begin."""

from __future__ import annotations

from typing import Annotated

import ipywidgets as widgets

from recipe_widgets.core import Settings
from recipe_widgets.core.validation import real, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb02_skeleton_and_baselines.loss_shapes import Dice, loss_shapes
from recipe_widgets.panels.explorer import Dials
from recipe_widgets.panels.panel_base import AUTO_WIDTH, Panel, as_html, busy, sheet, status_html
from recipe_widgets.plots import Picture


class LossShapes(Dials):
    """Softmax, hinge, L2 and Huber loss against the score of the right class, with a slider for
    that score.
    """

    @validated
    def __init__(self, classes: Annotated[int, whole(1, 10**4)] = 10,
                 score: Annotated[float, real(-100, 100)] = 0.0) -> None:
        scores = [half / 2 for half in range(-8, 17)]  # from -4 to 8; the other classes have 0
        super().__init__(lambda score: loss_shapes(score, classes), {"score": scores},
                         {"score": score}, {"score": "score of the right class"})


class LossDice(Panel):
    """Draws a network's weights anew at each press and shows its first losses. From code:
    `dice.roll(100)`.
    """

    @validated
    def __init__(self, data: Data, settings: Settings,
                 rolls: Annotated[int, whole(1, 10**5)] = 20) -> None:
        self.dice, self.rolls = Dice(data, settings), rolls
        self.button = widgets.Button(description=f"Roll {rolls} more", icon="random",
                                     layout=AUTO_WIDTH)
        self._image, self._words = widgets.HTML(), widgets.HTML()
        self.widget = sheet(self.button, self._image, self._words)
        self.button.on_click(lambda _: self.roll())
        self.roll()

    @validated
    def roll(self, times: Annotated[int | None, whole(1, 10**5)] = None) -> Picture:
        """Roll `times` more, and show the histograms of all rolls."""
        # each roll is a fresh network and one batch, some milliseconds
        with busy(self._image):
            self.dice.roll(self.rolls if times is None else times)
            picture = self.dice.plot()
            self._image.value = as_html(picture)
        self._words.value = status_html(picture.alt)
        return picture

    def plot(self) -> Picture:
        """The histograms as they stand, for readers without a kernel."""
        return self.dice.plot()

    def __repr__(self) -> str:
        return f"LossDice({self.dice.data.name}, {self.dice.rolls} rolls)"
