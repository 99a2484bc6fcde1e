"""Explorers of notebook 05 whose places are measured on demand: each takes a second of training, on
the trainer thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import ipywidgets as widgets

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.validation import filled, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb05_overfit.learning_curves import (
    COUNTS,
    AccuracyCurve,
    CurvePoint,
    measure,
    width_verdict,
)
from recipe_widgets.live import MeasurementQueue, engine_for
from recipe_widgets.panels.explorer import Explorer, menu, stops
from recipe_widgets.panels.panel_base import AUTO_WIDTH, WorkingPanel
from recipe_widgets.plots import Picture

Place = tuple[str, int]  # the line's name, and where on its x axis
WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # hidden units


class MeasuredExplorer(Explorer, WorkingPanel):
    """Visit a place and press "Measure here": it is trained and joins the curve. Results are kept.

    Args:
        curve: the points measured so far; it grows.
        measure: trains for one place; the last value it yields is the point.
        place: where the controls' values are. verdict: the words over the curve.
    """

    def __init__(self, controls: Mapping[str, widgets.Widget], curve: AccuracyCurve,
                 measure: Callable[[Place], Iterator[CurvePoint]],
                 place: Callable[[dict[str, Any]], Place],
                 verdict: Callable[[AccuracyCurve], str]) -> None:
        self.curve, self._place = curve, place
        self._queue: MeasurementQueue[Place, CurvePoint] = MeasurementQueue(
            measure, engine=engine_for(None))
        queue = self._queue

        def draw(**values: Any) -> Picture | None:
            curve.points.update(queue.results)
            return curve.plot(verdict(curve), place(values)) if curve.points else None

        def describe(**values: Any) -> str:
            return _place_words(queue, curve, place(values))

        button = widgets.Button(description="Measure here", icon="play", layout=AUTO_WIDTH)
        self.buttons = {"measure": button}
        super().__init__(draw, controls, describe=describe, buttons=[button])
        # none of these may hold the panel itself: a dropped one goes
        here = self._view

        def show() -> None:
            measuring = queue.has_command
            button.description, button.icon = (("Measuring …", "hourglass-half") if measuring
                                               else ("Measure here", "play"))
            here.redraw()

        def pressed(_: object) -> None:
            queue.request(place(here.values))
            show()

        queue.view = show
        button.on_click(pressed)
        self._close_with(queue)

    def measure(self, *places: Place) -> None:
        """Measure places, the one under the sliders without any. Returns at once; see `wait`."""
        wanted = places or (self._place(self.values),)
        for place in reversed(wanted):  # the newest request is measured first
            self._queue.request(place)

    def wait(self, timeout: float | None = None) -> AccuracyCurve:
        """Block until all is measured, `timeout` seconds at most."""
        self.curve.points.update(self._queue.wait(timeout))
        return self.curve

    @property
    def words(self) -> str:
        """The place under the sliders, in words."""
        self.curve.points.update(self._queue.results)
        return self._view.words

    def plot(self) -> Picture:
        """The curve as far as it is measured, for readers without a kernel."""
        picture = self._view.drawn()
        if picture is None:
            raise RecipeError(f"{type(self).__name__}.plot()", found="nothing measured yet",
                              expected="one place", mend="Call measure() and wait() first.")
        return picture


def _place_words(queue: MeasurementQueue[Place, CurvePoint], curve: AccuracyCurve,
                 place: Place) -> str:
    name, at = place
    here = f"{name}, {at:,} {curve.label}"
    if place in curve.points:
        point = curve.points[place]
        return (f"{here}: training {_range(point.train)}, validation {_range(point.val)}; "
                f"gap {100 * point.gap:.0f} points, n = {len(point.val)} seeds.")
    if queue.problem:
        return f"{here}: {queue.problem}"
    if queue.has_command:
        return f"{here}. Measuring."
    return f"{here}. Not measured yet: guess first, then press Measure here."


def _range(accuracies: tuple[float, ...]) -> str:
    """Mean, lowest and highest over the seeds."""
    low, high, mean = min(accuracies), max(accuracies), sum(accuracies) / len(accuracies)
    return f"{100 * mean:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


class LearningCurve(MeasuredExplorer):
    """Training and validation accuracy over the number of training samples.

    >>> LearningCurve({"mnist, MLP": (mnist, Settings(max_steps=200))})         # doctest: +SKIP

    Args:
        sources: name -> (data, settings); each is a line. known: points measured before.
    """

    @validated
    def __init__(self, sources: Annotated[Mapping[str, tuple[Data, Settings]], filled()],
                 seeds: Annotated[int, whole(1, 1000)] = 3,
                 known: AccuracyCurve | None = None) -> None:
        if not sources:
            raise RecipeError("LearningCurve(sources)", found="none",
                              expected="name -> (data, settings)")
        most = max(data.train.size for data, _ in sources.values())
        # a smaller data set stops at its own size
        counts = [count for count in COUNTS if count <= most]
        names = {count: f"{count:,}" for count in counts}
        controls = {
            "name": menu("data and model", list(sources), next(iter(sources))),
            "n": stops("training samples", counts, counts[min(len(counts), 4) - 1], names),
        }
        # accuracy of guessing, drawn as the floor; of the first data set where there are several
        chance = 1 / next(iter(sources.values()))[0].num_classes
        curve = AccuracyCurve("samples", chance, dict(known.points) if known else {})

        def measure_at(place: Place) -> Iterator[CurvePoint]:
            data, settings = sources[place[0]]
            return measure(data, settings, min(place[1], data.train.size), seeds)

        super().__init__(controls, curve, measure_at, lambda at: (at["name"], at["n"]),
                         lambda found: found.verdict(counts))


class CapacityExplorer(MeasuredExplorer):
    """Training and validation accuracy over the width of the net, one line for each number of
    samples.

    known: points measured before, as `capacity` gives them.
    """

    @validated
    def __init__(self, data: Data, settings: Settings, seeds: Annotated[int, whole(1, 1000)] = 3,
                 known: AccuracyCurve | None = None) -> None:
        # one line of the chart for each number of samples
        lines = [f"{count:,} samples" for count in COUNTS if count <= data.train.size]
        controls = {
            "samples": stops("training samples", lines, lines[len(lines) // 2]),
            "width": stops("width (units)", WIDTHS, 32),
        }
        curve = AccuracyCurve("units in the hidden layer", 1 / data.num_classes,
                      dict(known.points) if known else {})

        def measure_at(place: Place) -> Iterator[CurvePoint]:
            line, width = place
            count = int(line.split()[0].replace(",", ""))  # "1,000 samples"
            return measure(data, settings.replace(width=width), count, seeds)

        super().__init__(controls, curve, measure_at, lambda at: (at["samples"], at["width"]),
                         lambda found: width_verdict(found, WIDTHS))
