"""Optimisers on surfaces of two weights."""

from __future__ import annotations

import ipywidgets as widgets

from recipe_widgets.lessons.nb06_optimise.optimizer_paths import (
    OPTIMIZERS,
    SURFACES,
    race,
    show_race,
    turned,
)
from recipe_widgets.panels.drawn import LAYOUT, STYLE, Drawn
from recipe_widgets.plots import Picture


class OptimizerBowl(Drawn):
    """Paths of the chosen optimisers on a bowl, a saddle, a bent valley or a plateau; hold Ctrl
    to choose several.
    """

    def __init__(self) -> None:
        common = {"style": STYLE, "layout": LAYOUT}
        lr = widgets.FloatLogSlider(value=0.05, min=-3, max=1, step=0.05,
                                    description="learning rate", disabled=True,
                                    readout_format=".2g", **common)
        tuned = widgets.Checkbox(value=True,
                                 description="give each optimiser its own best learning rate",
                                 style={"description_width": "0px"}, layout=LAYOUT)
        tuned.observe(lambda change: setattr(lr, "disabled", change["new"]), names="value")
        super().__init__(
            {
                "surface":
                widgets.Dropdown(options=list(SURFACES), description="surface", **common),
                "condition":
                widgets.FloatLogSlider(value=20.0, min=0, max=3, step=0.1,
                                       description="steepness ratio κ", readout_format=".3g", **
                                       common), "turn":
                widgets.IntSlider(value=0, min=0, max=45, step=5, description="turned by (degrees)",
                                  **common), "names":
                widgets.SelectMultiple(options=OPTIMIZERS,
                                       value=("sgd", "momentum", "rmsprop", "adam"), rows=7,
                                       description="optimisers", **common), "tuned":
                tuned, "lr":
                lr, "momentum":
                widgets.FloatSlider(value=0.9, min=0.0, max=1.0, step=0.01,
                                    description="momentum γ", **common), "steps":
                widgets.IntSlider(value=60, min=10, max=200, step=10, description="steps", **
                                  common),
            }, self._picture)

    @staticmethod
    def _picture(surface: str, condition: float, turn: int, names: tuple[str, ...], tuned: bool,
                 lr: float, momentum: float, steps: int) -> Picture:
        chosen = turned(SURFACES[surface](condition), turn)
        return show_race(chosen, race(chosen, names, None if tuned else lr, steps, momentum))
