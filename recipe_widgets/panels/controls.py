"""Sliders generated from the knobs of `Settings`."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from recipe_widgets.live.knobs import LINEAR_STEP, LOG_STEP, moved_to, powers_of_two, slider_range, why_without_effect
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
        now = getattr(self.settings, name)
        value = moved_to(name, value, now) if isinstance(value, float) else value
        if self._quiet or value == now:
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
    low, high = slider_range(name, value)
    if knob.scale == "log":
        return widgets.FloatLogSlider(value=value, min=low, max=high, step=LOG_STEP, readout_format=".2g", **common)
    return widgets.FloatSlider(value=value, min=low, max=high, step=LINEAR_STEP, readout_format=".2f", **common)
