"""Menus and sliders in front of a picture that is computed anew when one of them moves."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.panels.panel_base import Panel, as_html
from recipe_widgets.plots import Picture


@dataclass(frozen=True)
class Choice:
    """One control: `values` in order, the first shown `value`; a slider where `slide`, else a
    menu.
    """

    name: str
    label: str
    values: Sequence[Any]
    value: Any
    slide: bool = True
    words: Mapping[Any, str] | None = None  # how a value is written

    def widget(self) -> widgets.Widget:
        kind = widgets.SelectionSlider if self.slide else widgets.Dropdown
        common: dict[str, Any] = {
            "description": self.label, "style": {"description_width": "170px"}, "layout":
            {"width": "min(100%, 520px)"}
        }
        if self.slide:
            common["continuous_update"] = False  # one picture per move, however far
        return kind(options=[((self.words or {}).get(v, _text(v)), v) for v in self.values],
                    value=self.value, **common)


class Explorer(Panel):
    """Controls in front of a picture; `draw(**values)` makes it.

    From code: `explorer.set(depth=10)`; `explorer.plot()` is the picture that stands still;
        `explorer.words` says it.
    """

    title = "Explorer"

    def __init__(self, draw: Callable[..., Picture], choices: Sequence[Choice]) -> None:
        self._draw, self._choices = draw, {choice.name: choice for choice in choices}
        self.controls = {choice.name: choice.widget() for choice in choices}
        self._picture, self._words = widgets.HTML(), widgets.HTML()
        self._shown = draw(**self.values)
        self._show()
        for control in self.controls.values():
            control.observe(lambda _: self._moved(), names="value")
        self.widget = widgets.VBox([*self.controls.values(), self._picture, self._words])
        self._quiet = False

    @property
    def values(self) -> dict[str, Any]:
        """Where the controls stand."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def words(self) -> str:
        """The picture in words."""
        return self._shown.alt

    def set(self, **values: Any) -> Picture:
        """Move controls from code, all at once, and return the new picture.

        Raises:
            RecipeError: no such control, or a value it does not have; then nothing moves.
        """
        for name, value in values.items():
            if name not in self._choices:
                raise RecipeError(self.title, found=f"the control {name!r}",
                                  expected="one of " + ", ".join(self._choices))
            if value not in self._choices[name].values:
                raise RecipeError(
                    f"{self.title}.{name}", found=repr(value),
                    expected="one of " + ", ".join(map(_text, self._choices[name].values)))
        self._quiet = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._quiet = False
        self._moved()
        return self._shown

    def plot(self) -> Picture:
        """The picture as it stands, for readers without a kernel."""
        return self._shown

    def _moved(self) -> None:
        if not self._quiet:
            self._shown = self._draw(**self.values)
            self._show()

    def _show(self) -> None:
        self._picture.value = as_html(self._shown)
        self._words.value = f'<div role="status" class="recipe-explorer"><small>{html.escape(self._shown.alt)}</small></div>'

    def __repr__(self) -> str:
        stands = ", ".join(f"{name} {_text(value)}" for name, value in self.values.items())
        return f"{self.title}({stands}): {self.words}"


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value,
                                      (int, float)) and not isinstance(value, bool) else str(value)
