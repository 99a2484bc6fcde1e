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

from recipe_widgets.live.pacing import JOIN_TIMEOUT, SHORTEST_REST, seconds_until_repaint


class Worker(Protocol):
    """What the engine drives: a live session, a search, a queue of measurements."""

    @property
    def skips_queue(self) -> bool:
        """Whether its next turn trains nothing (a stop, a pause), so that it need not queue."""
        ...

    @property
    def has_command(self) -> bool:
        """Whether a command waits for the trainer thread."""
        ...

    def turn(self) -> bool:
        """Train for a moment; False when it wants no more. Called on the trainer thread only."""
        ...

    def paint(self) -> bool:
        """Draw what is new; False when nothing was. Called on the painter thread only."""
        ...


class Engine:
    """Runs workers one after the other: the first in the queue computes until it wants no more.

    The threads are daemons named "recipe-trainer" and "recipe-painter". They start with the first
    worker and end with the last. Threads that start while those before are still about their last
    step wait for them (`JOIN_TIMEOUT` at most), so that no two train at once.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards all fields below
        self._open: list[Worker] = []
        self._queue: deque[Worker] = deque()  # those that want to compute, first come first
        self._asked_again: set[Worker] = set()  # enqueued while they were in the queue already
        self._threads: list[threading.Thread] = []
        self._last: dict[str, threading.Thread] = {}  # the newest of each name, perhaps at its end
        self._generation = 0  # threads of an older generation end themselves
        self._repaint = False
        self._urgent = False  # somebody waits for this repaint
        self._task: Callable[[], None] | None = None
        self._spare: Callable[[], float | None] | None = None  # newest offer of work for spare time
        self._spare_from = 0.0  # time.monotonic() from which on it may go on

    def open(self, worker: Worker) -> None:
        """Take a worker in; the first one starts both threads."""
        with self._changed:
            self._open.append(worker)
            if not self._threads:
                self._generation += 1
                started = []
                for name, body in (("recipe-trainer", self._train), ("recipe-painter",
                                                                     self._paint)):
                    thread = threading.Thread(target=_run_after,
                                              args=(self._last.get(name), body, self._generation),
                                              name=name, daemon=True)
                    thread.start()
                    self._last[name] = thread
                    started.append(thread)
                self._threads = started  # last: an interrupt here leaves none that never began

    def close(self, worker: Worker, wait: bool = True) -> None:
        """Forget a worker; with the last one both threads end, and `wait` waits for that
        (`JOIN_TIMEOUT` at most).
        """
        with self._changed:
            if worker in self._open:
                self._open.remove(worker)
            if worker in self._queue:
                self._queue.remove(worker)
            self._asked_again.discard(worker)
            ending = self._threads if wait and not self._open else []
            if not self._open:
                self._threads = []
                self._generation += 1
            self._changed.notify_all()
        for thread in ending:
            if thread is not threading.current_thread():
                thread.join(JOIN_TIMEOUT)

    def end(self) -> None:
        """Close everything, before the interpreter is taken down: a thread that computes then
        would abort the process.
        """
        for worker in tuple(self._open):
            self.close(worker, wait=False)
        for thread in threading.enumerate():
            if thread.name.startswith("recipe-"):
                thread.join(JOIN_TIMEOUT)

    def enqueue(self, worker: Worker) -> None:
        """Let a worker compute when its turn comes."""
        with self._changed:
            if worker in self._queue:
                self._asked_again.add(worker)
            elif worker in self._open:
                self._queue.append(worker)
            self._changed.notify_all()

    def run_once(self, task: Callable[[], None]) -> None:
        """Let the trainer thread do something that a first run would otherwise wait for."""
        with self._changed:
            self._task = task
            self._changed.notify_all()

    def offer_spare(self, work: Callable[[], float | None]) -> None:
        """Let the trainer thread do this, a moment at a time, while no worker wants to compute; it
        returns the seconds to rest, or None where there is no more to do.
        """
        with self._changed:
            self._spare, self._spare_from = work, 0.0
            self._changed.notify_all()

    def ahead_of(self, worker: Worker) -> list[Worker]:
        """Those that compute before this one gets its turn."""
        with self._changed:
            queue = list(self._queue)
        return queue[:queue.index(worker)] if worker in queue else []

    def drive(self, done: Callable[[], bool], timeout: float | None = None) -> None:
        """What a reader who waits can do for the training: here nothing, as a thread of its own
        sees to it.
        """

    def repaint(self, at_once: bool = False) -> None:
        """Ask for a repaint soon; at_once: a reader waits for it, as for the answer to a command."""
        self._repaint = True
        with self._changed:
            self._urgent = self._urgent or at_once
            self._changed.notify_all()

    def _train(self, generation: int) -> None:
        """Body of the trainer thread."""
        while True:
            with self._changed:
                while not self._queue and self._task is None and self._generation == generation:
                    rest = self._spare_from - time.monotonic()
                    if self._spare is not None and rest <= 0:
                        break
                    self._changed.wait(rest if self._spare is not None else None)
                if self._generation != generation:
                    return
                task, self._task = self._task, None
                worker = self._next_worker() if task is None and self._queue else None
                if worker is not None:
                    self._asked_again.discard(worker)
                spare = self._spare
            if task is not None:
                with contextlib.suppress(Exception):  # what is wrong, the run itself will say
                    task()
            elif worker is None:
                self._use_spare_time(spare)
            elif not _call_reporting_errors(worker.turn):
                with self._changed:
                    # asked under the lock: what came meanwhile keeps its place
                    again = worker.has_command or worker in self._asked_again
                    if worker in self._queue and not again:
                        self._queue.remove(worker)
                    self._repaint = True
                    self._changed.notify_all()

    def _use_spare_time(self, work: Callable[[], float | None] | None) -> None:
        if work is None:
            return
        rest = None
        with contextlib.suppress(Exception):  # nobody asked for it at this moment: it ends
            rest = work()
        with self._changed:
            if self._spare is work:
                self._spare = work if rest is not None else None
                self._spare_from = time.monotonic() + (rest or 0.0)

    def _next_worker(self) -> Worker:
        """The first in the queue, but a stop or a pause goes before all training."""
        return next((one for one in self._queue if one.skips_queue), self._queue[0])

    def _paint(self, generation: int) -> None:
        """Body of the painter thread."""
        while True:
            with self._changed:
                while not self._queue and not self._repaint and self._generation == generation:
                    self._changed.wait()
                if self._generation != generation:
                    return
                self._repaint = self._urgent = False
                workers = list(self._open)
            # not the clock: to wait for the interpreter costs nobody anything
            began = time.thread_time()
            for worker in workers:
                _call_reporting_errors(worker.paint)
            self._rest(generation, seconds_until_repaint(time.thread_time() - began))

    def _rest(self, generation: int, seconds: float) -> None:
        """Sleep, but end early when this generation of threads ends, or a reader waits."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._generation == generation and (left := until - time.monotonic()) > 0:
                if self._urgent and left < seconds - SHORTEST_REST:
                    return
                self._changed.wait(min(left, SHORTEST_REST) if self._urgent else left)


def _run_after(before: threading.Thread | None, body: Callable[[int], None],
               generation: int) -> None:
    """Target of a thread: wait for the one before, then run."""
    if before is not None and before.is_alive():
        before.join(JOIN_TIMEOUT)
    body(generation)


def _call_reporting_errors(work: Callable[[], bool]) -> bool:
    """An exception of one worker is printed on the kernel's stderr, and ends no thread that
    works for all of them.
    """
    try:
        return work()
    except Exception:
        threading.excepthook(threading.ExceptHookArgs(
            (*sys.exc_info(), threading.current_thread())))
        return False


ENGINE = Engine()
atexit.register(ENGINE.end)
