"""Measurements that take a second of training each, done on the trainer thread while the kernel
stays free.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.live.engine import ENGINE, Engine
from recipe_widgets.live.foreground import wait_until
from recipe_widgets.live.pacing import TRAIN_SLICE
from recipe_widgets.training.thread_count import rest_openmp, set_threads

Place = TypeVar("Place", bound=Hashable)  # what is measured, such as (line, x)
Result = TypeVar("Result")


class MeasurementQueue(Generic[Place, Result]):
    """Measures places, the newest request first, and keeps the results. Any thread may request,
    wait and close.

    Args:
        measure: makes an iterator of a place; the last value that it yields is the result.
        view: called on the painter thread when something is new.
    Attributes:
        results: by place.
        problem: what went wrong with the newest measurement that failed; "" where nothing did.
    """

    skips_queue = False  # to the engine: every turn trains

    def __init__(self, measure: Callable[[Place], Iterator[Result]],
                 view: Callable[[], None] | None = None, engine: Engine = ENGINE) -> None:
        self.results: dict[Place, Result] = {}
        self.problem = ""
        self.view, self._measure, self._engine = view, measure, engine
        self._pending: list[Place] = []  # the newest last
        self._begun: dict[Place, Iterator[Result]] = {}
        self._newest: dict[Place, Result] = {}  # yielded so far by those that are not done
        self._changed = threading.Condition()  # guards all of the above
        self._turning = threading.Lock()  # held for a whole turn
        self._threads = torch.get_num_threads()
        self._closed = self._fresh = False
        engine.open(self)

    @property
    def has_command(self) -> bool:
        """Whether a place waits to be measured."""
        return bool(self._pending)

    @property
    def current(self) -> Place | None:
        """The place that is being measured."""
        return self._pending[-1] if self._pending else None

    def request(self, place: Place) -> None:
        """Put a place before all others; nothing happens if it was measured before. Returns at
        once.
        """
        rest_openmp()
        with self._changed:
            if self._closed or place in self.results:
                return
            if place in self._pending:
                self._pending.remove(place)
            self._pending.append(place)
        self._engine.enqueue(self)

    def wait(self, timeout: float | None = None) -> dict[Place, Result]:
        """Block until every place is measured, `timeout` seconds at most."""
        wait_until(lambda: not self._pending, self._changed, self._engine, timeout)
        return self.results

    def close(self, wait: bool = True) -> None:
        """Forget all requests; with `wait` no thread works for them when it returns."""
        with self._changed:
            self._closed = True
            self._pending.clear()
            self._changed.notify_all()
        self.view = None
        self._engine.close(self, wait)
        if wait:
            with self._turning:
                self._begun.clear()

    def turn(self) -> bool:
        """Work for a moment; False when nothing waits. Called on the trainer thread."""
        with self._turning:
            place = self.current
            if self._closed or place is None:
                return False
            set_threads(1, self._threads)  # the page keeps a core
            try:
                self._measure_a_moment(place)
            except Exception as error:  # whatever happens, the page lives on and says so
                self.problem = str(error) if isinstance(
                    error, RecipeError) else f"{type(error).__name__}: {error}"
                self._newest.pop(place, None)  # half a result is none
                self._end(place)
            return self.has_command

    def _measure_a_moment(self, place: Place) -> None:
        if place not in self._begun:
            self._begun[place] = self._measure(place)
        work = self._begun[place]
        until = time.perf_counter() + TRAIN_SLICE
        while time.perf_counter() < until:
            try:
                value = next(work)
            except StopIteration:
                self._end(place)
                return
            self._newest[place] = value

    def _end(self, place: Place) -> None:
        self._begun.pop(place, None)
        value = self._newest.pop(place, None)
        with self._changed:
            if value is not None and not self._closed:
                self.results[place] = value
            if place in self._pending:
                self._pending.remove(place)
            self._fresh = True
            self._changed.notify_all()
        self._engine.repaint()

    def paint(self) -> bool:
        """Tell the view, if there is news. Called on the painter thread."""
        view = self.view
        if not self._fresh or view is None:
            return False
        self._fresh = False
        view()
        return True
