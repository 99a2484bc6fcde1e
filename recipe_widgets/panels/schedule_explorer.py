"""Learning-rate schedules, drawn while their sliders move."""

from __future__ import annotations

import ipywidgets as widgets

from recipe_widgets.core import Settings
from recipe_widgets.core.validation import validated
from recipe_widgets.lessons.nb06_optimise.schedule_comparison import SCHEDULES, show_schedule
from recipe_widgets.panels.drawn import LAYOUT, STYLE, Drawn
from recipe_widgets.plots import Picture


class ScheduleExplorer(Drawn):
    """The learning rate over a run: schedule, highest rate, warm-up, length, steps in an epoch."""

    @validated
    def __init__(self, settings: Settings | None = None) -> None:
        start = settings or Settings(schedule="cosine")
        common = {"style": STYLE, "layout": LAYOUT}
        schedule = start.schedule if start.schedule in SCHEDULES else "constant"
        super().__init__(
            {
                "schedule":
                widgets.Dropdown(options=SCHEDULES, value=schedule, description="schedule", **
                                 common), "lr":
                widgets.FloatLogSlider(value=start.lr, min=-4, max=1, step=0.05,
                                       description="learning rate", readout_format=".2g", **common),
                "warmup":
                widgets.IntSlider(value=start.warmup, min=0, max=500, step=10,
                                  description="warm-up (steps)", **common), "max_steps":
                widgets.IntSlider(value=min(start.max_steps, 5000), min=100, max=5000, step=100,
                                  description="length (steps)", **common), "steps_per_epoch":
                widgets.IntSlider(value=100, min=1, max=1000, description="steps in an epoch", **
                                  common),
            }, self._picture)

    @staticmethod
    def _picture(schedule: str, lr: float, warmup: int, max_steps: int,
                 steps_per_epoch: int) -> Picture:
        return show_schedule(Settings(schedule=schedule, lr=lr, warmup=warmup, max_steps=max_steps),
                             steps_per_epoch)

    @property
    def settings(self) -> Settings:
        """The schedule as settings, for a run."""
        values = self.values
        del values["steps_per_epoch"]
        return Settings(**values)
