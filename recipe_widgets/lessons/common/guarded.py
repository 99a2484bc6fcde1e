"""`train` and `train_many` as lessons call them: with a bar that tells the time left, and on as many
threads as serve now. Beside busy neighbours, as on a classroom's server, two threads may take ten
times as long as one.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from recipe_widgets import training
from recipe_widgets.core import Run, Settings
from recipe_widgets.data import Data
from recipe_widgets.training.thread_count import KNOBS_THAT_COST, ThreadCount

SHOWN_AFTER = 2.0  # seconds: a shorter training needs no bar
LOOK_EVERY = 0.3  # seconds between two looks for a busy neighbour


@functools.cache
def _counts() -> ThreadCount:
    """What is known of the kinds of runs of this process."""
    return ThreadCount()


@contextmanager
def guarded(settings: Settings, label: str, seeds: int = 1) -> Iterator[Callable[[], None]]:
    """Within it a training of `settings.max_steps` steps is under guard; it calls what it is given
    after each of them. Threads are as before at its end.
    """
    counts, run = _counts(), Run(settings)
    known = tuple(getattr(settings, name) for name in KNOBS_THAT_COST)
    counts.try_in_run(run, (*known, label, seeds))
    counts.begin()
    counts.apply(run)
    bar = tqdm(total=settings.max_steps, desc=label, unit="step", leave=False, delay=SHOWN_AFTER)
    last = looked = time.perf_counter()

    def after_a_step() -> None:
        nonlocal last, looked
        now = time.perf_counter()
        counts.note(now - last, [run])
        last = now
        if now - looked > LOOK_EVERY:
            looked = now
            counts.mind_neighbours([run])
            counts.apply(run)
        bar.update()

    try:
        yield after_a_step
    finally:
        bar.close()
        counts.set(counts.default)


def train(data: Data, settings: Settings, model: Any = None, *,
          until: Callable[[Any], bool] | None = None, **options: Any) -> Run:
    """As `recipe_widgets.train`, under guard."""
    with guarded(settings, data.name) as after_a_step:
        return training.train(data, settings, model, until=_and_then(after_a_step, until), **options)


def train_many(data: Data, settings: Settings, seeds: Sequence[int], *,
               until: Callable[[Any], bool] | None = None, **options: Any) -> list[Run]:
    """As `recipe_widgets.training.train_many`, under guard."""
    with guarded(settings, data.name, len(seeds)) as after_a_step:
        return training.train_many(data, settings, seeds, until=_and_then(after_a_step, until), **options)


def _and_then(first: Callable[[], None], until: Callable[[Any], bool] | None) -> Callable[[Any], bool]:
    def both(step: Any) -> bool:
        first()
        return until is not None and until(step)

    return both
