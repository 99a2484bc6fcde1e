"""Explorers of notebook 06: paths of optimisers, and schedules of the learning rate."""

from __future__ import annotations

import ipywidgets as widgets

from recipe_widgets.core import Settings
from recipe_widgets.core.validation import validated
from recipe_widgets.lessons.nb06_optimise.optimizer_paths import (
    OPTIMIZERS,
    SURFACES,
    race,
    show_race,
    turned,
)
from recipe_widgets.lessons.nb06_optimise.schedule_pictures import SCHEDULES, show_schedule
from recipe_widgets.panels.explorer import (
    LAYOUT,
    Explorer,
    log_number,
    menu,
    number,
    several,
    whole_number,
)
from recipe_widgets.plots import Picture


class OptimizerBowl(Explorer):
    """Paths of the chosen optimisers on a bowl, a saddle, a bent valley or a plateau; hold Ctrl
    to choose several.
    """

    def __init__(self) -> None:
        # both begin on a stop of their sliders: the page would move them there, and all be drawn twice
        lr = log_number("learning rate", -3, 1, 10**-1.3)
        lr.disabled = True  # while each optimiser has its own
        tuned = widgets.Checkbox(value=True, layout=LAYOUT, style={"description_width": "0px"},
                                 description="give each optimiser its own best learning rate")
        tuned.observe(lambda change: setattr(lr, "disabled", change["new"]), names="value")
        super().__init__(
            _paths, {
                "surface": menu("surface", list(SURFACES), next(iter(SURFACES))),
                # largest curvature / smallest: 1 is a round bowl, 1000 a gorge
                # at 200 momentum pays: 0.9 forgets √0.9 of the error a step, plain descent at its
                # best (κ - 1)/(κ + 1), which is slower from κ = 38 on
                "condition": log_number("steepness ratio κ", 0, 3, 10**2.3, step=0.1, digits=3),
                # per-weight rates (Adam) only help along the axes
                "turn": whole_number("turned by (degrees)", 0, 45, 0, step=5),
                "names": several("optimisers", OPTIMIZERS, ("sgd", "momentum", "rmsprop", "adam")),
                "tuned": tuned,
                "lr": lr,
                "momentum": number("momentum γ", 0.0, 1.0, 0.9),
                "steps": whole_number("steps", 10, 200, 60, step=10),
            })


def _paths(surface: str, condition: float, turn: int, names: tuple[str, ...], tuned: bool,
           lr: float, momentum: float, steps: int) -> Picture:
    # lr None: each optimiser has its own best one of a grid
    chosen = turned(SURFACES[surface](condition), turn)
    return show_race(chosen, race(chosen, names, None if tuned else lr, steps, momentum))


class ScheduleExplorer(Explorer):
    """The learning rate over a run: schedule, highest rate, warm-up, length, steps in an epoch."""

    @validated
    def __init__(self, settings: Settings | None = None) -> None:
        start = settings or Settings(schedule="cosine")
        # some of the settings' schedules have no curve that is known before the run
        schedule = start.schedule if start.schedule in SCHEDULES else "constant"
        super().__init__(
            _schedule, {
                "schedule": menu("schedule", SCHEDULES, schedule),
                # powers of ten: from 1e-4 to 10
                "lr": log_number("learning rate", -4, 1, start.lr),
                "warmup": whole_number("warm-up (steps)", 0, 500, start.warmup, step=10),
                "max_steps": whole_number("length (steps)", 100, 5000, min(start.max_steps, 5000),
                                          step=100),
                "steps_per_epoch": whole_number("steps in an epoch", 1, 1000, 100),
            })

    @property
    def settings(self) -> Settings:
        """The schedule as settings, for a run."""
        values = self.values  # all but one are settings
        del values["steps_per_epoch"]
        return Settings(**values)


def _schedule(schedule: str, lr: float, warmup: int, max_steps: int,
              steps_per_epoch: int) -> Picture:
    settings = Settings(schedule=schedule, lr=lr, warmup=warmup, max_steps=max_steps)
    return show_schedule(settings, steps_per_epoch)
