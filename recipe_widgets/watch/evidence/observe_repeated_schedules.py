"""Learning rates and schedulers that begin anew again and again."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from recipe_widgets.rules.schedule import RemadeScheduler, RepeatedWarmUp
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import caller_location

_MOST_MADE = 3000
_SAME = 1e-4  # relative difference of two numbers that are one
_FALL, _FEWEST_FALLS, _ALIKE_RATES = 0.2, 2, 3  # of the rate; rates behind each fall that are the same
_SHORTEST_PERIOD, _FEWEST_MADE = 10, 3
_ANEW_ON_PURPOSE = ("Cosine", "Cyclic", "OneCycle", "Exponential", "Multiplicative", "ReduceLR",
                    "Sequential", "Chained", "SWALR", "Constant")


class SchedulersMade(Observer):
    """Attributes:
        scheduled: ids of records of optimisers that ever had a scheduler.
        made: (line, kind, id of the optimiser's record) -> (step of the optimiser, epoch) at which
            one was made.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.scheduled: set[int] = set()
        self.made: dict[tuple[Any, str, int], list[tuple[int, int]]] = {}
        self._epochs = 0

    def loader_iterated(self, loader: Any, iterator: Any) -> None:
        iterator._recipe_begun = self.progress.step

    def loader_exhausted(self, iterator: Any) -> None:
        # an epoch of training: not an evaluation, in which no step is taken
        if getattr(iterator, "_recipe_begun", self.progress.step) < self.progress.step:
            self._epochs += 1

    def scheduler_made(self, scheduler: Any) -> None:
        record = self.records.optimizers.of(scheduler.optimizer)
        if record is not None:
            self.scheduled.add(id(record))
            known = self.made.setdefault((caller_location(), type(scheduler).__name__, id(record)), [])
            if len(known) < _MOST_MADE:
                known.append((record.gradients.steps, self._epochs))


@builds(RepeatedWarmUp)
def repeated_warm_ups(run: WatchedRun) -> Built:
    scheduled = run.observer(SchedulersMade).scheduled
    for record in run.records.optimizers:
        found = _repeated_warm_up(record.steps.learning_rates) if id(record) not in scheduled else None
        if found is not None:
            yield found, record.step_line


def _repeated_warm_up(rates: list[tuple[int, float]]) -> RepeatedWarmUp | None:
    """Falls to the first rate at one stroke, at equal distances, each with the same rise behind it."""
    falls = [i for i in range(1, len(rates)) if rates[i][1] < _FALL * rates[i - 1][1]
             and _near_rate(rates[i][1], rates[0][1])]
    if len(falls) < _FEWEST_FALLS:
        return None
    starts = [0, *falls]
    rises = [[rate for _, rate in rates[i:i + _ALIKE_RATES]] for i in starts]
    # the last one may be cut short by the end of the run
    rises = rises if len(rises[-1]) == _ALIKE_RATES else rises[:-1]
    distances = np.diff([rates[i][0] for i in starts])
    if distances.min() < _SHORTEST_PERIOD or distances.max() > distances.min() + 1:
        return None
    same = all(_near_rate(one, first) for rise in rises for one, first in zip(rise, rises[0], strict=True))
    rising = all(a < b for rise in rises for a, b in itertools.pairwise(rise))
    if not same or not rising or len(rises) < _FEWEST_FALLS:
        return None
    return RepeatedWarmUp(len(falls), int(distances[0]), rates[0][1], max(rate for _, rate in rates))


def _near_rate(one: float, other: float) -> bool:
    return abs(one - other) <= _SAME * abs(other)


@builds(RemadeScheduler)
def remade_schedulers(run: WatchedRun) -> Built:
    for record in run.records.optimizers:
        for (line, kind, owner), made in run.observer(SchedulersMade).made.items():
            steps, epochs = [step for step, _ in made], [epoch for _, epoch in made]
            if owner != id(record) or len(made) < _FEWEST_MADE or kind.startswith(_ANEW_ON_PURPOSE):
                continue
            rates = record.steps.learning_rates
            at_start = {_rate_at(rates, step) for step in steps}
            if set(np.diff(epochs).tolist()) == {1} and min(np.diff(steps)) > 0 and len(at_start) == 1:
                yield RemadeScheduler(kind, len(made), len(rates) == 1), line


def _rate_at(rates: list[tuple[int, float]], step: int) -> float:
    """Of the first step that is taken from there on."""
    return next((rate for at, rate in reversed(rates) if at <= step), 0.0)
