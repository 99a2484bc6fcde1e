"""How large a net, for how many samples? Measured where the reader points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import ipywidgets as widgets

from recipe_widgets.core import Settings
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb05_overfit.learning_curves import (
    COUNTS,
    Curve,
    Point,
    measure,
    width_verdict,
)
from recipe_widgets.panels.drawn import LAYOUT, STYLE
from recipe_widgets.panels.measuring import Measuring, Place

WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class CapacityExplorer(Measuring):
    """Training and validation accuracy over the width of the net, one line for each number of
    samples.

    known: points measured before, as `lessons.samples.capacity` gives them.
    """

    @validated
    def __init__(self, data: Data, settings: Settings, seeds: Annotated[int, whole(1, 1000)] = 3,
                 known: Curve | None = None) -> None:
        common = {"style": STYLE, "layout": LAYOUT}
        counts = {f"{n:,} samples": n for n in COUNTS if n <= data.train.size}
        controls = {
            "samples":
            widgets.SelectionSlider(options=list(counts), value=list(counts)[len(counts) // 2],
                                    description="training samples", **common), "width":
            widgets.SelectionSlider(options=[(str(w), w) for w in WIDTHS], value=32,
                                    description="width (units)", **common),
        }
        curve = Curve("units in the hidden layer", 1 / data.num_classes,
                      dict(known.points) if known else {})

        def work(place: Place) -> Iterator[Point]:
            return measure(data, settings.replace(width=place[1]),
                           int(place[0].split()[0].replace(",", "")), seeds)

        super().__init__(controls, curve, work, lambda values: (values["samples"], values["width"]),
                         width_verdict)
