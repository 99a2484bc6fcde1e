"""A live search: trials run on the trainer thread while the kernel stays free."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.live.command import Phase
from recipe_widgets.live.engine import ENGINE, Engine
from recipe_widgets.live.foreground import wait_until
from recipe_widgets.live.pacing import TRAIN_SLICE
from recipe_widgets.plots import TrialDot, search_svg
from recipe_widgets.plots.tuning import WORDS
from recipe_widgets.training.thread_count import rest_openmp, set_threads
from recipe_widgets.tune import Tuning
from recipe_widgets.tune.storage import storage_errors
from recipe_widgets.tune.study import Trial


@dataclass(frozen=True)
class SearchFrame:
    """All that a view of a search shows: the chart as HTML text, and what happens in words."""

    chart: str
    words: str
    phase: Phase


def _trial_words(trial: Trial) -> str:
    knobs = ", ".join(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
                      for name, value in trial.knobs.items())
    return f"trial {trial.number}: {knobs}; " + (
        f"{trial.value:.4g}" if trial.state == "complete" else trial.state)


class LiveSearch:
    """One search under the live engine. Any thread may start, stop, wait for and close it."""

    skips_queue = False  # to the engine: every turn trains; stopping needs no turn of its own

    def __init__(self, tuning: Tuning, view: Callable[[SearchFrame], None] | None = None,
                 engine: Engine = ENGINE) -> None:
        self.tuning, self.view, self.engine = tuning, view, engine
        self.phase: Phase = "idle"
        self.problem = ""
        self._threads = torch.get_num_threads()
        self._changed = threading.Condition()  # guards phase and what is wanted
        self._turning = threading.RLock()  # held for a whole turn
        self._steps: Iterator[None] | None = None  # of the search that goes on
        self._wanted = False  # what the reader asked for last: to go on, or to stop
        self._trials_drawn = -1  # that this worker had ended when the chart was last drawn
        self._drawn = self._draw()
        self._painted: SearchFrame | None = None
        engine.open(self)

    @property
    def has_command(self) -> bool:
        """Whether it waits for its turn."""
        return self.phase == "waiting"

    def start(self) -> None:
        """Begin, or go on after a stop. Returns at once."""
        rest_openmp()
        with self._changed:
            if self.phase == "closed":
                return
            self._wanted = True
            if self.phase != "running":
                self.phase, self.problem = "waiting", ""
        self.engine.enqueue(self)

    def stop(self) -> None:
        """End after the training step it is in. Finished trials stay; the one under way is
        queued again.
        """
        with self._changed:
            self._wanted = False
            if self.phase == "waiting":
                self._enter("ended")
        self.tuning.stop()

    def wait(self, timeout: float | None = None) -> Tuning:
        """Block until the search has ended or was stopped, `timeout` seconds at most."""
        wait_until(lambda: self.phase not in ("waiting", "running"), self._changed, self.engine,
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
                self._release()

    # --- trainer thread ---------------------------------------------------------------------------

    def turn(self) -> bool:
        """Train for a moment; False at the end."""
        with self._turning:
            with self._changed:
                if self.phase not in ("waiting", "running"):
                    return False
                if self.phase == "waiting":
                    self._enter("running")
            set_threads(1, self._threads)  # the page keeps a core
            try:
                self._steps = self._steps or self.tuning.steps()
                with storage_errors(self.tuning.storage):
                    going = self._train_a_moment(self._steps)
            except Exception as error:  # whatever happens, the page lives on and says so
                self.problem = str(error) if isinstance(
                    error, RecipeError) else f"{type(error).__name__}: {error}"
                going = False
            if not going or self.tuning.ended_here != self._trials_drawn:
                self._trials_drawn = self.tuning.ended_here
                # where the storage cannot be reached, the old chart stays
                with contextlib.suppress(RecipeError), storage_errors(self.tuning.storage):
                    self._drawn = self._draw()
            if not going:
                self._release()
                with self._changed:
                    # started again during the stop
                    going = self._wanted and self.tuning.stopped and not self.problem
                    self._enter("waiting" if going else "ended")
            return going

    def _train_a_moment(self, steps: Iterator[None]) -> bool:
        until = time.perf_counter() + TRAIN_SLICE
        while time.perf_counter() < until:
            if next(steps, self) is self:  # it yields None until it ends
                return False
            if not self._wanted:  # beginning a search forgets a stop that came just before
                self.tuning.stop()
        return True

    def _release(self) -> None:
        steps, self._steps = self._steps, None
        # a generator: closing it queues its trial again; where the storage cannot be reached,
        # other workers notice that the trial has no heartbeat
        if steps is not None:
            with contextlib.suppress(RecipeError), storage_errors(self.tuning.storage):
                steps.close()  # type: ignore[attr-defined]

    def _enter(self, phase: Phase) -> None:
        with self._changed:
            if self.phase != "closed":
                self.phase = phase
            self._changed.notify_all()
        self.engine.repaint()

    def _draw(self) -> SearchFrame:
        tuning = self.tuning
        table = tuning.table()
        pruned = sum(trial.state == "pruned" for trial in table)
        words = (f"{len(table)} of {tuning.trials} trials, {pruned} of them pruned; "
                 f"{tuning.words()}.")
        dots = [TrialDot(trial.number, trial.value, _trial_words(trial)) for trial in table]
        chart = search_svg(dots, tuning.trials,
                          WORDS[tuning.metric], tuning.metric == "val_loss", words)
        return SearchFrame(chart, words, self.phase)

    # --- painter thread ---------------------------------------------------------------------------

    def paint(self) -> bool:
        """Hand a new frame to the view, if anything changed."""
        frame, view = self.frame(), self.view
        if view is None or frame == self._painted:
            return False
        self._painted = frame
        view(frame)
        return True

    def frame(self) -> SearchFrame:
        """What there is to see now."""
        phase = self.phase
        head = {
            "idle": "Press Start. ",
            "waiting": "Waits for another panel. ",
            "running": "Searching. ",
            "ended": "Stopped. " if self.tuning.stopped else "Done. ",
            "closed": "",
        }[phase]
        return SearchFrame(self._drawn.chart, self.problem or head + self._drawn.words, phase)
