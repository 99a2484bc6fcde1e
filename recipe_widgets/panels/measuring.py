"""A slider whose places are measured when they are visited: what LearningCurve and
CapacityExplorer share.
"""

from __future__ import annotations

import html
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.lessons.nb05_overfit.learning_curves import Curve, Point
from recipe_widgets.live import MeasurementQueue, engine_for
from recipe_widgets.panels.drawn import picture_html
from recipe_widgets.panels.panel_base import replace_in_cell
from recipe_widgets.plots import Picture

Place = tuple[str, int]  # the line's name, and where on its x axis


class Measuring:
    """Visit a place: it is trained on the trainer thread and joins the curve. Answers are kept."""

    def __init__(self, controls: Mapping[str, widgets.Widget], curve: Curve,
                 work: Callable[[Place], Iterator[Point]], place: Callable[[dict[str, Any]], Place],
                 verdict: Callable[[Curve], str]) -> None:
        self.controls, self.curve, self._verdict = dict(controls), curve, verdict
        self._queue: MeasurementQueue[Place, Point] = MeasurementQueue(work, engine=engine_for(None))
        self._view, self._words = widgets.HTML(), widgets.HTML()
        button = widgets.Button(description="Measure here", icon="play", layout={"width": "auto"})
        self.buttons = {"measure": button}
        self.widget = widgets.VBox([*self.controls.values(), button, self._words, self._view])
        here = self.controls
        self._place: Callable[[], Place] = lambda: place(
            {name: control.value for name, control in here.items()})
        self._queue.view = show = _shower(self._queue, curve, self._place, verdict, self._view,
                                           self._words)
        for control in self.controls.values():
            control.observe(lambda _: show(), names="value")
        queue, chosen = self._queue, self._place
        button.on_click(lambda _: queue.request(chosen()))
        button.on_click(lambda _: show())
        self._finalizer = weakref.finalize(
            self, _discard, queue,
            [*self.controls.values(), button, self._words, self._view, self.widget])
        self._finalizer.atexit = False
        show()

    def measure(self, *places: Place) -> None:
        """Measure places, the one under the sliders without any. Returns at once; see `wait`."""
        for place in reversed(places or (self._place(),)):  # the newest question is answered first
            self._queue.request(place)

    def wait(self, timeout: float | None = None) -> Curve:
        """Block until all is measured, `timeout` seconds at most."""
        self._take(self._queue.wait(timeout))
        return self.curve

    def _take(self, known: Mapping[Place, Point]) -> None:
        self.curve.points.update(known)

    @property
    def words(self) -> str:
        """The place under the sliders, in words."""
        self._take(self._queue.results)
        return _words(self._queue, self.curve, self._place())

    def plot(self) -> Picture:
        """The curve as far as it is measured, for readers without a kernel."""
        self._take(self._queue.results)
        if not self.curve.points:
            raise RecipeError(f"{type(self).__name__}.plot()", found="nothing measured yet",
                              expected="one place", mend="Call measure() and wait() first.")
        return self.curve.plot(self._verdict(self.curve), self._place())

    def close(self) -> None:
        """Stop measuring and take it off the page. A second call does nothing."""
        if self._finalizer.detach():
            self._queue.close()
            _discard(self._queue, [*self.widget.children, self.widget])

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.words}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        replace_in_cell(self)
        bundle = self.widget._repr_mimebundle_(**options)
        bundle["text/plain"] = repr(self)
        return bundle


def _shower(queue: MeasurementQueue[Place, Point], curve: Curve, place: Callable[[], Place],
            verdict: Callable[[Curve],
                              str], view: widgets.HTML, words: widgets.HTML) -> Callable[[], None]:
    """What callbacks and the painter call; holds the widgets but not the panel, so that a
    dropped panel can go.
    """
    def show() -> None:
        curve.points.update(queue.results)
        words.value = f'<div class="recipe-words" role="status">{html.escape(_words(queue, curve, place()))}</div>'
        if curve.points:
            view.value = picture_html(curve.plot(verdict(curve), place()), said=False)

    return show


def _words(queue: MeasurementQueue[Place, Point], curve: Curve, place: Place) -> str:
    name, x = place
    here = f"{name}, {x:,} {curve.label}"
    if place in curve.points:
        point = curve.points[place]
        return f"{here}: training {_span(point.train)}, validation {_span(point.val)}; gap {100 * point.gap:.0f} points, " \
               f"n = {len(point.val)} seeds."
    if queue.problem:
        return f"{here}: {queue.problem}"
    waiting = "Measuring" if queue.has_command else "Not measured yet: guess first, then press Measure here"
    return f"{here}. {waiting}."


def _span(values: tuple[float, ...]) -> str:
    return f"{100 * sum(values) / len(values):.0f} % ({100 * min(values):.0f} to {100 * max(values):.0f})"


def _discard(queue: MeasurementQueue[Place, Point], parts: list[widgets.Widget]) -> None:
    queue.close(wait=False)
    for part in parts:
        for one in (part.layout, getattr(part, "style", None), part):
            if one is not None:
                one.close()
