"""Sliders over a picture that a function makes: the panel for lessons that need no training."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import filled, validated
from recipe_widgets.panels.panel_base import Panel
from recipe_widgets.plots import Picture


class Dials(Panel):
    """`draw(**values) -> Picture`, drawn anew when a slider moves.

    From code: `dials.sliders["score"].value = 2`; `dials.plot()` is the picture as it stands.

    Args:
        sliders: name -> a list of values, of which each is one stop. start: name -> value to begin
            with; else the first.
        labels: name -> words beside the slider, with their unit.
    """

    @validated
    def __init__(self, draw: Callable[..., Picture],
                 sliders: Annotated[Mapping[str, Sequence[Any]], filled()],
                 start: Mapping[str, Any] | None = None,
                 labels: Mapping[str, str] | None = None) -> None:
        self._draw = draw
        self.sliders: dict[str, widgets.SelectionSlider] = {}
        for name, values in sliders.items():
            if not values:
                raise RecipeError(f"Dials(sliders={name!r})", found="no values",
                                  expected="at least one")
            first = (start or {}).get(name, next(iter(values)))
            if first not in list(values):
                raise RecipeError(f"Dials(start={name!r})", found=repr(first),
                                  expected="one of " + ", ".join(map(str, values)))
            self.sliders[name] = widgets.SelectionSlider(
                options=[(_text(value), value) for value in values], value=first,
                continuous_update=True, description=(labels
                                                     or {}).get(name, name.replace("_", " ")),
                layout={"width": "480px"}, style={"description_width": "200px"})
        self._image, self._words = widgets.Image(format="png"), widgets.HTML()
        self.widget = widgets.VBox([*self.sliders.values(), self._image, self._words])
        self.picture = self._redraw()
        for slider in self.sliders.values():
            slider.observe(lambda _: self._redraw(), names="value")

    def _redraw(self) -> Picture:
        values = {name: slider.value for name, slider in self.sliders.items()}
        with user_code("Dials(draw=)", "a function that takes the sliders' values by name"):
            self.picture = self._draw(**values)
        self._image.value = self.picture.png()
        self._words.value = f'<div role="status"><small>{html.escape(self.picture.alt)}</small></div>'
        return self.picture

    def plot(self) -> Picture:
        """The picture as it stands, for readers without a kernel."""
        return self.picture

    def __repr__(self) -> str:
        where = ", ".join(f"{name} {_text(slider.value)}" for name, slider in self.sliders.items())
        return f"{type(self).__name__}({where})"


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
