"""How many threads a live run computes with.

Two threads are faster alone, but beside one busy neighbour (a browser, a painter) a small model can slow down ninefold,
while one thread hardly notices. So both are measured on the model itself, for a few steps on a copy.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import functools
import math
import statistics
import threading
import time
from pathlib import Path

import torch

from recipe_widgets.training import Training

GAIN = 1.05  # more threads must be at least so many times faster to be worth a core that the page could use
STEPS, BUDGET = 10, 0.015  # at most so many steps, or seconds, but at least three steps, per choice


def set_threads(count: int, default: int) -> None:
    """Let the calling thread compute with `count` threads, and nobody else.

    PyTorch keeps the count per thread, but hands the newest one to threads that are started later. A passing thread
    puts that `default` back.
    """
    if count != torch.get_num_threads():
        torch.set_num_threads(count)
        passing = threading.Thread(target=torch.set_num_threads, args=(default,), name="recipe-passing")
        passing.start()
        passing.join()


@functools.cache
def _openmp() -> ctypes.CDLL | None:
    """The OpenMP runtime that PyTorch computes with, where it can be found and is new enough (OpenMP 5)."""
    for path in sorted((Path(torch.__file__).parent / "lib").glob("lib*omp*")):
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(path))
            library.omp_pause_resource_all.argtypes = [ctypes.c_int]
            return library
    return None


def rest_openmp() -> None:
    """Let the calling thread's idle OpenMP helpers end; its next large operation starts new ones.

    Each thread that computes has helpers of its own. As soon as there are more of them than cores, the runtime puts all
    to sleep between operations, and a trainer thread beside a main thread that has computed before is up to 2.5 times
    slower, although the main thread does nothing.
    """
    library = _openmp()
    if library is not None:
        library.omp_pause_resource_all(_SOFT)


_SOFT = 1  # omp_pause_soft: settings are kept


def choose_threads(training: Training, many: int) -> tuple[int, float]:
    """1 or `many`, whichever serves this model now, and its seconds per step.

    Measured on a copy, so that the run itself is not touched.
    """
    if many == 1 or training.device.type != "cpu":
        return many, math.inf
    trial = Training(copy.deepcopy(training.model), training.data, training.settings)
    trial.step()  # the first one also allocates
    times = {}
    for count in (1, many):
        set_threads(count, many)
        trial.step()
        times[count] = _seconds_per_step(trial)
    best = many if times[many] * GAIN < times[1] else 1
    return best, times[best]


def _seconds_per_step(training: Training) -> float:
    times: list[float] = []
    while len(times) < 3 or (len(times) < STEPS and sum(times) < BUDGET):
        start = time.perf_counter()
        training.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
