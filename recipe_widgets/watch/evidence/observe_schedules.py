"""Learning-rate schedulers: when they are stepped, what they are given, and how long they are."""

from __future__ import annotations

import contextlib
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from recipe_widgets.rules.plateau_metric import LOSSES, PlateauUse
from recipe_widgets.rules.schedule import ScheduleUse
from recipe_widgets.watch.evidence.loss_recognition import KINDS
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.optimizer_record import OptimizerRecord, SchedulerRecord
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

# Schedules that are stepped by others, or in their own time.
_NO_PLAN = ("SWALR", "ChainedScheduler")
_MOST_METRICS, _MOST_LOSSES = 3000, 2000
_SAME = 1e-4  # relative difference of two numbers that are one
_LONGEST_CURVE = 20_000  # calls of a LambdaLR's function that are tried
_LOOK_AHEAD, _LEAST_AHEAD = 50, 1000  # times the calls of the run; calls
_END, _FLOOR = 1e-6, 0.5  # of the peak: the schedule is over; a floor it may end at
_NEAR = 0.02  # relative difference of two counts that are one
_FEWEST_BATCHES = 10  # of an epoch, before a multiple of it is no chance


@dataclass(eq=False)
class _Steps:
    """The calls of one scheduler's step().

    Attributes:
        rate: as it was made. before_first: calls before the optimiser's first step.
        metrics, losses, kinds: of a ReduceLROnPlateau: see PlateauUse.
    """

    scheduler: weakref.ref[Any]
    rate: float
    calls: int = 0
    before_first: int = 0
    losses_seen: int = 0
    metrics: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


class ScheduleSteps(Observer):
    """lengths: number of a loader -> its batches, where it knows them."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.lengths: dict[int, int] = {}
        self._steps: dict[int, _Steps] = {}

    def torch_calls(self) -> dict[Any, CallHandler]:
        return dict.fromkeys(KINDS, self._loss_called)

    def of(self, scheduler: Any) -> _Steps | None:
        known = self._steps.get(id(scheduler))
        return known if known is not None and known.scheduler() is scheduler else None

    def loader_made(self, loader: Any) -> None:
        with contextlib.suppress(TypeError):  # an iterable data set has no length
            self.lengths[len(self.records.loaders.records)] = len(loader)

    def scheduler_made(self, scheduler: Any) -> None:
        self._steps[id(scheduler)] = _Steps(weakref.ref(scheduler), _rate(scheduler.optimizer))

    def scheduler_stepped(self, scheduler: Any, metric: Any) -> None:
        steps = self.of(scheduler)
        if steps is None:  # from its own constructor
            return
        steps.calls += 1
        record = self.records.optimizers.of(scheduler.optimizer)
        steps.before_first += record is not None and record.gradients.steps == 0
        if isinstance(scheduler, ReduceLROnPlateau) and len(steps.metrics) < _MOST_METRICS:
            self._metric_given(steps, metric)

    def _metric_given(self, steps: _Steps, metric: Any) -> None:
        value = float(metric.detach() if isinstance(metric, torch.Tensor) else metric)
        curve = [loss for _, loss, _ in self.records.losses.curve if loss == loss]
        new = curve[min(steps.losses_seen, len(curve) - 1):] if curve else []
        steps.losses_seen = len(curve)
        steps.metrics.append(value)
        steps.losses.append(float(np.mean(new)) if new else float("nan"))
        for kind, numbers in (("the accuracy", self._accuracies()),
                              (LOSSES[0], self._losses_of_evaluation()),
                              (LOSSES[1], [steps.losses[-1]] if len(new) > 1 else []),
                              (LOSSES[2], new[-1:])):
            if any(abs(value - one) <= _SAME * abs(one) for one in numbers if one):
                steps.kinds[kind] += 1
                return

    def _accuracies(self) -> list[float]:
        """What the last evaluation may call its accuracy."""
        one = self.records.evaluations.newest
        if one is None or one.step != self.progress.step:
            return []
        counted = [p for p in one.passes if p.hits is not None]
        hits, samples = sum(p.hits or 0 for p in counted), sum(p.samples for p in counted)
        shares = [(p.hits or 0) / p.samples for p in counted]
        mean = [float(np.mean(shares)), 100 * float(np.mean(shares))] if shares else []
        return [hits / samples, 100 * hits / samples, *mean] if samples else []

    def _losses_of_evaluation(self) -> list[float]:
        one = self.records.evaluations.newest
        if one is None or one.step != self.progress.step or not one.losses:
            return []
        values, counts = (np.asarray(part) for part in zip(*one.losses, strict=True))
        total = float((values * counts).sum())
        return [float(values[-1]), float(values.mean()), float(values.sum()),
                total / float(counts.sum()), total]

    def _loss_called(self, call: TorchCall) -> None:
        z = call.argument(0, "input")
        if not isinstance(z, torch.Tensor) or z.requires_grad or not z.ndim \
                or not isinstance(call.result, torch.Tensor) or call.result.numel() != 1:
            return
        phase = self.records.evaluations.newest
        if phase is not None and phase.step == self.progress.step \
                and len(phase.losses) < _MOST_LOSSES:
            options = [*call.args[2:], *call.kwargs.values()]
            whole = any(isinstance(one, str) and one == "sum" for one in options)
            phase.losses.append((float(call.result) / (len(z) if whole else 1), len(z)))


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
        length, warm_up, reached, is_rate = _shape(one, calls, position)
        rates = record.steps.learning_rates
        first = None
        if steps is not None and steps.before_first == 1 and rates \
                and not run.records.grad_scaler.used:
            first = (steps.rate, rates[0][1])
        to_the_end = run.finished and run.records.progress.last_step is None
        yield ScheduleUse(kind, calls, record.gradients.steps, one.plan, rates, to_the_end,
                          total - record.gradients.steps, position, length,
                          _unit(run, record, calls, length), warm_up, reached, is_rate,
                          first), one.line


def _shape(record: SchedulerRecord, calls: int, position: int) -> tuple[int, int, float, bool]:
    """(length, warm_up, reached, is_rate) of ScheduleUse, as far as the scheduler tells them."""
    scheduler, plan = record.scheduler, record.plan
    kind = type(scheduler).__name__
    if kind in ("CosineAnnealingLR", "PolynomialLR", "OneCycleLR"):
        return int(plan.get("T_max", plan.get("total_iters", plan.get("total_steps", 0)))), 0, 1., False
    if kind == "LinearLR":
        start, end, total = scheduler.start_factor, scheduler.end_factor, int(scheduler.total_iters)
        reached = (start + (end - start) * min(1.0, position / max(1, total))) / max(end, 1e-30)
        return (total, 0, 1.0, False) if end < start else (0, total, reached, False)
    if kind == "SequentialLR":
        return _shape_of_parts(scheduler, position)
    if kind == "LambdaLR":
        rates = [float(group.get("initial_lr", 0)) for group in scheduler.optimizer.param_groups]
        return _shape_of_function(scheduler.lr_lambdas[0], rates[0], calls, position)
    return 0, 0, 1.0, False


def _shape_of_parts(scheduler: Any, position: int) -> tuple[int, int, float, bool]:
    first, last = scheduler._schedulers[0], scheduler._schedulers[-1]
    milestones = list(scheduler._milestones)
    end = getattr(last, "T_max", getattr(last, "total_iters", 0))
    length = milestones[-1] + int(end) if end and milestones else 0
    if type(first).__name__ == "LinearLR" and first.end_factor > first.start_factor and milestones:
        share = min(1.0, position / max(1, first.total_iters))
        reached = first.start_factor + (first.end_factor - first.start_factor) * share
        return length, milestones[0], reached / first.end_factor, False
    return length, 0, 1.0, False


def _shape_of_function(function: Callable[[int], float], rate: float, calls: int,
                       position: int) -> tuple[int, int, float, bool]:
    """Of a LambdaLR: its function is asked beyond the run."""
    ahead = min(_LONGEST_CURVE, max(_LOOK_AHEAD * calls, _LEAST_AHEAD, position + 1))
    values: list[float] = []
    with contextlib.suppress(Exception):  # the script's own, and asked where it may not reach
        values.extend(float(function(n)) for n in range(ahead))
    factors = np.asarray(values)
    if len(factors) <= position or not np.isfinite(factors).all() or factors.max() <= 0:
        return 0, 0, 1.0, False
    peak, used = float(factors.max()), float(factors[:position + 1].max())
    is_rate = 0 < rate < 0.5 and abs(used - rate) <= 1e-6 * rate
    top = int(np.argmax(factors >= peak * (1 - 1e-9)))
    if top >= 0.99 * len(factors):  # it grows for ever
        return 0, 0, 1.0, is_rate
    after = factors[top:]
    # not an exponential, which comes ever nearer to nothing
    over = np.flatnonzero((after[:-1] <= _END * peak) & (after[:-1] <= after[1:]))
    same = np.flatnonzero(after != after[-1])  # constant from the one behind the last of these
    floor = int(same[-1]) + 1 if len(same) and after[-1] < _FLOOR * peak else 0
    length = int(over[0]) if len(over) else floor
    length = top + length if 0 < length < 0.99 * len(after) else 0
    return length, top, used / peak, is_rate


def _unit(run: WatchedRun, optimizer: OptimizerRecord, calls: int, length: int) -> str:
    """In which other count of the run the length was taken, in words."""
    steps, backwards = optimizer.gradients.steps, optimizer.gradients.backwards
    if length <= calls or not steps:
        return ""
    loaders = [one for one in run.records.loaders.records if one.trained]
    main = max(loaders, key=lambda one: one.trained, default=None)
    batches = run.observer(ScheduleSteps).lengths.get(main.number, 0) if main is not None else 0
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


@builds(PlateauUse)
def plateau_uses(run: WatchedRun) -> Built:
    for one in run.records.schedulers:
        steps = run.observer(ScheduleSteps).of(one.scheduler)
        if steps is None or not steps.metrics:
            continue
        optimizer = one.optimizer()
        record = run.records.optimizers.of(optimizer) if optimizer is not None else None
        batches = [set(hashes.tolist()) for _, hashes in run.records.samples.train_hashes[-3:]]
        same = len(batches) > 1 and all(batch == batches[0] for batch in batches)
        yield PlateauUse(one.scheduler.mode, steps.metrics, steps.losses, steps.kinds,
                         record.gradients.steps if record is not None else 0, same), one.line
