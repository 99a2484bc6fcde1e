"""Controls in front of a picture that is drawn anew when one of them moves: the base of all
explorers, and the controls that they are made of.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import filled, validated
from recipe_widgets.panels.panel_base import Panel, as_html, busy, sheet, status_html
from recipe_widgets.plots import Picture

# labels stand above their controls, which share the width (`front/sheet.css`)
STYLE = {"description_width": "initial"}
LAYOUT = {"width": "auto"}

# --- controls -------------------------------------------------------------------------------------
# Each function makes one control: its label with the unit, its values, and where it stands at first.


def stops(label: str, values: Sequence[Any], value: Any, names: Mapping[Any, str] | None = None,
          on_release: bool = False) -> widgets.SelectionSlider:
    """A slider with one stop for each of `values`. names: how a value is written; on_release: one
    picture per move, however far, where a picture takes long.
    """
    return _selection(widgets.SelectionSlider, label, values, value, names,
                      continuous_update=not on_release)


def menu(label: str, values: Sequence[Any], value: Any,
         names: Mapping[Any, str] | None = None) -> widgets.Dropdown:
    """A menu of which one entry is chosen."""
    return _selection(widgets.Dropdown, label, values, value, names)


def _selection(kind: type, label: str, values: Sequence[Any], value: Any,
               names: Mapping[Any, str] | None, **more: Any) -> widgets.Widget:
    if value not in values:
        raise RecipeError(label, found=repr(value), expected="one of " + ", ".join(map(_text, values)))
    options = [((names or {}).get(one, _text(one)), one) for one in values]
    return kind(options=options, value=value, description=label, style=STYLE, layout=LAYOUT, **more)


def several(label: str, values: Sequence[str], chosen: Sequence[str]) -> widgets.SelectMultiple:
    """A list of which any number is chosen, with Ctrl."""
    return widgets.SelectMultiple(options=list(values), value=tuple(chosen), rows=len(values),
                                  description=label, style=STYLE, layout=LAYOUT)


def whole_number(label: str, low: int, high: int, value: int, step: int = 1) -> widgets.IntSlider:
    """A slider of whole numbers."""
    return widgets.IntSlider(value=value, min=low, max=high, step=step, description=label,
                             style=STYLE, layout=LAYOUT)


def number(label: str, low: float, high: float, value: float,
           step: float = 0.01) -> widgets.FloatSlider:
    """A slider of numbers."""
    return widgets.FloatSlider(value=value, min=low, max=high, step=step, description=label,
                               style=STYLE, layout=LAYOUT)


def log_number(label: str, low: float, high: float, value: float, step: float = 0.05,
               digits: int = 2) -> widgets.FloatLogSlider:
    """A slider from 10**low to 10**high; step: in powers of ten."""
    return widgets.FloatLogSlider(value=value, min=low, max=high, step=step, description=label,
                                  readout_format=f".{digits}g", style=STYLE, layout=LAYOUT)


# --- explorers ------------------------------------------------------------------------------------


class PictureView:
    """A picture, its words and a slip of the reader's, drawn anew from some controls. It does not
    hold the panel that it is a part of.

    Args:
        draw: makes the picture of the controls' values; None while there is nothing to see.
        describe: makes its words; by default the picture's own.
    """

    def __init__(self, controls: Mapping[str, widgets.Widget],
                 draw: Callable[..., Picture | None],
                 describe: Callable[..., str] | None = None) -> None:
        self._controls, self._draw, self._describe = controls, draw, describe
        self.picture: Picture | None = None
        self.problem = ""  # what the reader has to mend
        self.image, self.line, self.alert = (widgets.HTML() for _ in range(3))

    @property
    def values(self) -> dict[str, Any]:
        """Where the controls stand."""
        return {name: control.value for name, control in self._controls.items()}

    @property
    def words(self) -> str:
        """The picture in words."""
        if self.problem:
            return self.problem
        if self._describe is not None:
            return self._describe(**self.values)
        return self.picture.alt if self.picture is not None else ""

    def drawn(self) -> Picture | None:
        """The picture of the values as they stand now. Raises RecipeError: they cannot be drawn."""
        return self._draw(**self.values)

    def redraw(self) -> None:
        """Show the picture of now; what cannot be drawn is said, and the old one stays."""
        with busy(self.image):
            try:
                self.picture, self.problem = self.drawn(), ""
            except RecipeError as error:
                self.problem = str(error)
            self.show()

    def show(self) -> None:
        # some 30 kB a message; where nothing has changed, ipywidgets sends none
        if self.picture is not None and not self.problem:
            self.image.value = as_html(self.picture)
        self.line.value = "" if self.problem else status_html(self.words, "recipe-explorer")
        alert = f'<div role="alert">{html.escape(self.problem)}</div>'
        self.alert.value = alert if self.problem else ""


class Explorer(Panel):
    """Shows `draw(**values of the controls)`.

    From code: `explorer.controls["depth"].value = 10`; `explorer.set(depth=10, width=8)` moves
    several at once; `explorer.words` says the picture; `explorer.plot()` is one that stands still.

    Args:
        draw: makes the picture. What it refuses with a `RecipeError` is said to the reader, and
            the old picture stays.
        controls: name -> widget, from the functions above.
        describe: makes the words below the picture; by default its own.
        note: a line above all. buttons: widgets between the controls and the picture.
    Raises:
        RecipeError: the picture that it begins with cannot be drawn.
    """

    def __init__(self, draw: Callable[..., Picture | None],
                 controls: Mapping[str, widgets.Widget], *,
                 describe: Callable[..., str] | None = None, note: str = "",
                 buttons: Sequence[widgets.Widget] = ()) -> None:
        self.controls = dict(controls)
        self._view = view = PictureView(self.controls, draw, describe)
        # a list, since the callback below may not hold the panel
        self._moving = moving = [False]  # whether `set` moves several controls at once

        def moved(_: object) -> None:
            if not moving[0]:
                view.redraw()

        view.picture = view.drawn()  # not redraw(): what cannot begin is an error of the call
        view.show()
        for control in self.controls.values():
            control.observe(moved, names="value")
        knobs = widgets.VBox([*self.controls.values()])
        knobs.add_class("recipe-knobs")
        notes = [widgets.HTML(html.escape(note))] if note else []
        self.widget = sheet(*notes, knobs, *buttons, view.alert, view.image, view.line)

    @property
    def values(self) -> dict[str, Any]:
        """Where the controls stand."""
        return self._view.values

    @property
    def picture(self) -> Picture | None:
        """The picture on the page."""
        return self._view.picture

    @property
    def problem(self) -> str:
        """What the reader has to mend; "" where nothing."""
        return self._view.problem

    @property
    def words(self) -> str:
        """The picture in words."""
        return self._view.words

    def set(self, **values: Any) -> Picture | None:
        """Move controls from code, all at once, and return the new picture.

        Raises:
            RecipeError: there is no such control, or it has no such value; nothing moves then.
        """
        for name, value in values.items():
            self._refuse_unknown(name, value)
        self._moving[0] = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._moving[0] = False
        self._view.redraw()
        return self.picture

    def _refuse_unknown(self, name: str, value: Any) -> None:
        title = type(self).__name__
        if name not in self.controls:
            raise RecipeError(title, found=f"the control {name!r}",
                              expected="one of " + ", ".join(self.controls))
        options = getattr(self.controls[name], "options", None)  # of menus and sliders with stops
        if options is None:
            return
        known = [option[1] if isinstance(option, tuple) else option for option in options]
        chosen = value if isinstance(value, (tuple, list)) else [value]
        if not all(one in known for one in chosen):
            raise RecipeError(f"{title}.{name}", found=repr(value),
                              expected="one of " + ", ".join(map(_text, known)))

    def plot(self) -> Picture:
        """The picture as it is now, for readers without a kernel."""
        picture = self._view.drawn() if self.problem else self.picture  # a slip is raised here
        assert picture is not None
        return picture

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.words}"

    def _text_of_values(self) -> str:
        return ", ".join(f"{name} {_text(value)}" for name, value in self.values.items())


class StopExplorer(Explorer):
    """An explorer of menus and sliders with stops, whose text names where they stand."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._text_of_values()}): {self.words}"


class Dials(Explorer):
    """An explorer of a notebook's own: `draw(**values) -> Picture`, drawn anew when a slider moves.

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
        controls = {}
        for name, values in sliders.items():
            values = list(values)
            if not values:
                raise RecipeError(f"Dials(sliders={name!r})", found="no values",
                                  expected="at least one")
            first = (start or {}).get(name, values[0])
            if first not in values:
                raise RecipeError(f"Dials(start={name!r})", found=repr(first),
                                  expected="one of " + ", ".join(map(str, values)))
            label = (labels or {}).get(name, name.replace("_", " "))
            controls[name] = stops(label, values, first)

        def drawn(**values: Any) -> Picture:
            with user_code("Dials(draw=)", "a function that takes the sliders' values by name"):
                return draw(**values)

        super().__init__(drawn, controls)

    @property
    def sliders(self) -> dict[str, widgets.SelectionSlider]:
        return self.controls

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._text_of_values()})"


def _text(value: Any) -> str:
    plain_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{value:g}" if plain_number else str(value)
