"""How many threads a run computes with, in a panel or a lesson's cell.

Two threads are faster alone, but beside one busy neighbour (a browser, a painter) a small model can
slow down ninefold, while one thread hardly notices. So both are measured on the model itself, for a
few steps on a copy.
"""

from __future__ import annotations

import bisect
import contextlib
import copy
import ctypes
import functools
import math
import statistics
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from recipe_widgets.core import Run
from recipe_widgets.core.machine import cores
from recipe_widgets.training.trainer import Training

# --- choosing a count before a run ----------------------------------------------------------------

# so many times faster must all threads be, to be worth a core that the page could use
WORTH_A_CORE = 1.05
TRIAL_ROUNDS = 3  # turns of each count, since a machine's speed drifts
TRIAL_STEPS, TRIAL_SECONDS = 10, 0.01  # of a turn, at most; but two steps at least
# A model whose step takes longer, in seconds, is measured in the run itself: nobody is to wait for
# twenty steps of seconds each. So many steps of each count; the first one may also allocate.
HEAVY_STEP, STEPS_OF_A_COUNT = 0.03, 3
PROBE_SAMPLES, PROBES = 8, 2  # whose time tells whether a model is heavy
# knobs that a step's time depends on: another value is measured anew
KNOBS_THAT_COST = ("model", "width", "depth", "activation", "norm", "optimizer", "augment", "ema",
                   "batch_size", "precision", "device")

SOFT_PAUSE = 1  # omp_pause_soft of OpenMP 5: helper threads end, settings are kept

# --- noticing a busy neighbour during a run -------------------------------------------------------

WATCHED_SECONDS, FEWEST_STEPS = 0.3, 3  # the newest steps that are looked at
SLOWER_BY = 1.6  # times the measured seconds per step, at the median: a neighbour has turned up
# Mostly a neighbour takes the core away for a moment: few steps wait, and these for long, while
# half of them notice nothing.
STALLED_BY, STALLED_SHARE = 3.0, 0.05  # times the measured seconds per step, share of the steps


def set_threads(count: int, default: int) -> None:
    """Let the calling thread compute with `count` threads, and nobody else.

    PyTorch keeps the count per thread, but hands the newest one to threads that are started later.
    A passing thread puts that `default` back.
    """
    if count != torch.get_num_threads():
        torch.set_num_threads(count)
        passing = threading.Thread(target=torch.set_num_threads, args=(default, ),
                                   name="recipe-passing")
        passing.start()
        passing.join()


@functools.cache
def _openmp() -> ctypes.CDLL | None:
    """The OpenMP runtime that PyTorch computes with, where it can be found and is new enough
    (OpenMP 5).
    """
    for path in sorted((Path(torch.__file__).parent / "lib").glob("lib*omp*")):
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(path))
            library.omp_pause_resource_all.argtypes = [ctypes.c_int]
            return library
    return None


def rest_openmp() -> None:
    """Let the calling thread's idle OpenMP helpers end; its next large operation starts new ones.

    Each thread that computes has helpers of its own. As soon as there are more of them than cores,
    the runtime puts all to sleep between operations, and a trainer thread beside a main thread that
    has computed before is up to 2.5 times slower, although the main thread does nothing.
    """
    library = _openmp()
    if library is not None:
        library.omp_pause_resource_all(SOFT_PAUSE)


def choose_threads(training: Training, available: int) -> tuple[int, float]:
    """1 or `available`, whichever serves this model now, and its seconds per step.

    Measured on a copy, so that the run itself is not touched, and in turns, since a machine's speed
    drifts.
    """
    if available == 1 or training.device.type != "cpu":
        return available, math.inf
    trial = Training(copy.deepcopy(training.model), training.data, training.settings)
    trial.step()  # the first one also allocates
    times: dict[int, list[float]] = {1: [], available: []}
    for _ in range(TRIAL_ROUNDS):
        for count, found in times.items():
            set_threads(count, available)
            trial.step()
            found += _seconds_of_steps(trial)
    usual = {count: statistics.median(found) for count, found in times.items()}
    best = available if usual[available] * WORTH_A_CORE < usual[1] else 1
    return best, usual[best]


def _seconds_of_steps(training: Training) -> list[float]:
    times: list[float] = []
    while len(times) < 2 or (len(times) < TRIAL_STEPS and sum(times) < TRIAL_SECONDS):
        start = time.perf_counter()
        training.step()
        times.append(time.perf_counter() - start)
    return times


def step_estimate(training: Training) -> float:
    """Seconds that a step may take, by a pass there and back of a few samples on a copy."""
    model = copy.deepcopy(training.model).train()
    few = min(PROBE_SAMPLES, training.split.size, training.settings.batch_size)
    x, y = training.split.batch(torch.arange(few, device=training.split.x.device))
    times = []
    for _ in range(1 + PROBES):  # the first one also allocates
        start = time.perf_counter()
        output = model(x.to(training.device)).float()
        torch.nn.functional.cross_entropy(output, y.to(training.device)).backward()
        times.append(time.perf_counter() - start)
    return min(times[1:]) * training.settings.batch_size / few


@dataclass
class RunTrial:
    """Counts of threads that a heavy run tries in its first steps.

    Attributes:
        key: of the kind of model. seconds: per step, by count.
    """

    key: tuple[Any, ...]
    seconds: dict[int, list[float]]


class ThreadCount:
    """How many threads the runs of one session compute with, and whether a neighbour has turned
    up meanwhile.

    Attributes:
        available: the most that a run may compute with.
        estimate: seconds of a step of the newest run, roughly; 0 where it is not known.
    """

    def __init__(self) -> None:
        self.default = torch.get_num_threads()  # of threads that nobody has told a count
        # in a container with a quota PyTorch counts the whole machine's cores
        self.available = min(self.default, cores())
        self._usual = math.inf  # seconds per step, as measured before the run
        self._durations: deque[float] = deque()  # seconds of the newest steps
        self._lasted = 0.0  # seconds of these together
        self._choices: dict[tuple[Any, ...], tuple[int, float]] = {}
        self._estimates: dict[tuple[Any, ...], float] = {}  # seconds of a step
        self._trial: RunTrial | None = None  # that goes on
        self.estimate = 0.0

    @property
    def heavy(self) -> bool:
        """Whether a step takes so long that it may be left in its middle."""
        return self.estimate > HEAVY_STEP

    def set(self, count: int) -> None:
        """Let the calling thread compute with so many."""
        set_threads(count, self.default)

    def apply(self, run: Run | None) -> None:
        """Let the calling thread compute as this run does by its record; None: with all."""
        self.set(run.threads[-1][1] if run is not None and run.threads else self.available)

    def choose(self, training: Training, run: Run, source: str) -> None:
        """Note in the run which count serves it, measured once per kind of model."""
        key = (*(getattr(training.settings, name) for name in KNOBS_THAT_COST), source)
        self.forget()
        if key not in self._estimates:
            self._estimates[key] = step_estimate(training)
        self.estimate = self._estimates[key]
        several = self.available > 1 and training.device.type == "cpu"
        if self.heavy and several:
            self.try_in_run(run, key)
            return
        if key not in self._choices:
            self._choices[key] = choose_threads(training, self.available)
        threads, self._usual = self._choices[key]
        run.threads[:] = [(0, threads)]

    def try_in_run(self, run: Run, key: tuple[Any, ...]) -> None:
        """Let a run's first steps tell which count serves it, once per kind of model (`key`);
        `note` hears of them.
        """
        threads, self._usual = self._choices.get(key, (self.available, math.inf))
        run.threads[:] = [(0, threads)]
        unknown = key not in self._choices and self.available > 1
        self._trial = RunTrial(key, {self.available: [], 1: []}) if unknown else None

    def forget(self) -> None:
        """A run of which no time is known."""
        self._usual, self._trial, self.estimate = math.inf, None, 0.0

    def turned(self, knobs: Iterable[str]) -> None:
        """Some knobs cost time: how much is not known."""
        if not set(KNOBS_THAT_COST).isdisjoint(knobs):
            estimate = self.estimate
            self.forget()
            self.estimate = estimate

    def begin(self) -> None:
        """Other steps than before follow."""
        self._durations.clear()
        self._lasted = 0.0

    def note(self, seconds: float, runs: Sequence[Run] = ()) -> None:
        """Tell how long a step took. runs: whose step it was."""
        if self._trial is not None and runs:
            self._try_next(self._trial, seconds / len(runs), runs)
        self._durations.append(seconds)
        self._lasted += seconds
        while (len(self._durations) > FEWEST_STEPS
               and self._lasted - self._durations[0] > WATCHED_SECONDS):
            self._lasted -= self._durations.popleft()

    def _try_next(self, trial: RunTrial, seconds: float, runs: Sequence[Run]) -> None:
        """A heavy run tries the next count, and at last stays with the better one."""
        count = runs[-1].threads[-1][1]
        trial.seconds[count].append(seconds)
        times = trial.seconds[count]
        if len(times) < STEPS_OF_A_COUNT or sum(times) < TRIAL_SECONDS:
            return
        if not trial.seconds[1]:
            chosen = 1
        else:
            usual = {one: statistics.median(found[1:]) for one, found in trial.seconds.items()}
            chosen = self.available if usual[self.available] * WORTH_A_CORE < usual[1] else 1
            self._choices[trial.key] = chosen, usual[chosen]
            self._usual, self._trial = usual[chosen], None
        for run in runs:
            run.threads.append((run.steps_done, chosen))
        self.set(chosen)

    def mind_neighbours(self, runs: list[Run]) -> None:
        """Fall back to one thread when something else keeps a core busy; the runs note from
        which step on.
        """
        durations = sorted(self._durations)  # seconds
        if len(durations) < FEWEST_STEPS or self._lasted < WATCHED_SECONDS:
            return  # too few to tell
        if not runs[-1].threads or runs[-1].threads[-1][1] == 1:
            return  # nothing to fall back from
        usual = self._usual * len(runs)  # the branches of a fork train in turns
        stalled = len(durations) - bisect.bisect(durations, STALLED_BY * usual)
        eval_every = runs[-1].settings.eval_every
        evaluations = 1 / eval_every if eval_every else 0  # share of steps that take long anyway
        most = max(FEWEST_STEPS - 1, (STALLED_SHARE + evaluations) * len(durations))
        if stalled > most or statistics.median(durations) > SLOWER_BY * usual:
            for run in runs:
                run.threads.append((run.steps_done, 1))
            self._choices.clear()  # measure anew before the next run
