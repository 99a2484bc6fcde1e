"""A live session: settings go in from any thread, a training run answers, a view is painted."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch

from recipe_widgets.data import Data
from recipe_widgets.live.engine import ENGINE, Engine
from recipe_widgets.live.pace import Pace
from recipe_widgets.live.threads import choose_threads, rest_openmp, set_threads
from recipe_widgets.live.words import progress_words, score_words, settings_words
from recipe_widgets.models import build_model
from recipe_widgets.plots import curves_svg
from recipe_widgets.records import RecipeError, Run, Settings, Step
from recipe_widgets.training import Training, advance, describe_device, end_with_best, evaluate, pick_device

Phase = Literal["idle", "waiting", "running", "paused", "ended", "closed"]
SLICE = 0.02  # seconds of training between looks at the queue
GHOST_STEPS = 20  # a run shorter than that leaves no ghost: nobody has seen it
LOOK_SAMPLES = 500  # validation samples per look: the curve costs about 1 % of the training then
REPLACED = "replaced by a run with other settings"
WINDOW = 31  # steps whose median time is watched
SLOWER = 1.6  # times the measured time per step: a busy neighbour has turned up


@dataclass(frozen=True)
class Frame:
    """All that a view shows; made by the painter."""

    curves: str
    words: str
    status: str
    phase: Phase


@dataclass(frozen=True)
class Order:
    """What a reader asked for last. Later orders replace earlier ones that nobody has read yet."""

    do: Literal["restart", "resume", "pause", "stop", "reset"]
    settings: Settings


def live_settings(settings: Settings) -> Settings:
    """Looks at the validation set made cheap and frequent enough for a moving curve, where the reader set none."""
    if settings.eval_every or settings.eval_samples:
        return settings
    every = min(max(400 * 64 // settings.batch_size, 10), 500)
    return settings.replace(eval_every=every, eval_samples=LOOK_SAMPLES)


class Session:
    """One stream of runs on one data set.

    Any thread may call `order`, `wait`, `close` and read `run`, `ghost`, `phase`; they only store or look. Training
    happens on the engine's trainer thread, painting on its painter thread.
    """

    def __init__(self, data: Data, settings: Settings, view: Callable[[Frame], None] | None = None,
                 engine: Engine = ENGINE) -> None:
        self.data, self.first_settings, self.view, self.engine = data, settings, view, engine
        self.settings = settings  # the newest a reader asked for
        self.run: Run | None = None
        self.ghost: Run | None = None
        self.phase: Phase = "idle"
        self.problem = ""
        self._news = threading.Condition()
        self._order: Order | None = None
        self._training: Training | None = None
        self._crank: Iterator[Step] = iter(())
        self._pace, self._usual = Pace(), math.inf
        self._durations: deque[float] = deque(maxlen=WINDOW)  # seconds of the newest steps
        self._many = torch.get_num_threads()
        self._choices: dict[tuple[Any, ...], tuple[int, float]] = {}
        self._turning = threading.RLock()
        self._painted: tuple[Any, ...] = ()
        engine.open(self)

    # --- any thread -------------------------------------------------------------------------------------------------

    def order(self, do: Literal["restart", "resume", "pause", "stop", "reset"], settings: Settings | None = None) -> None:
        """Ask for something. Returns at once; the newest order wins."""
        rest_openmp()
        with self._news:
            if self.phase == "closed":
                return
            self.settings = settings or (self.first_settings if do == "reset" else self.settings)
            if do == "pause" and self._order is not None and self._order.do == "restart":
                return  # the run that was asked for has not begun: nothing to pause
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
        self.problem = ""
        if order.do == "restart":
            self._begin(order.settings)
        elif order.do == "resume" and self.run is not None and self.run.status == "running":
            self._enter("running")
            self._pace.start(self.run.steps_done)
        elif order.do == "resume":
            self._begin(order.settings)
        elif order.do == "pause" and self.run is not None and self.run.status == "running":
            self._enter("paused")
        else:
            self._release("stopped by hand")
            if order.do == "reset":
                self.run = self.ghost = None
            self._enter("ended" if self.run is not None else "idle")

    def _begin(self, wanted: Settings) -> None:
        """A new run from the same seed; the one before stays as a ghost, if there was something to see."""
        self._release(REPLACED)
        settings = live_settings(wanted)
        model = build_model(settings, self.data.shape, self.data.num_classes)
        training = Training(model, self.data, settings)
        threads, self._usual = self._threads_for(training)
        set_threads(threads, self._many)
        if self.run is not None and self.run.steps_done >= self._worth_keeping():
            self.ghost = self.run
        run = training.new_run()
        self._training, self._crank, self.run = training, advance(training, run), run
        self._pace.start(0)
        self._durations.clear()
        self._enter("running")

    def _worth_keeping(self) -> int:
        """Steps from which on the run before replaces the ghost: stubs that a moving slider leaves do not."""
        whole = self.run is not None and self.run.message != REPLACED
        return 2 if whole else max(GHOST_STEPS, (self.ghost.steps_done if self.ghost else 0) // 2)

    def _threads_for(self, training: Training) -> tuple[int, float]:
        s = training.settings
        key = (s.model, s.width, s.depth, s.norm, s.batch_size, s.device)
        if key not in self._choices:
            self._choices[key] = choose_threads(training, self._many)
        return self._choices[key]

    def _train_a_moment(self) -> bool:
        if self.phase != "running" or self.run is None:
            return False
        before = time.perf_counter()
        until = before + SLICE
        while self._order is None and self.phase == "running":
            if next(self._crank, None) is None or self.run.status != "running":
                self._finish()
                return False
            now = time.perf_counter()
            self._durations.append(now - before)
            before = now
            if now > until:
                self._mind_the_neighbours()
                break
        return self.phase == "running"

    def _mind_the_neighbours(self) -> None:
        """Fall back to one thread when something else keeps a core busy; the run notes from which step on."""
        run = self.run
        if run is None or not self._pace.note(run.steps_done) or len(self._durations) < WINDOW:
            return
        if run.threads[-1][1] > 1 and statistics.median(self._durations) > SLOWER * self._usual:
            set_threads(1, self._many)
            run.threads.append((run.steps_done, 1))
            self._choices.clear()  # measure anew before the next run

    def _finish(self) -> None:
        """The run came to its own end: judge it on the whole validation set."""
        assert self.run is not None
        if self._training is not None:
            end_with_best(self._training, self.run)
        if self.run.status == "done" and self.run.model is not None and len(self.data.validation.y):
            self.run.message = f"On the whole validation set: {evaluate(self.run.model, self.data.validation)}."
        self._release()
        self._enter("ended")

    def _release(self, why: str = "") -> None:
        """Let go of optimiser and batches; the run and its model stay."""
        if self.run is not None and self.run.status == "running":
            self.run.status, self.run.message = "stopped", why
        self._training, self._crank = None, iter(())

    def _enter(self, phase: Phase) -> None:
        with self._news:
            if self.phase != "closed":
                self.phase = phase if self._order is None or phase == "running" else "waiting"
            self._news.notify_all()
        self.engine.repaint()

    # --- painter thread ---------------------------------------------------------------------------------------------

    def paint(self) -> bool:
        """Hand a new frame to the view, if anything changed since the last one."""
        view, run = self.view, self.run
        now = (id(run), run.steps_done if run else 0, self.phase, self.settings, self.problem, self.waiting_for)
        if view is None or now == self._painted:
            return False
        self._painted = now
        try:
            view(self.frame())
        except Exception as error:  # a page that went away must not end the painter, nor the training
            self.problem = f"Could not draw: {error!r}"
        return True

    def frame(self) -> Frame:
        """What there is to see now."""
        return Frame(curves_svg(self.run, self.ghost), self.words(), self.device_words(), self.phase)

    @property
    def waiting_for(self) -> int:
        """How many other panels compute first."""
        return self.engine.ahead_of(self) if self.phase == "waiting" else 0

    def words(self) -> str:
        """The plain-words line."""
        run, phase = self.run, self.phase
        if self.problem:
            return self.problem
        if self.waiting_for:
            return f"Waits for another panel to finish training. Then: {settings_words(self.settings)}."
        if run is None:
            return f"Press Run, or move a slider. Set: {settings_words(self.settings)}."
        head = {"running": "Training", "paused": "Paused", "waiting": "Starting"}.get(phase, run.status.capitalize())
        state = f"{head} with {settings_words(run.settings)}."
        if run.status == "diverged":
            return f"{state} {run.message}"
        speed = self._pace.steps_per_second if phase == "running" else 0.0
        progress = progress_words(run, len(self.data.train.y), speed)
        return " ".join(part for part in (state, progress + ".", score_words(run), run.message) if part)

    def device_words(self) -> str:
        device = pick_device(self.settings.device)
        if device.type == "cpu" and self.run is not None and self.run.threads:
            count = self.run.threads[-1][1]
            return f"CPU, {count} of {torch.get_num_threads()} threads train"
        return describe_device(device)
