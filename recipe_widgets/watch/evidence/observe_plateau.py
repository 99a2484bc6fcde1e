"""What a ReduceLROnPlateau is given to watch."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from recipe_widgets.rules.plateau_metric import MetricKind, PlateauUse
from recipe_widgets.watch.evidence.loss_recognition import KINDS
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_METRICS, _MOST_LOSSES = 3000, 2000
_SAME = 1e-4  # relative difference of two numbers that are one


@dataclass(eq=False)
class _Given:
    """What one scheduler was given: see PlateauUse. losses_seen: training losses by then."""

    scheduler: weakref.ref[ReduceLROnPlateau]
    losses_seen: int = 0
    metrics: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    kinds: Counter[MetricKind] = field(default_factory=Counter)


class PlateauMetrics(Observer):
    """What each ReduceLROnPlateau is given, and which number of the run that is."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self._given: dict[int, _Given] = {}  # by id of the scheduler

    def torch_calls(self) -> dict[Any, CallHandler]:
        return dict.fromkeys(KINDS, self._loss_called)

    def of(self, scheduler: Any) -> _Given | None:
        known = self._given.get(id(scheduler))
        return known if known is not None and known.scheduler() is scheduler else None

    def scheduler_made(self, scheduler: Any) -> None:
        if isinstance(scheduler, ReduceLROnPlateau):
            self._given[id(scheduler)] = _Given(weakref.ref(scheduler))

    def scheduler_stepped(self, scheduler: Any, metric: Any) -> None:
        given = self.of(scheduler)
        if given is None or len(given.metrics) >= _MOST_METRICS:
            return
        value = float(metric.detach() if isinstance(metric, torch.Tensor) else metric)
        curve = [loss for _, loss, _ in self.records.losses.curve if loss == loss]
        new = curve[min(given.losses_seen, len(curve) - 1):] if curve else []
        given.losses_seen = len(curve)
        given.metrics.append(value)
        given.losses.append(float(np.mean(new)) if new else float("nan"))
        for kind, numbers in (
                (MetricKind.ACCURACY, self._accuracies()),
                (MetricKind.EVALUATION_LOSS, self._losses_of_evaluation()),
                (MetricKind.TRAINING_LOSS, [given.losses[-1]] if len(new) > 1 else []),
                (MetricKind.LAST_BATCH_LOSS, new[-1:])):
            if any(abs(value - one) <= _SAME * abs(one) for one in numbers if one):
                given.kinds[kind] += 1
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


@builds(PlateauUse)
def plateau_uses(run: WatchedRun) -> Built:
    for one in run.records.schedulers:
        given = run.observer(PlateauMetrics).of(one.scheduler)
        if given is None or not given.metrics:
            continue
        optimizer = one.optimizer()
        record = run.records.optimizers.of(optimizer) if optimizer is not None else None
        batches = [set(hashes.tolist()) for _, hashes in run.records.samples.train_hashes[-3:]]
        same = len(batches) > 1 and all(batch == batches[0] for batch in batches)
        yield PlateauUse(one.scheduler.mode, given.metrics, given.losses, given.kinds,
                         record.gradients.steps if record is not None else 0, same), one.line
