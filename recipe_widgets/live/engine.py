"""One trainer thread and one painter thread for all live sessions of a process."""

from __future__ import annotations

import atexit
import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

# seconds: more repaints than that no one can see, and Jupyter drops floods of messages
PAINT_EVERY = 0.125
PATIENCE = 5.0  # seconds that a thread's end is waited for; a reader's own step may never return
# of the painter's time, at most, is spent on painting: a run of a million steps takes 70 ms to draw
PAINT_SHARE = 0.1


def rest_after(cost: float) -> float:
    """Seconds until the next repaint, after one that took `cost` seconds of computing."""
    return max(PAINT_EVERY, cost / PAINT_SHARE)


class Worker(Protocol):
    """What the engine drives: a session."""

    @property
    def light(self) -> bool:
        """Whether its next turn trains nothing (a stop, a pause), so that it need not queue."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether an order waits to be obeyed."""
        ...

    def turn(self) -> bool:
        """Train for a moment; False when it wants no more. Called on the trainer thread only."""
        ...

    def paint(self) -> bool:
        """Draw what is new; False when nothing was. Called on the painter thread only."""
        ...


class Engine:
    """Runs sessions one after the other: the first in the queue computes until it wants no more.

    The threads are daemons named "recipe-trainer" and "recipe-painter". They start with the first
    session and end with the last. Threads that start while those before are still about their last
    step wait for them (`PATIENCE` at most), so that no two train at once.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: list[Worker] = []
        self._queue: deque[Worker] = deque()
        self._threads: list[threading.Thread] = []
        self._last: dict[str, threading.Thread] = {}  # the newest of each name, perhaps at its end
        self._generation = 0
        self._repaint = False
        self._errand: Callable[[], None] | None = None

    def open(self, worker: Worker) -> None:
        with self._changed:
            self._open.append(worker)
            if not self._threads:
                self._generation += 1
                made = []
                for name, body in (("recipe-trainer", self._train), ("recipe-painter",
                                                                     self._paint)):
                    thread = threading.Thread(target=_after,
                                              args=(self._last.get(name), body, self._generation),
                                              name=name, daemon=True)
                    thread.start()
                    self._last[name] = thread
                    made.append(thread)
                self._threads = made  # last: an interrupt on the way leaves none that never began

    def close(self, worker: Worker, wait: bool = True) -> None:
        """Forget a session; with the last one both threads end, and `wait` waits for that
        (`PATIENCE` at most).
        """
        with self._changed:
            if worker in self._open:
                self._open.remove(worker)
            if worker in self._queue:
                self._queue.remove(worker)
            ending = self._threads if wait and not self._open else []
            if not self._open:
                self._threads = []
                self._generation += 1
            self._changed.notify_all()
        for thread in ending:
            if thread is not threading.current_thread():
                thread.join(PATIENCE)

    def end(self) -> None:
        """Close everything, before the interpreter is taken down: a thread that computes then
        would abort the process.
        """
        for worker in tuple(self._open):
            self.close(worker, wait=False)
        for thread in threading.enumerate():
            if thread.name.startswith("recipe-"):
                thread.join(PATIENCE)

    def want(self, worker: Worker) -> None:
        """Queue a session for the compute slot."""
        with self._changed:
            if worker in self._open and worker not in self._queue:
                self._queue.append(worker)
            self._changed.notify_all()

    def prepare(self, errand: Callable[[], None]) -> None:
        """Let the trainer thread do something that a first run would otherwise wait for."""
        with self._changed:
            self._errand = errand
            self._changed.notify_all()

    def ahead_of(self, worker: Worker) -> int:
        """How many sessions compute before this one gets its turn."""
        with self._changed:
            return self._queue.index(worker) if worker in self._queue else 0

    def drive(self, done: Callable[[], bool], timeout: float | None = None) -> None:
        """What a reader who waits can do for the training: here nothing, as a thread of its own
        sees to it.
        """

    def repaint(self) -> None:
        """Ask for a repaint soon."""
        self._repaint = True
        with self._changed:
            self._changed.notify_all()

    def _train(self, generation: int) -> None:
        while True:
            with self._changed:
                while not self._queue and self._errand is None and self._generation == generation:
                    self._changed.wait()
                if self._generation != generation:
                    return
                errand, self._errand = self._errand, None
                worker = next((one for one in self._queue
                               if one.light), self._queue[0]) if errand is None else None
            if errand is not None:
                with contextlib.suppress(Exception):  # what is wrong, the run itself will say
                    errand()
            elif worker is not None and not _told(worker.turn):
                with self._changed:
                    if worker in self._queue and not worker.ordered:
                        self._queue.remove(worker)
                    self._repaint = True
                    self._changed.notify_all()

    def _paint(self, generation: int) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._repaint and self._generation == generation:
                    self._changed.wait()
                if self._generation != generation:
                    return
                self._repaint = False
                workers = list(self._open)
            # not the clock: to wait for the interpreter costs nobody anything
            began = time.thread_time()
            for worker in workers:
                _told(worker.paint)
            self._rest(generation, rest_after(time.thread_time() - began))

    def _rest(self, generation: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        with self._changed:
            while self._generation == generation and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)


def _after(before: threading.Thread | None, body: Callable[[int], None], generation: int) -> None:
    if before is not None and before.is_alive():
        before.join(PATIENCE)
    body(generation)


def _told(work: Callable[[], bool]) -> bool:
    """An exception of one worker is told on the kernel's stderr, and ends no thread that works
    for all of them.
    """
    try:
        return work()
    except Exception:
        threading.excepthook(threading.ExceptHookArgs(
            (*sys.exc_info(), threading.current_thread())))
        return False


ENGINE = Engine()
atexit.register(ENGINE.end)
