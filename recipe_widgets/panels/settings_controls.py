"""Sliders and menus generated from the knobs of `Settings`.

Their labels, ranges, scales and choices stand in `core/settings.py`, and nowhere else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

import ipywidgets as widgets

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.live.slider_grid import (
    LINEAR_STEP,
    LOG_STEP,
    moved_to,
    slider_range,
    slider_stops,
    typed_value,
)

ALWAYS_SHOWN = ("lr", "batch_size", "dropout", "momentum")  # the recipe's four knobs
# title of a folded group -> its knobs; a knob of `Settings` that stands nowhere joins the last one
GROUPS = {
    "Model": ("model", "width", "depth", "activation", "init", "norm"),
    "Optimiser": ("optimizer", "weight_decay", "schedule", "warmup", "clip_norm", "ema"),
    "Data and targets": ("augment", "augment_strength", "loss", "label_smoothing"),
    "Run": ("max_steps", "seed"),
}
NOT_OFFERED = ("precision",)  # a question of the machine, not of the recipe
STYLE = {"description_width": "112px"}
LAYOUT = {"width": "min(100%, 440px)"}


def knob_groups() -> dict[str, list[str]]:
    """Title -> knobs, for all knobs that a slider or menu can turn besides the four."""
    groups = {title: list(names) for title, names in GROUPS.items()}
    listed = {*ALWAYS_SHOWN, *NOT_OFFERED, *(name for names in GROUPS.values() for name in names)}
    groups["Run"] += [field.name for field in fields(Settings)
                      if field.name not in listed and Settings.knob(field.name).kind != "fixed"]
    return groups


class SettingsControls:
    """Widgets for some knobs.

    Args:
        names: knobs that are always shown. folded: those in groups, which get their widgets when
            the group is opened first.
        why_not: why a knob has no effect under some settings, "" when it has; such a knob is
            disabled.
        on_change: called with the new settings whenever the reader, or code, moves a knob.
    """

    def __init__(self, settings: Settings, names: Iterable[str], folded: Iterable[str],
                 why_not: Callable[[Settings, str], str],
                 on_change: Callable[[Settings], None]) -> None:
        self.settings, self._why_not, self._on_change = settings, why_not, on_change
        # .quiet: on this thread the panel itself moves widgets; others may hear of a reader
        self._here = threading.local()
        self._waits_for_release = False
        self.sliders: dict[str, widgets.Widget] = {}
        shown = [self._widget(name) for name in names]
        wanted = set(folded)
        groups = {title: [name for name in members if name in wanted]
                  for title, members in knob_groups().items()}
        self._groups = {title: members for title, members in groups.items() if members}
        self._group_boxes = [widgets.VBox() for _ in self._groups]
        more = [self._folded_groups()] if self._groups else []
        self.widget = widgets.VBox([*shown, *more])

    def _folded_groups(self) -> widgets.Accordion:
        groups = widgets.Accordion(self._group_boxes, titles=tuple(self._groups),
                                   selected_index=None)
        groups.observe(lambda change: self._unfold(change["new"]), names="selected_index")
        return widgets.Accordion([groups], titles=("More knobs",), selected_index=None)

    def open_all(self) -> None:
        """Make the widgets of all groups, as opening each would."""
        for number in range(len(self._groups)):
            self._unfold(number)

    def _unfold(self, number: int | None) -> None:
        """Make the widgets of a group, once; None: all groups were folded."""
        if number is None or self._group_boxes[number].children:
            return
        members = list(self._groups.values())[number]
        self._group_boxes[number].children = [self._widget(name) for name in members]

    def _widget(self, name: str) -> widgets.Widget:
        """The widget of a knob, made once."""
        if name not in self.sliders:
            self.sliders[name] = widget = _knob_widget(name, _on_slider(self.settings, name))
            self._set_release(widget)
            widget.add_class(f"recipe-knob-{name}")  # the page marks there what it was
            self._enable(name)
            widget.observe(lambda change: self._moved(name, change["new"]), names="value")
        return self.sliders[name]

    def wait_for_release(self, wanted: bool) -> None:
        """Whether a slider tells its value only where it is let go, or all the way there."""
        self._waits_for_release = wanted
        for widget in tuple(self.sliders.values()):
            self._set_release(widget)

    def _set_release(self, widget: widgets.Widget) -> None:
        if widget.has_trait("continuous_update"):
            widget.continuous_update = not self._waits_for_release

    def type_in(self, name: str, text: str) -> str:
        """A reader has typed a number beside a slider. Returns what is to be said of it, or ""."""
        if name not in self.sliders or Settings.knob(name).choices:
            return ""
        now = _on_slider(self.settings, name)
        value, said = typed_value(name, text, now)
        if value != now:
            self.show(self.settings.replace(**{name: value}))
            self._on_change(self.settings)
        return said

    def _enable(self, name: str) -> None:
        why = self._why_not(self.settings, name)
        widget = self.sliders[name]
        widget.disabled, widget.tooltip = bool(why), why or Settings.knob(name).help

    def _enable_all(self) -> None:
        for name in tuple(self.sliders):  # a group may be unfolded meanwhile
            self._enable(name)

    def _moved(self, name: str, value: object) -> None:
        """A widget has a new value: what does it mean, and is it news?"""
        now = _on_slider(self.settings, name)
        if isinstance(value, float) and not isinstance(self.sliders[name], widgets.SelectionSlider):
            value = moved_to(name, value, now)
        if isinstance(now, int) and isinstance(value, float):
            value = int(value)
        if isinstance(value, tuple):
            value = _joined(value)
        if getattr(self._here, "quiet", False) or value == now:
            return
        self.settings = self.settings.replace(**{name: value})
        # one knob may take the effect from another: a linear model has no dropout
        self._enable_all()
        self._on_change(self.settings)

    def show(self, settings: Settings) -> None:
        """Put every widget where `settings` are, without calling anyone."""
        self.settings, self._here.quiet = settings, True
        try:
            for name, widget in self.sliders.items():
                widget.value = _widget_value(widget, name, _on_slider(settings, name))
            self._enable_all()
        finally:
            self._here.quiet = False


def chosen_knobs(knobs: Iterable[str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The knobs that are always shown and those that are folded away: by default the four, and all
    others.

    Raises:
        RecipeError: a knob that does not exist, or that no panel turns.
    """
    offered = tuple(name for members in knob_groups().values() for name in members)
    if knobs is None:
        return ALWAYS_SHOWN, offered
    if isinstance(knobs, str):
        raise RecipeError("LivePanel(knobs=)", found=repr(knobs), expected="a list of names",
                          mend=f"knobs=[{knobs!r}]")
    wanted = tuple(dict.fromkeys((*ALWAYS_SHOWN, *knobs)))
    known = {*ALWAYS_SHOWN, *offered}
    for name in wanted:
        Settings.knob(name)
        if name not in known:
            raise RecipeError("LivePanel(knobs=)", found=repr(name),
                              expected="one of " + ", ".join(sorted(known)))
    return wanted, ()


def _knob_widget(name: str, value: Any) -> widgets.Widget:
    """The kind of widget that suits a knob, standing at `value`."""
    knob = Settings.knob(name)
    common: dict[str, Any] = {"description": knob.label, "style": STYLE, "layout": LAYOUT}
    # a menu where it is no number, else the slider that suits its scale
    if knob.choices and knob.several:
        return widgets.SelectMultiple(options=knob.choices, value=tuple(value.split("+")), rows=4,
                                      **common)
    if knob.choices:
        return widgets.Dropdown(options=knob.choices, value=value, **common)
    common["continuous_update"] = True
    # 0 means off, and has no place on a log scale; lr and max_steps are never off
    may_be_off = knob.scale == "log" and knob.least == 0 and name not in ("lr", "max_steps")
    if knob.scale == "log2" or may_be_off:
        return widgets.SelectionSlider(options=slider_stops(name, value), value=value, **common)
    if isinstance(value, int) and knob.scale == "linear":
        ends = {"min": min(int(knob.low or 0), value), "max": max(int(knob.high or 1), value)}
        return widgets.IntSlider(value=value, **ends, **common)
    low, high = slider_range(name, value)
    if knob.scale == "log":
        return widgets.FloatLogSlider(value=max(value, 10**low), min=low, max=high, step=LOG_STEP,
                                      readout_format=".2g", **common)
    return widgets.FloatSlider(value=value, min=low, max=high, step=LINEAR_STEP,
                               readout_format=".2f", **common)


def _widget_value(widget: widgets.Widget, name: str, value: Any) -> Any:
    """How a widget writes the value of its knob; a slider with stops gets one for it."""
    if isinstance(widget, widgets.SelectMultiple):
        return tuple(str(value).split("+"))
    if (isinstance(widget, widgets.SelectionSlider)
            and value not in [stop for _, stop in widget.options]):
        widget.options = slider_stops(name, value)
    return value


def _on_slider(settings: Settings, name: str) -> Any:
    """What a knob's widget stands for: "off" is None in the settings and 0 on a slider."""
    value = getattr(settings, name)
    return 0.0 if value is None else value


def _joined(values: tuple[str, ...]) -> str:
    """Several choices as `Settings` writes them; "none" stands alone."""
    return "+".join(value for value in values if value != "none") or "none"
