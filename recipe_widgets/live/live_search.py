"""A live search: trials run on the trainer thread while the kernel stays free."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.live.engine import ENGINE, Engine
from recipe_widgets.live.foreground import wait_until
from recipe_widgets.live.thread_count import rest_openmp, set_threads
from recipe_widgets.plots import TrialDot, search_svg
from recipe_widgets.plots.tuning import WORDS
from recipe_widgets.tune import Tuning
from recipe_widgets.tune.lost import storage_errors

Phase = Literal["idle", "waiting", "running", "ended", "closed"]
SLICE = 0.02  # seconds of training between looks at the queue


@dataclass(frozen=True)
class SearchFrame:
    """All that a view shows."""

    chart: str
    words: str
    phase: Phase


class LiveSearch:
    """One search under the live engine. Any thread may start, stop, wait for and close it."""

    light = False  # to the engine: every turn trains, and stopping needs no turn of its own

    def __init__(self, tuning: Tuning, view: Callable[[SearchFrame], None] | None = None,
                 engine: Engine = ENGINE) -> None:
        self.tuning, self.view, self.engine = tuning, view, engine
        self.phase: Phase = "idle"
        self.problem = ""
        self._many = torch.get_num_threads()
        self._news, self._turning = threading.Condition(), threading.RLock()
        self._crank: Iterator[None] | None = None
        self._wanted = False  # what the reader asked for last: to go on, or to stop
        self._ended = -1  # trials that this worker had ended when the board was last drawn
        self._board = self._drawn()
        self._painted: SearchFrame | None = None
        engine.open(self)

    @property
    def ordered(self) -> bool:
        """Whether it waits for its turn."""
        return self.phase == "waiting"

    def start(self) -> None:
        """Begin, or go on after a stop. Returns at once."""
        rest_openmp()
        with self._news:
            if self.phase == "closed":
                return
            self._wanted = True
            if self.phase != "running":
                self.phase, self.problem = "waiting", ""
        self.engine.want(self)

    def stop(self) -> None:
        """End after the training step it is in. Finished trials stay; the one under way is
        queued again.
        """
        with self._news:
            self._wanted = False
            if self.phase == "waiting":
                self._enter("ended")
        self.tuning.stop()

    def wait(self, timeout: float | None = None) -> Tuning:
        """Block until the search has ended or was stopped, `timeout` seconds at most."""
        wait_until(lambda: self.phase not in ("waiting", "running"), self._news, self.engine,
                   timeout)
        return self.tuning

    def close(self, wait: bool = True) -> None:
        """Stop for good. With `wait` no thread works for this search when it returns."""
        self.stop()
        self._enter("closed")
        self.view = None
        self.engine.close(self, wait)
        if wait:
            with self._turning:
                self._let_go()

    # --- trainer thread
    # ---------------------------------------------------------------------------------------------

    def turn(self) -> bool:
        """Train for a moment; False at the end."""
        with self._turning:
            with self._news:
                if self.phase not in ("waiting", "running"):
                    return False
                if self.phase == "waiting":
                    self._enter("running")
            set_threads(1, self._many)  # the page keeps a core
            try:
                self._crank = self._crank or self.tuning.turns()
                with storage_errors(self.tuning.storage):
                    going = self._a_moment(self._crank)
            except Exception as error:  # whatever happens, the page lives on and says so
                self.problem = str(error) if isinstance(
                    error, RecipeError) else f"{type(error).__name__}: {error}"
                going = False
            if not going or self.tuning.ended_here != self._ended:
                self._ended = self.tuning.ended_here
                # lost: the old board stays
                with contextlib.suppress(RecipeError), storage_errors(self.tuning.storage):
                    self._board = self._drawn()
            if not going:
                self._let_go()
                with self._news:
                    # started again during the stop
                    going = self._wanted and self.tuning.stopped and not self.problem
                    self._enter("waiting" if going else "ended")
            return going

    def _a_moment(self, crank: Iterator[None]) -> bool:
        until = time.perf_counter() + SLICE
        while time.perf_counter() < until:
            if next(crank, self) is self:  # it yields None until it ends
                return False
            if not self._wanted:  # beginning a search forgets a stop that came just before
                self.tuning.stop()
        return True

    def _let_go(self) -> None:
        crank, self._crank = self._crank, None
        # a generator: its trial is queued again; where the storage is lost, others notice it
        if crank is not None:
            with contextlib.suppress(RecipeError), storage_errors(self.tuning.storage):
                crank.close()  # type: ignore[attr-defined]

    def _enter(self, phase: Phase) -> None:
        with self._news:
            if self.phase != "closed":
                self.phase = phase
            self._news.notify_all()
        self.engine.repaint()

    def _drawn(self) -> SearchFrame:
        tuning = self.tuning
        table = tuning.table()
        pruned = sum(trial.state == "pruned" for trial in table)
        words = f"{len(table)} of {tuning.trials} trials, {pruned} of them pruned; {tuning.words()}."
        chart = search_svg([TrialDot(trial.number, trial.value) for trial in table], tuning.trials,
                          WORDS[tuning.metric], tuning.metric == "val_loss", words)
        return SearchFrame(chart, words, self.phase)

    # --- painter thread
    # ---------------------------------------------------------------------------------------------

    def paint(self) -> bool:
        """Hand a new board to the view, if anything changed."""
        board, view = self.board(), self.view
        if view is None or board == self._painted:
            return False
        self._painted = board
        view(board)
        return True

    def board(self) -> SearchFrame:
        """What there is to see now."""
        head = {
            "idle": "Press Start. ", "waiting": "Waits for another panel. ", "running":
            "Searching. ", "ended": "Stopped. " if self.tuning.stopped else "Done. ", "closed": ""
        }[self.phase]
        return SearchFrame(self._board.chart, self.problem or head + self._board.words, self.phase)
