"""What a live session computes on the trainer thread: a moment of training, the way back in
time, the end of a run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from recipe_widgets.core import Entry, RecipeError, Run, RunBook, Settings
from recipe_widgets.live.active_run import ActiveRun, ModelRun, RunSource, as_source
from recipe_widgets.live.command import Command
from recipe_widgets.live.diagnosis import Diagnosis
from recipe_widgets.live.engine import ENGINE, Engine
from recipe_widgets.live.frame import Frame, Phase
from recipe_widgets.live.guess import Guess
from recipe_widgets.live.inspector import Inspector
from recipe_widgets.live.run_history import LEFT, REPLACED, RunHistory
from recipe_widgets.live.seed_band import SeedBand
from recipe_widgets.live.speaking import Speaking
from recipe_widgets.live.step_rate import StepRate
from recipe_widgets.live.thread_count import ThreadCount
from recipe_widgets.live.time_travel import TimeTravel

BY_HAND = "Stopped by hand."
SLICE = 0.02  # seconds of training between looks at the queue


class Computing(Speaking):
    """The state of a session, and the part of it that computes. Only the trainer thread calls
    what begins with `_`.
    """

    def __init__(self, source: Any, settings: Settings, view: Callable[[Frame], None] | None = None,
                 engine: Engine = ENGINE) -> None:
        self.source: RunSource = as_source(source)
        self.first_settings, self.view, self.engine = settings, view, engine
        self.settings = settings  # the newest a reader asked for
        self.run_history = RunHistory()
        self.phase: Phase = "idle"
        self.problem = self.note = ""
        self.band: SeedBand | None = None
        self.guess: Guess | None = None
        self._lanes: list[ActiveRun] = []
        self._seeds: Iterator[tuple[float, SeedBand]] | None = None
        self._seeds_done = 0.0
        self._news = threading.Condition()
        self._order: Command | None = None
        self.pace, self.threads, self.diagnosis = StepRate(), ThreadCount(), Diagnosis()
        self.inspector, self.time_travel = Inspector(), TimeTravel()
        self.visiting: int | None = None  # the past step that was asked for last
        self.book: RunBook | None = None
        self.expected = ""  # of the next run, as the reader wrote it
        self._turning = threading.RLock()
        self._painted: tuple[Any, ...] = ()

    def _train_a_moment(self) -> bool:
        if self.phase != "running":
            return False
        before = time.perf_counter()
        until = before + SLICE
        while self._order is None and self.phase == "running":
            if not self._step():
                self._finish()
                return self.phase == "running"
            now = time.perf_counter()
            self.threads.note(now - before)
            before = now
            if now > until:
                self._mind_the_pace()
                break
        return self.phase == "running"

    def _mind_the_pace(self) -> None:
        if self._seeds is None and not self.time_travel.going and self.run is not None and self.pace.note(
                self.run.steps_done):
            self.threads.mind_neighbours([lane.run for lane in self._lanes])

    def _step(self) -> bool:
        """One step of everything that goes on; False when nothing does."""
        if self._seeds is not None:
            self._seeds_done, self.band = next(self._seeds, (1.0, self.band))
            return self._seeds_done < 1.0
        if self.time_travel.going:
            return self.time_travel.move()
        more = False
        for lane in self._lanes:
            if lane.run.status == "running":
                lane.step()
                more = more or lane.run.status == "running"
        return more

    def _finish(self) -> None:
        """All came to their own end: judge them on the whole validation set."""
        if self.time_travel.goal is not None:  # arrived at a past moment
            self.inspector.again()
            if self.time_travel.rewind_with is not None:
                self._leave(self.time_travel.rewind_with)
                return
            self._look_inside()
            self._enter(self._at_rest())
            return
        if self._seeds is None:
            for lane in self._lanes:
                lane.finish()
                self._write_down(lane.run)
        self._seeds = None
        self.inspector.again()
        self._look_inside()
        self._enter("ended")

    def _leave(self, wanted: Settings) -> bool:
        """A new run goes on from the moment that is looked at, with these settings; False where
        there is none.
        """
        made = self.time_travel.lane()
        if made is None:
            return False
        lane, left = made
        at_step, why = lane.run.steps_done, lane.why_not(wanted)
        if why:
            self.note = f"It goes on with the settings of then, since {why}."
        else:
            lane.turn(wanted)
        self._release(REPLACED)
        self.run_history.retire(one.run for one in self._lanes)
        self.threads.forget()
        self.threads.begin()
        self._lanes = [lane]
        self._add(lane.run, left, at_step)
        with self._news:
            if self._order is None:
                self.visiting = None
        self._go_on()
        return True

    def _look_inside(self) -> None:
        """Renew the open tab, where it is time for that."""
        if not self._lanes or not isinstance(self._lanes[-1], ModelRun):
            return
        moment, lane = self.time_travel.moment, self._lanes[-1]
        training, run = (moment.training, moment.run) if moment is not None else (lane.training,
                                                                                  lane.run)
        if lane.training is not None:
            self.inspector.prepare(lane.training)
        if self.inspector.due and not self.time_travel.going:
            self.inspector.look(run, training)
            self.engine.repaint()

    def _add(self, run: Run, parent: Run | None = None, at_step: int = 0) -> None:
        self.tree.add(run, parent, at_step).expected = self.expected

    def _go_on(self) -> None:
        self._enter("running")
        self.pace.start(self.run.steps_done if self.run else 0)

    def _end(self, lane: ActiveRun, why: str) -> None:
        if lane.run.status == "running":
            lane.run.status, lane.run.message = "stopped", why
            if why == BY_HAND:
                self._write_down(lane.run)
        lane.release()

    def _write_down(self, run: Run) -> None:
        """A run has ended: into the ledger with it."""
        branch = self.tree.of(run)
        if branch is None or not run.steps_done or run.message == LEFT:
            return
        if self.expected == branch.expected:
            self.expected = ""
        if self.book is None:
            return
        try:
            self.book.add(Entry.of(run, branch.expected))
        except RecipeError as error:  # training goes on without it
            self.note = str(error)

    def _release(self, why: str = "") -> None:
        """Let go of optimisers and batches; runs and models stay."""
        for lane in self._lanes:
            self._end(lane, why)
        self._seeds = None

    def _at_rest(self) -> Phase:
        return "paused" if any(lane.run.status == "running"
                               for lane in self._lanes) else "ended" if self._lanes else "idle"

    def _enter(self, phase: Phase) -> None:
        with self._news:
            if self.phase != "closed":
                self.phase = phase if self._order is None or phase == "running" else "waiting"
            self._news.notify_all()
        self.engine.repaint()
