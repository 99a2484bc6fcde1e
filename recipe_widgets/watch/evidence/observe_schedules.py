"""Learning-rate schedulers: when they are stepped, and how long they are."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch

from recipe_widgets.rules.schedule import ScheduleUse
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.optimizer_record import OptimizerRecord
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.schedule_shape import shape_of
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds

# Schedules that are stepped by others, or in their own time.
_NO_PLAN = ("SWALR", "ChainedScheduler")
_NEAR = 0.02  # relative difference of two counts that are one
_FEWEST_BATCHES = 10  # of an epoch, before a multiple of it is no chance


@dataclass(eq=False)
class _Steps:
    """The calls of one scheduler's step(). rate: as it was made. before_first: calls before the
    optimiser's first step.
    """

    scheduler: weakref.ref[Any]
    rate: float
    calls: int = 0
    before_first: int = 0


class ScheduleSteps(Observer):
    """How schedulers are stepped."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self._steps: dict[int, _Steps] = {}

    def of(self, scheduler: Any) -> _Steps | None:
        known = self._steps.get(id(scheduler))
        return known if known is not None and known.scheduler() is scheduler else None

    def scheduler_made(self, scheduler: Any) -> None:
        self._steps[id(scheduler)] = _Steps(weakref.ref(scheduler), _rate(scheduler.optimizer))

    def scheduler_stepped(self, scheduler: Any, metric: Any) -> None:
        steps = self.of(scheduler)
        if steps is None:  # from its own constructor
            return
        steps.calls += 1
        record = self.records.optimizers.of(scheduler.optimizer)
        steps.before_first += record is not None and record.gradients.steps == 0


def _rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[0].get("lr", 0.0))


@builds(ScheduleUse)
def schedules(run: WatchedRun) -> Built:
    observer = run.observer(ScheduleSteps)
    total = sum(one.gradients.steps for one in run.records.optimizers)
    for one in run.records.schedulers:
        kind, optimizer = type(one.scheduler).__name__, one.optimizer()
        record = run.records.optimizers.of(optimizer) if optimizer is not None else None
        if record is None or kind in _NO_PLAN:
            continue
        steps, position = observer.of(one.scheduler), int(one.scheduler.last_epoch)
        # a step() of the script's own need not call that of its base class
        calls = (steps.calls if steps is not None else 0) or position - one.start
        shape = shape_of(one, calls, position)
        rates = record.steps.learning_rates
        first = None
        if steps is not None and steps.before_first == 1 and rates \
                and not run.records.grad_scaler.used:
            first = (steps.rate, rates[0][1])
        to_the_end = run.finished and run.records.progress.last_step is None
        yield ScheduleUse(kind, calls, record.gradients.steps, one.plan, rates, to_the_end,
                          total - record.gradients.steps, position,
                          shape.length, _unit(run, record, calls, shape.length), shape.warm_up,
                          shape.reached, shape.is_rate, first, record.gradients.backwards), one.line


def _unit(run: WatchedRun, optimizer: OptimizerRecord, calls: int, length: int) -> str:
    """In which other count of the run the length was taken, in words."""
    steps, backwards = optimizer.gradients.steps, optimizer.gradients.backwards
    if length <= calls or not steps:
        return ""
    loaders = [one for one in run.records.loaders.records if one.trained]
    main = max(loaders, key=lambda one: one.trained, default=None)
    batches = main.batches if main is not None else 0
    epochs = backwards / batches if batches else 0.0
    if 2 * calls <= steps:  # once per epoch, or so
        if batches and length == batches:
            return "an epoch has batches"
        if _near(length, steps) or _near(length, backwards):
            return "the run has batches"
        whole = batches >= _FEWEST_BATCHES and length % batches == 0
        return "some epochs have batches" if whole and length // batches <= 1.5 * epochs + 2 else ""
    if _near(calls, steps) and backwards >= 1.9 * steps and _near(length, backwards):
        return "the run has batches, of which each step adds up several"
    samples = sum(len(hashes) for _, hashes in run.records.samples.train_hashes)
    return "the run has samples" if _near(length, samples) and samples > 3 * steps else ""


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= _NEAR * max(one, other)
