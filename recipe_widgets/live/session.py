"""A live session: settings go in from any thread, a training run answers, a view is painted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from recipe_widgets.live.band import Band, compare_seeds
from recipe_widgets.live.engine import ENGINE, Engine
from recipe_widgets.live.frame import Frame, Phase
from recipe_widgets.live.guess import Guess
from recipe_widgets.live.kept import GHOST_STEPS, LEFT, REPLACED, Kept
from recipe_widgets.live.lanes import DataLane, DataSource, Lane, Source, as_source, live_settings
from recipe_widgets.live.pace import Pace
from recipe_widgets.live.speaking import Speaking
from recipe_widgets.live.threads import Threads, rest_openmp
from recipe_widgets.records import RecipeError, Run, Settings, Tree
from recipe_widgets.records.files import write_whole

Do = Literal["restart", "continue", "fork", "resume", "pause", "stop", "reset", "seeds"]
SLICE = 0.02  # seconds of training between looks at the queue


@dataclass(frozen=True)
class Order:
    """What a reader asked for last. Later orders replace earlier ones that nobody has read yet."""

    do: Do
    settings: Settings


class Session(Speaking):
    """One stream of runs from one source.

    Any thread may call `order`, `wait`, `close`, `pin`, `remove` and read `run`, `other`, `ghost`, `tree`, `phase`; they
    only store or look. Training happens on the engine's trainer thread, painting on its painter thread.

    Attributes:
        run: the newest run. other: the branch with the old settings beside it, after a fork. ghost: the run before.
        band: the newest comparison over seeds. tree: all runs that are kept.
    """

    def __init__(self, source: Any, settings: Settings, view: Callable[[Frame], None] | None = None,
                 engine: Engine = ENGINE) -> None:
        self.source: Source = as_source(source)
        self.first_settings, self.view, self.engine = settings, view, engine
        self.settings = settings  # the newest a reader asked for
        self.kept = Kept()
        self.phase: Phase = "idle"
        self.problem = self.note = ""
        self.band: Band | None = None
        self.guess: Guess | None = None
        self._lanes: list[Lane] = []
        self._seeds: Iterator[tuple[float, Band]] | None = None
        self._seeds_done = 0.0
        self._news = threading.Condition()
        self._order: Order | None = None
        self.pace, self.threads = Pace(), Threads()
        self._turning = threading.RLock()
        self._painted: tuple[Any, ...] = ()
        engine.open(self)

    @property
    def run(self) -> Run | None:
        return self._lanes[-1].run if self._lanes else None

    @property
    def other(self) -> Run | None:
        return self._lanes[0].run if len(self._lanes) > 1 else None

    @property
    def ghost(self) -> Run | None:
        return self.kept.ghost

    @property
    def tree(self) -> Tree:
        return self.kept.tree

    # --- any thread -------------------------------------------------------------------------------------------------

    def order(self, do: Do, settings: Settings | None = None) -> None:
        """Ask for something. Returns at once; the newest order wins."""
        rest_openmp()
        with self._news:
            if self.phase == "closed":
                return
            self.settings = settings or (self.first_settings if do == "reset" else self.settings)
            if do == "pause" and self._order is not None and self._order.do not in ("pause", "stop", "reset"):
                return  # what was asked for has not begun: nothing to pause
            self._order = Order(do, self.settings)
            if self.phase != "running":
                self.phase = "waiting"
        self.engine.want(self)
        self.engine.repaint()

    def wait(self, timeout: float | None = None) -> Run | None:
        """Block until the run has ended or pauses, `timeout` seconds at most, and return it."""
        with self._news:
            self._news.wait_for(lambda: self._order is None and self.phase not in ("waiting", "running"), timeout)
        return self.run

    def close(self, wait: bool = True) -> None:
        """Stop for good. With `wait` no thread works for this session when it returns."""
        with self._news:
            if self.phase == "closed":
                return
            self.phase, self.view = "closed", None
            self._news.notify_all()
        self.engine.close(self, wait)
        if wait:
            with self._turning:
                self._release("the panel was closed")

    def pin(self, number: int, name: str = "", pinned: bool = True) -> None:
        """Keep a run and show it beside the newer ones (or no longer); a name replaces the one it has.

        Raises:
            RecipeError: there is no such run.
        """
        branch = self.tree[number]
        branch.pinned, branch.name = pinned, name or branch.name
        self._painted = ()
        self.engine.repaint()

    def switch(self, source: Any) -> None:
        """Let the next run come from another source: another data set."""
        self.source = as_source(source)

    def take_up(self, tree: Tree) -> None:
        """Show the runs of a sitting that was saved, the newest as the ghost. Only for a session that has none yet."""
        self.kept = Kept(tree)
        self._painted = ()
        self.engine.repaint()

    def save(self, file: str | Path) -> Path:
        """Write all runs that are kept, how they came from one another, and their numbers, as JSON.

        Raises:
            RecipeError: the file cannot be written; one that was there is untouched then.
        """
        path = Path(file)
        try:
            write_whole(path, self.tree.to_json(self.source.name, self.data.sha256 if self.data is not None else ""))
        except OSError as error:
            raise RecipeError("File of the session", found=f"{path} ({error.strerror})",
                              expected="a file that can be written") from None
        return path

    def remove(self, number: int) -> None:
        """Forget a run that is over.

        Raises:
            RecipeError: there is no such run, or it is one of the newest.
        """
        self.kept.remove(number, [lane.run for lane in self._lanes])
        self._painted = ()
        self.engine.repaint()

    @property
    def ordered(self) -> bool:
        return self._order is not None

    @property
    def light(self) -> bool:
        order = self._order
        return order is not None and order.do in ("pause", "stop", "reset")

    # --- trainer thread ---------------------------------------------------------------------------------------------

    def turn(self) -> bool:
        """Obey the newest order, then train for a moment."""
        with self._turning:
            try:
                with self._news:
                    order, self._order = self._order, None
                if order is not None and self.phase != "closed":
                    self._obey(order)
                return self._train_a_moment()
            except Exception as error:  # whatever a model does, the panel lives on and says so
                text = str(error) if isinstance(error, RecipeError) else f"{type(error).__name__}: {error}"
                self.problem = f"Training could not go on. {text}"
                self._release(self.problem)
                self._enter("ended")
                return False

    def _obey(self, order: Order) -> None:
        self.problem = self.note = ""
        going = self.run is not None and self.run.status == "running"
        if order.do in ("restart", "continue", "fork"):
            self._move(order)
        elif order.do == "seeds":
            self._compare(order.settings)
        elif order.do == "resume" and (going or self._seeds is not None):
            self._go_on()
        elif order.do == "resume":
            self._begin(order.settings)
        elif order.do == "pause" and (going or self._seeds is not None):
            self._enter("paused")
        else:
            self._release("Stopped by hand.")
            if order.do == "reset":
                self._lanes, self.kept, self.band = [], Kept(), None
            self._enter("ended" if self._lanes else "idle")

    def _move(self, order: Order) -> None:
        """A knob was turned: begin anew, go on with it, or let both go on; what cannot be done begins anew and says why."""
        lane = self._lanes[-1] if self._lanes else None
        why = "" if lane is None or order.do == "restart" else lane.why_not(order.settings)
        if order.do == "fork" and not why and lane is not None:
            why = "" if self.source.forks else "your own training cannot be copied"
            why = why or ("" if lane.run.status == "running" else "that run is over")
        if lane is None or order.do == "restart" or why:
            self._begin(order.settings)
            self.note = f"A new run, since {why}." if why else ""
        elif order.do == "continue":
            lane.turn(order.settings)
            self._go_on()
        else:
            self._fork(lane, order.settings)

    def _go_on(self) -> None:
        self._enter("running")
        self.pace.start(self.run.steps_done if self.run else 0)

    def _begin(self, wanted: Settings) -> None:
        """A new run from the same seed; the ones before stay as ghosts, if there was something to see."""
        self._release(REPLACED)
        lane = self.source.begin(wanted)
        self.kept.retire(lane.run for lane in self._lanes)
        if isinstance(lane, DataLane) and lane.training is not None:
            self.threads.choose(lane.training, lane.run, self.source.name)
        else:
            self.threads.forget()
        self._lanes = [lane]
        self.tree.add(lane.run)
        self.threads.begin()
        self.pace.start(0)
        self._enter("running")

    def _fork(self, lane: Lane, wanted: Settings) -> None:
        """The old settings go on beside the new ones. A fork just made, of which nobody has seen much, is made anew."""
        if len(self._lanes) > 1:
            old, young = self._lanes
            made = self.tree.of(young.run)
            fresh = made is not None and young.run.steps_done - made.at_step < GHOST_STEPS
            gone, lane = (young, old) if fresh else (old, young)
            self._end(gone, LEFT)
            self.kept.retire([gone.run])
        branch = lane.fork()
        branch.turn(wanted)
        self.tree.add(branch.run, lane.run, lane.run.steps_done)
        self._lanes = [lane, branch]
        self.threads.begin()
        self._go_on()

    def _compare(self, wanted: Settings) -> None:
        """Train these settings and those of the run beside or before, from the same seeds."""
        old = self.other or self.ghost
        if not isinstance(self.source, DataSource) or old is None or not wanted - old.newest:
            self.note = "Turn a knob first: two settings that differ are needed to compare."
            if not isinstance(self.source, DataSource):
                self.note = "Your own training cannot be begun from other seeds by the panel."
            self._enter("ended" if self._lanes else "idle")
            return
        self._release("Stopped to compare seeds.")
        steps = max(run.steps_done for run in (self.run, old) if run is not None)
        self._seeds = compare_seeds(self.source.data, old.newest, wanted, max(steps, GHOST_STEPS))
        self._seeds_done = 0.0
        self.threads.all()
        self._enter("running")

    def _train_a_moment(self) -> bool:
        if self.phase != "running":
            return False
        before = time.perf_counter()
        until = before + SLICE
        while self._order is None and self.phase == "running":
            if not self._step():
                self._finish()
                return False
            now = time.perf_counter()
            self.threads.note(now - before)
            before = now
            if now > until:
                if self._seeds is None and self.run is not None and self.pace.note(self.run.steps_done):
                    self.threads.mind_neighbours([lane.run for lane in self._lanes])
                break
        return self.phase == "running"

    def _step(self) -> bool:
        """One step of everything that goes on; False when nothing does."""
        if self._seeds is not None:
            self._seeds_done, self.band = next(self._seeds, (1.0, self.band))
            return self._seeds_done < 1.0
        going = [lane for lane in self._lanes if lane.run.status == "running"]
        for lane in going:
            lane.step()
        return any(lane.run.status == "running" for lane in going)

    def _finish(self) -> None:
        """All came to their own end: judge them on the whole validation set."""
        if self._seeds is None:
            for lane in self._lanes:
                lane.finish()
        self._seeds = None
        self._enter("ended")

    def _end(self, lane: Lane, why: str) -> None:
        if lane.run.status == "running":
            lane.run.status, lane.run.message = "stopped", why
        lane.release()

    def _release(self, why: str = "") -> None:
        """Let go of optimisers and batches; runs and models stay."""
        for lane in self._lanes:
            self._end(lane, why)
        self._seeds = None

    def _enter(self, phase: Phase) -> None:
        with self._news:
            if self.phase != "closed":
                self.phase = phase if self._order is None or phase == "running" else "waiting"
            self._news.notify_all()
        self.engine.repaint()

    # --- painter thread ---------------------------------------------------------------------------------------------

    def paint(self) -> bool:
        """Hand a new frame to the view, if anything changed since the last one."""
        view = self.view
        state = [(id(lane.run), lane.run.steps_done, lane.run.status) for lane in self._lanes]
        now = (state, self.phase, self.settings, self.problem, self.note, self.waiting_for, self._seeds_done, self.guess)
        if view is None or now == self._painted:
            return False
        self._painted = now
        try:
            view(self.frame())
        except Exception as error:  # a page that went away must not end the painter, nor the training
            self.problem = f"Could not draw: {error!r}"
        return True

    @property
    def waiting_for(self) -> int:
        """How many other panels compute first."""
        return self.engine.ahead_of(self) if self.phase == "waiting" else 0

    @property
    def comparing(self) -> float:
        """Share of a comparison over seeds that is done; 1 when none goes on."""
        return self._seeds_done if self._seeds is not None else 1.0

    @property
    def data(self) -> Any:
        """The `Data` of the runs, where they have one."""
        return getattr(self.source, "data", None)


__all__ = ["Frame", "Session", "live_settings"]
