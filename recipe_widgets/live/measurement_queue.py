"""Questions that take a second of training each, answered on the trainer thread while the kernel
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
from recipe_widgets.live.thread_count import rest_openmp, set_threads

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
SLICE = 0.02  # seconds of work between looks at what was asked


class MeasurementQueue(Generic[K, V]):
    """Answers questions, the newest first, and keeps the answers. Any thread may ask, wait and
    close.

    Args:
        work: makes an iterator of a question; the last value that it yields is the answer.
        view: hears, on the painter thread, that something is new.
    Attributes:
        known: answers by question.
        problem: what went wrong with the newest question that failed; "" where nothing did.
    """

    light = False  # to the engine: every turn trains

    def __init__(self, work: Callable[[K], Iterator[V]], view: Callable[[], None] | None = None,
                 engine: Engine = ENGINE) -> None:
        self.known: dict[K, V] = {}
        self.problem = ""
        self.view, self._work, self._engine = view, work, engine
        self._pending: list[K] = []
        self._begun: dict[K, Iterator[V]] = {}
        self._newest: dict[K, V] = {}
        self._news, self._turning = threading.Condition(), threading.Lock()
        self._many = torch.get_num_threads()
        self._closed = self._fresh = False
        engine.open(self)

    @property
    def ordered(self) -> bool:
        """Whether a question waits."""
        return bool(self._pending)

    @property
    def asked(self) -> K | None:
        """The question that is being answered."""
        return self._pending[-1] if self._pending else None

    def ask(self, question: K) -> None:
        """Put a question before all others; nothing happens if the answer is known. Returns at
        once.
        """
        rest_openmp()
        with self._news:
            if self._closed or question in self.known:
                return
            if question in self._pending:
                self._pending.remove(question)
            self._pending.append(question)
        self._engine.want(self)

    def wait(self, timeout: float | None = None) -> dict[K, V]:
        """Block until every question is answered, `timeout` seconds at most."""
        wait_until(lambda: not self._pending, self._news, self._engine, timeout)
        return self.known

    def close(self, wait: bool = True) -> None:
        """Forget all questions; with `wait` no thread works for them when it returns."""
        with self._news:
            self._closed = True
            self._pending.clear()
            self._news.notify_all()
        self.view = None
        self._engine.close(self, wait)
        if wait:
            with self._turning:
                self._begun.clear()

    def turn(self) -> bool:
        """Work for a moment; False when nothing waits. Called on the trainer thread."""
        with self._turning:
            question = self.asked
            if self._closed or question is None:
                return False
            set_threads(1, self._many)  # the page keeps a core
            try:
                self._a_moment(question)
            except Exception as error:  # whatever happens, the page lives on and says so
                self.problem = str(error) if isinstance(
                    error, RecipeError) else f"{type(error).__name__}: {error}"
                self._newest.pop(question, None)  # half an answer is none
                self._end(question)
            return self.ordered

    def _a_moment(self, question: K) -> None:
        if question not in self._begun:
            self._begun[question] = self._work(question)
        work = self._begun[question]
        until = time.perf_counter() + SLICE
        while time.perf_counter() < until:
            try:
                value = next(work)
            except StopIteration:
                self._end(question)
                return
            self._newest[question] = value

    def _end(self, question: K) -> None:
        self._begun.pop(question, None)
        value = self._newest.pop(question, None)
        with self._news:
            if value is not None and not self._closed:
                self.known[question] = value
            if question in self._pending:
                self._pending.remove(question)
            self._fresh = True
            self._news.notify_all()
        self._engine.repaint()

    def paint(self) -> bool:
        """Tell the view, if there is news. Called on the painter thread."""
        view = self.view
        if not self._fresh or view is None:
            return False
        self._fresh = False
        view()
        return True
