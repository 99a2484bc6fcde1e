"""Sliders and menus generated from the knobs of `Settings`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets as widgets

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.live.slider_grid import (
    LINEAR_STEP,
    LOG_STEP,
    moved_to,
    slider_range,
    slider_stops,
)

FOUR = ("lr", "batch_size", "dropout", "momentum")  # the recipe's four: always shown
GROUPS = {
    "Model": ("model", "width", "depth", "activation", "init", "norm"),
    "Optimiser": ("optimizer", "weight_decay", "schedule", "warmup", "clip_norm", "ema"),
    "Data and targets": ("augment", "augment_strength", "loss", "label_smoothing"),
    "Run": ("max_steps", "seed"),
}
_STYLE = {"description_width": "112px"}
_LAYOUT = {"width": "min(100%, 440px)"}
WhyNot = Callable[[Settings, str], str]


class SettingsControls:
    """Widgets for some knobs. `on_change` is called with new settings whenever the reader, or code,
    moves one.

    The knobs of a folded group get their widgets when the group is opened first.
    """

    def __init__(self, settings: Settings, names: Iterable[str], folded: Iterable[str],
                 why_not: WhyNot, on_change: Callable[[Settings], None]) -> None:
        self.settings, self._why_not, self._on_change = settings, why_not, on_change
        # .quiet: on this thread the panel itself moves widgets; others may hear of a reader
        self._here = threading.local()
        self.sliders: dict[str, widgets.Widget] = {}
        self._open = widgets.VBox([self._made(name) for name in names])
        self._groups = {
            title: [n for n in members if n in set(folded)] for title, members in GROUPS.items()
        }
        self._groups = {title: members for title, members in self._groups.items() if members}
        self._folds: widgets.Accordion | None = None
        self._more: widgets.Accordion | None = None
        if self._groups:
            self._folds = widgets.Accordion([widgets.VBox() for _ in self._groups],
                                            titles=tuple(self._groups), selected_index=None)
            self._folds.observe(lambda change: self._unfold(change["new"]), names="selected_index")
            self._more = widgets.Accordion([self._folds], titles=("More knobs", ),
                                           selected_index=None)

    def open_all(self) -> None:
        """Make the widgets of all groups, as opening each would."""
        for number in range(len(self._groups)):
            self._unfold(number)

    def _unfold(self, number: int | None) -> None:
        if number is None or self._folds is None or self._folds.children[number].children:
            return
        members = list(self._groups.values())[number]
        self._folds.children[number].children = [self._made(name) for name in members]

    def _made(self, name: str) -> widgets.Widget:
        if name not in self.sliders:
            self.sliders[name] = made = _widget(self.settings, name)
            self._enable(name)
            made.observe(lambda change, name=name: self._moved(name, change["new"]), names="value")
        return self.sliders[name]

    def _enable(self, name: str) -> None:
        why = self._why_not(self.settings, name)
        made = self.sliders[name]
        made.disabled, made.tooltip = bool(why), why or Settings.knob(name).help

    def _moved(self, name: str, value: object) -> None:
        now = getattr(self.settings, name)
        if isinstance(value, float) and not isinstance(self.sliders[name], widgets.SelectionSlider):
            value = moved_to(name, value, now)
        value = int(value) if isinstance(now, int) and isinstance(value, float) else value
        value = _joined(value) if isinstance(value, tuple) else value
        if getattr(self._here, "quiet", False) or value == now:
            return
        self.settings = self.settings.replace(**{name: value})
        self._enable_all()
        self._on_change(self.settings)

    def _enable_all(self) -> None:
        for name in tuple(self.sliders):
            self._enable(name)

    def show(self, settings: Settings) -> None:
        """Put every widget where `settings` are, without calling anyone."""
        self.settings, self._here.quiet = settings, True
        try:
            for name, slider in self.sliders.items():
                slider.value = _shown(name, getattr(settings, name), slider)
            self._enable_all()
        finally:
            self._here.quiet = False

    def parts(self) -> list[widgets.Widget]:
        """What stands on the page."""
        return [self._open, *([self._more] if self._more is not None else [])]

    def everything(self) -> list[widgets.Widget]:
        """All widgets, for closing them."""
        folds = [*self._folds.children, self._folds, self._more] if self._folds is not None else []
        return [*self.sliders.values(), self._open, *folds]


def chosen_knobs(knobs: Iterable[str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The knobs that stand open and those that are folded away: by default the four, and all
    others.

    Raises:
        RecipeError: a knob that does not exist, or that no panel turns.
    """
    if knobs is None:
        return FOUR, tuple(name for members in GROUPS.values() for name in members)
    if isinstance(knobs, str):
        raise RecipeError("LivePanel(knobs=)", found=repr(knobs), expected="a list of names",
                          mend=f"knobs=[{knobs!r}]")
    wanted = tuple(dict.fromkeys((*FOUR, *knobs)))
    known = {*FOUR, *(name for members in GROUPS.values() for name in members)}
    for name in wanted:
        Settings.knob(name)
        if name not in known:
            raise RecipeError("LivePanel(knobs=)", found=repr(name),
                              expected="one of " + ", ".join(sorted(known)))
    return wanted, ()


def _joined(values: tuple[str, ...]) -> str:
    kept = [value for value in values if value != "none"]
    return "+".join(kept) if kept else "none"


def _shown(name: str, value: object, slider: widgets.Widget) -> object:
    if isinstance(slider, widgets.SelectMultiple):
        return tuple(str(value).split("+"))
    if isinstance(slider, widgets.SelectionSlider) and value not in [v for _, v in slider.options]:
        slider.options = slider_stops(name, value)  # type: ignore[arg-type]
    return value


def _widget(settings: Settings, name: str) -> widgets.Widget:
    knob, value = Settings.knob(name), getattr(settings, name)
    common: dict[str, Any] = {"description": knob.label, "style": _STYLE, "layout": _LAYOUT}
    if knob.choices and knob.several:
        return widgets.SelectMultiple(options=knob.choices, value=tuple(value.split("+")), rows=4,
                                      **common)
    if knob.choices:
        return widgets.Dropdown(options=knob.choices, value=value, **common)
    common["continuous_update"] = True
    if knob.scale == "log2" or (knob.scale == "log" and knob.least == 0
                                and name not in ("lr", "max_steps")):
        return widgets.SelectionSlider(options=slider_stops(name, value), value=value, **common)
    if isinstance(value, int) and knob.scale == "linear":
        ends = {"min": min(int(knob.low or 0), value), "max": max(int(knob.high or 1), value)}
        return widgets.IntSlider(value=value, **ends, **common)
    low, high = slider_range(name, value)
    if knob.scale == "log":
        value = max(value, 10**low)
        return widgets.FloatLogSlider(value=value, min=low, max=high, step=LOG_STEP,
                                      readout_format=".2g", **common)
    return widgets.FloatSlider(value=value, min=low, max=high, step=LINEAR_STEP,
                               readout_format=".2f", **common)
