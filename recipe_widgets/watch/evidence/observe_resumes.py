"""Files that are loaded, and what of them reaches the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from recipe_widgets.rules.resume import LostOptimizer, LostSchedule, ResumedFile
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.optimizer_record import OptimizerRecord, SchedulerRecord
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_MOST_FILES, _MOST_PARTS = 20, 50
_MOVED, _SAME = 0.05, 1e-6  # shares of a learning rate
_WITHOUT_PLACE = ("ExponentialLR", "MultiplicativeLR", "ReduceLROnPlateau", "ConstantLR")
_OPTIMIZER, _SCHEDULER = "the optimiser", "the scheduler"


@dataclass(eq=False)
class _File:
    """Attributes:
        shapes: of the weights that the optimiser's state in it belongs to; None: it holds none.
        names: of the model's weights in it. scheduler: does it hold one's state?
        read: step at which it was loaded. step: at which a model took its weights; -1: none has.
        loaded: what else was.
        begun: ids of the records of optimisers that had taken steps by then.
    """

    line: SourceLocation | None
    shapes: list[tuple[int, ...]] | None
    scheduler: bool
    names: set[str]
    read: int
    step: int = -1
    loaded: set[str] = field(default_factory=set)
    begun: set[int] = field(default_factory=set)


@dataclass(eq=False)
class _Resumed:
    """An optimiser that took over a state from a file that has none of a scheduler.

    Attributes:
        rate, planned: of the file. steps: of the optimiser before.
        scheduler: of it, that had not begun by its next step.
    """

    record: OptimizerRecord
    rate: float
    planned: float
    steps: int
    line: SourceLocation | None
    looked: bool = False
    scheduler: Any = None


@dataclass(eq=False)
class _Fresh:
    """A scheduler that took over its place from a file without an optimiser's state.

    Attributes:
        record: of its optimiser, that had no state by then. steps: of it before. place: in the
            schedule. parts: names of what else it keeps of each weight by its next step.
    """

    record: OptimizerRecord
    file: _File
    place: int
    steps: int
    parts: tuple[str, ...] = ()


class Resumes(Observer):
    """Attributes:
        files: that were loaded and hold more than weights. resumed: optimisers, in order.
        fresh: optimisers that begin anew in the midst of a schedule.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.files: list[_File] = []
        self.resumed: list[_Resumed] = []
        self.fresh: list[_Fresh] = []
        self._groups: list[Any] = []  # of optimisers' states in files without a scheduler's

    def file_loaded(self, thing: Any) -> None:
        if not isinstance(thing, dict) or len(self.files) >= _MOST_FILES:
            return
        parts = list(_parts(thing))
        # a count of epochs or steps: it is meant to be resumed
        counted = any(type(value) is int and value >= 1 for value in thing.values())
        if counted and len(self._groups) < _MOST_FILES and not any("last_epoch" in one for one in parts):
            self._groups += [one["param_groups"] for one in parts if _is_optimizer(one)]
        shapes = next((_shapes(one) for one in parts if _is_optimizer(one)), None)
        scheduler = any("last_epoch" in one and "_last_lr" in one for one in parts)
        names = {name for one in parts if not _is_optimizer(one)
                 for name, value in one.items() if isinstance(value, torch.Tensor)}
        if names and (shapes or scheduler):
            self.files.append(_File(caller_location(), shapes, scheduler, names, self.progress.step))

    def after_state_loaded(self, module: nn.Module, state: Any, before: Any, result: Any) -> None:
        for file in self.files:
            if file.step < 0 and state and set(state) <= file.names:
                file.step = self.progress.step
                file.begun = {id(one) for one in self.records.optimizers.stepped}

    def optimizer_state_loaded(self, optimizer: torch.optim.Optimizer, state: Any) -> None:
        for file in self.files:
            file.loaded.add(_OPTIMIZER)
        groups = state.get("param_groups") if isinstance(state, dict) else None
        record = self.records.optimizers.of(optimizer)
        self.fresh = [one for one in self.fresh if one.record is not record]
        if record is None or not groups or not any(groups is one for one in self._groups):
            return
        rate, planned = groups[0].get("lr"), groups[0].get("initial_lr")  # that of a scheduler
        if isinstance(rate, float) and isinstance(planned, float) \
                and abs(rate - planned) > _MOVED * planned:
            self.resumed = [one for one in self.resumed if one.record is not record]
            self.resumed.append(_Resumed(record, rate, planned, record.gradients.steps,
                                         caller_location()))

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        for one in self.resumed:
            if not one.looked and one.record.optimizer is optimizer:
                one.looked = True
                one.scheduler = next(
                    (known.scheduler for known in self.records.schedulers
                     if known.optimizer() is optimizer and _begins(known, one.planned)), None)

    def scheduler_state_loaded(self, scheduler: Any) -> None:
        for file in self.files:
            file.loaded.add(_SCHEDULER)
        for one in self.resumed:
            if one.scheduler is scheduler:
                one.scheduler = None
        optimizer, place = scheduler.optimizer, int(scheduler.last_epoch)
        record = self.records.optimizers.of(optimizer)
        known = next((one for one in reversed(self.files) if one.read == self.progress.step), None)
        if known is not None and known.scheduler and known.shapes is None and record is not None \
                and place > 0 and not optimizer.state and len(self.fresh) < _MOST_FILES:
            self.fresh.append(_Fresh(record, known, place, record.gradients.steps))

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        for one in self.fresh:
            if not one.parts and one.record.optimizer is optimizer:
                one.parts = tuple(_kept(optimizer))


def _kept(optimizer: torch.optim.Optimizer) -> Iterator[str]:
    """Names of tensors that it keeps beside a weight: moments, a momentum."""
    for p, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.shape == p.shape and p.ndim:
                yield str(name)
        return


def _begins(record: SchedulerRecord, planned: float) -> bool:
    """Has it not been stepped yet, nor told where to begin, and is its plan of that rate?"""
    scheduler = record.scheduler
    rates = getattr(scheduler, "base_lrs", None) or [0.0]
    return (abs(rates[0] - planned) <= _SAME * planned and record.start <= 0
            and scheduler.last_epoch <= 0 and type(scheduler).__name__ not in _WITHOUT_PLACE)


def _parts(thing: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    """The dicts in a file, two levels deep: states may lie in a dict or a list of their own."""
    for value in list(thing.values())[:_MOST_PARTS]:
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(one, dict):
                yield one
                yield from (inner for inner in list(one.values())[:_MOST_PARTS]
                            if isinstance(inner, dict) and not _is_optimizer(one))


def _is_optimizer(part: dict[Any, Any]) -> bool:
    return "param_groups" in part and isinstance(part.get("state"), dict)


def _shapes(state: dict[str, Any]) -> list[tuple[int, ...]]:
    """The largest tensor of each weight's state has the weight's shape."""
    found = []
    for one in state["state"].values():
        tensors = [v for v in one.values() if isinstance(v, torch.Tensor)] \
            if isinstance(one, dict) else []
        if tensors:
            found.append(tuple(max(tensors, key=torch.Tensor.numel).shape))
    return found


@builds(ResumedFile)
def resumed_files(run: WatchedRun) -> Built:
    for file in run.observer(Resumes).files:
        if file.step < 0:
            continue
        steps = run.records.progress.step - file.step
        fits = any(
            sorted(file.shapes or []) == sorted(tuple(p.shape) for p in one.parameters())
            for one in run.records.optimizers.stepped if id(one) not in file.begun)
        could = [_OPTIMIZER] if fits and file.shapes else []
        # a scheduler alone is left out on purpose where a training starts again
        scheduled = any(one.optimizer() is not None for one in run.records.schedulers)
        if file.scheduler and scheduled and (fits or _OPTIMIZER in file.loaded):
            could.append(_SCHEDULER)
        left = [one for one in could if one not in file.loaded]
        yield ResumedFile(left, sorted(file.loaded), steps), file.line


@builds(LostOptimizer)
def lost_optimizers(run: WatchedRun) -> Built:
    for one in run.observer(Resumes).fresh:
        if one.file.step < 0:
            continue
        yield LostOptimizer(one.record.kind, one.parts, one.place,
                            one.record.gradients.steps - one.steps), one.file.line


@builds(LostSchedule)
def lost_schedules(run: WatchedRun) -> Built:
    for one in run.observer(Resumes).resumed:
        if one.scheduler is not None and one.scheduler.last_epoch > 0:
            yield LostSchedule(type(one.scheduler).__name__, one.rate, one.planned,
                               one.record.gradients.steps - one.steps), one.line
