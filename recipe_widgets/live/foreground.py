"""Training in the foreground, where pages do not draw what a background thread sends (Colab)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType

import torch

from recipe_widgets.live.engine import ENGINE, Engine, Worker
from recipe_widgets.live.pacing import FOREGROUND_PAUSE, FOREGROUND_SLICE, seconds_until_repaint
from recipe_widgets.training.thread_count import set_threads


class Foreground(Engine):
    """Does what `Engine` does, on the thread that asks, a moment at a time.

    Each order trains for a moment at once. What is left then comes in further moments: between the
    messages of a kernel that is idle, or all of it in `drive`, when the reader waits for it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._training = False  # a moment is under way: what it calls may ask for another one
        # the event loop in which the next moment waits for its turn
        self._planned: asyncio.AbstractEventLoop | None = None
        self._paint_next = 0.0  # time.perf_counter() from which on the next repaint is due

    def open(self, worker: Worker) -> None:
        self._open.append(worker)

    def close(self, worker: Worker, wait: bool = True) -> None:  # noqa: ARG002
        if worker in self._open:
            self._open.remove(worker)
        self._queue = deque(one for one in self._queue if one is not worker)

    def enqueue(self, worker: Worker) -> None:
        if worker in self._open and worker not in self._queue:
            self._queue.append(worker)
        self._go_on()

    def run_once(self, task: Callable[[], None]) -> None:
        """Nothing: here it would keep the cell waiting."""

    def offer_spare(self, work: Callable[[], float | None]) -> None:
        """Nothing: there is no thread that has time to spare."""

    def repaint(self, at_once: bool = False) -> None:  # noqa: ARG002  here it always is
        if not self._training:
            self._paint_all()

    def drive(self, done: Callable[[], bool], timeout: float | None = None) -> None:
        """Train until it is done, `timeout` seconds at most. An interrupt of the kernel ends the
        waiting only.
        """
        until = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while not done() and self._queue and time.monotonic() < until:
            self._train_a_moment()

    def _go_on(self) -> None:
        """A moment now, unless one is under way; and the next one planned, where a kernel's loop
        can call it.
        """
        if self._training or not self._queue:
            return
        self._train_a_moment()
        with contextlib.suppress(RuntimeError):  # no loop runs: then `drive` does the rest
            loop = asyncio.get_running_loop()
            if self._queue and self._planned is not loop:
                loop.call_later(FOREGROUND_PAUSE, self._planned_moment)
                self._planned = loop

    def _planned_moment(self) -> None:
        self._planned = None
        self._go_on()

    def _train_a_moment(self) -> None:
        self._training, threads = True, torch.get_num_threads()  # the reader's own count
        try:
            until = time.perf_counter() + FOREGROUND_SLICE
            while self._queue and time.perf_counter() < until:
                worker = self._next_worker()
                with _interrupts_later():
                    more = worker.turn()
                if not more and not worker.has_command and worker in self._queue:
                    self._queue.remove(worker)
                if time.perf_counter() > self._paint_next:
                    self._paint_all()
        finally:
            self._training = False
            set_threads(threads, threads)
            self._paint_all()

    def _paint_all(self) -> None:
        began = time.perf_counter()
        for worker in list(self._open):
            worker.paint()
        end = time.perf_counter()
        self._paint_next = end + seconds_until_repaint(end - began)


@contextlib.contextmanager
def _interrupts_later() -> Iterator[None]:
    """An interrupt of the kernel waits until the training step is whole: a run that is cut
    inside one cannot go on.
    """
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: received.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if received:
        before(*received[-1])


FOREGROUND = Foreground()


def engine_for(foreground: bool | None) -> Engine:
    """The engine that was asked for; None: the one that suits this kernel."""
    return FOREGROUND if foreground or (foreground is None
                                        and "google.colab" in sys.modules) else ENGINE


def wait_until(done: Callable[[], bool], news: threading.Condition, engine: Engine,
               timeout: float | None) -> None:
    """Block until it is done, `timeout` seconds at most; where no thread trains, this one does
    meanwhile.
    """
    began = time.monotonic()
    engine.drive(done, timeout)
    with news:
        news.wait_for(done,
                      None if timeout is None else max(0.0, began + timeout - time.monotonic()))
