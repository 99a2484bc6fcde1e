"""How many samples does it take? Measured where the reader points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import ipywidgets as widgets

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.validation import filled, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb05_overfit.learning_curves import COUNTS, Curve, Point, measure
from recipe_widgets.panels.drawn import LAYOUT, STYLE
from recipe_widgets.panels.measuring import Measuring, Place


class LearningCurve(Measuring):
    """Training and validation accuracy over the number of training samples.

    >>> LearningCurve({"mnist, MLP": (mnist, Settings(max_steps=200))})                            # doctest: +SKIP

    Args:
        sources: name -> (data, settings); each is a line. known: points measured before.
    """

    @validated
    def __init__(self, sources: Annotated[Mapping[str, tuple[Data, Settings]], filled()],
                 seeds: Annotated[int, whole(1, 1000)] = 3, known: Curve | None = None) -> None:
        if not sources:
            raise RecipeError("LearningCurve(sources)", found="none",
                              expected="name -> (data, settings)")
        most = max(data.train.size for data, _ in sources.values())
        counts = [n for n in COUNTS if n <= most]
        common = {"style": STYLE, "layout": LAYOUT}
        controls = {
            "name":
            widgets.Dropdown(options=list(sources), description="data and model", **common), "n":
            widgets.SelectionSlider(options=[(f"{n:,}", n) for n in counts],
                                    value=counts[min(len(counts), 4) - 1],
                                    description="training samples", **common),
        }
        curve = Curve("samples", 1 / next(iter(sources.values()))[0].num_classes,
                      dict(known.points) if known else {})

        def work(place: Place) -> Iterator[Point]:
            data, settings = sources[place[0]]
            return measure(data, settings, min(place[1], data.train.size), seeds)

        super().__init__(controls, curve, work, lambda values: (values["name"], values["n"]),
                         lambda found: found.verdict())
