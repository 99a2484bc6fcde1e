"""Sliders generated from the knobs of `Settings`."""

from __future__ import annotations

import math
from collections.abc import Callable

import ipywidgets as widgets

from recipe_widgets.live.knobs import powers_of_two, tidy, why_without_effect
from recipe_widgets.records import Settings

_STYLE = {"description_width": "110px"}
_LAYOUT = {"width": "min(100%, 420px)"}


class Controls:
    """Sliders for some knobs. `on_change` is called with new settings whenever the reader, or code, moves one."""

    def __init__(self, settings: Settings, names: tuple[str, ...], on_change: Callable[[Settings], None]) -> None:
        self.settings, self._on_change, self._quiet = settings, on_change, False
        self.sliders: dict[str, widgets.Widget] = {name: _slider(settings, name) for name in names}
        for name, slider in self.sliders.items():
            slider.observe(lambda change, name=name: self._moved(name, change["new"]), names="value")

    def _moved(self, name: str, value: float) -> None:
        value = tidy(name, value) if isinstance(value, float) else value
        if self._quiet or value == getattr(self.settings, name):
            return
        self.settings = self.settings.replace(**{name: value})
        self._on_change(self.settings)

    def show(self, settings: Settings) -> None:
        """Put every slider where `settings` are, without calling anyone."""
        self.settings, self._quiet = settings, True
        try:
            for name, slider in self.sliders.items():
                slider.value = getattr(settings, name)
        finally:
            self._quiet = False

    def box(self) -> widgets.Widget:
        return widgets.VBox(list(self.sliders.values()))


def _slider(settings: Settings, name: str) -> widgets.Widget:
    knob, value = Settings.knob(name), getattr(settings, name)
    why = why_without_effect(settings, name)
    common = {"description": knob.label, "tooltip": why or knob.help, "disabled": bool(why), "style": _STYLE,
              "layout": _LAYOUT, "continuous_update": True}
    if knob.scale == "log2":
        options = [(f"{size:,} {knob.unit}", size) for size in powers_of_two(name, value)]
        return widgets.SelectionSlider(options=options, value=value, **common)
    low, high = min(knob.low or 0.0, value), max(knob.high or 1.0, value)
    if knob.scale == "log":
        low = knob.low or 1e-4
        return widgets.FloatLogSlider(value=value, min=math.log10(low), max=math.log10(high), step=0.05,
                                      readout_format=".3g", **common)
    return widgets.FloatSlider(value=value, min=low, max=high, step=0.01, readout_format=".2f", **common)
