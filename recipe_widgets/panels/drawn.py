"""Controls and a picture that is drawn anew from them: what the explorers share."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.panels.panel_base import Panel, as_html
from recipe_widgets.plots import Picture

STYLE = {"description_width": "130px"}
LAYOUT = {"width": "min(100%, 460px)"}


def picture_html(picture: Picture, said: bool = True) -> str:
    """The picture as an image with its words as text alternative, and, where `said`, the words
    below it.
    """
    words = f'<div class="recipe-words" role="status">{html.escape(picture.alt, quote=True)}</div>' if said else ""
    return as_html(picture) + words


class Drawn(Panel):
    """Shows `draw(**values of the controls)`; a slip of the reader's is said where the words stand,
    and the picture stays.

    From code: `self.controls["name"].value = ...`, `self.plot()`.
    """

    def __init__(self, controls: Mapping[str, widgets.Widget], draw: Callable[..., Picture],
                 note: str = "") -> None:
        self.controls, self._draw = dict(controls), draw
        self.problem = ""
        self._view = widgets.HTML()
        self._said = widgets.HTML()
        self.picture: Picture | None = None
        for control in self.controls.values():
            control.observe(lambda _: self.redraw(), names="value")
        self.widget = widgets.VBox(
            [widgets.HTML(html.escape(note)), *self.controls.values(), self._said, self._view])
        self.redraw()

    @property
    def values(self) -> dict[str, Any]:
        """Where the controls stand."""
        return {name: control.value for name, control in self.controls.items()}

    def redraw(self) -> None:
        try:
            self.picture = self._draw(**self.values)
            self.problem = ""
            self._view.value = picture_html(self.picture)
        except RecipeError as error:
            self.problem = str(error)
        self._said.value = f'<div role="alert">{html.escape(self.problem)}</div>' if self.problem else ""

    @property
    def words(self) -> str:
        """What the picture shows, in words."""
        return self.problem or (self.picture.alt if self.picture is not None else "")

    def plot(self) -> Picture:
        """The picture as it is now, for readers without a kernel."""
        return self._draw(**self.values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.words}"
