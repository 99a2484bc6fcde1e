"""Copies of a model that follow it: EMA, SWA, Polyak averages."""

from __future__ import annotations

import itertools
import linecache
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from recipe_widgets.rules.averaged_copy import AveragedCopy, StaleAverage
from recipe_widgets.watch.evidence.model_record import NORM, ModelRecord
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import (
    SourceLocation,
    caller_location,
    user_frames,
)

_MOST_NUMBERS = 1_000_000  # of the weights that stand for all
_MOST_TENSORS = 8
_MOST_LOOKS, _MOST_MODELS = 200, 20
_AVERAGE = re.compile(r"\bema|_ema|averaged?\b|polyak|\bswa", re.IGNORECASE)  # in a line
_NEAREST_FRAMES = 3  # of the calls that lead to an evaluation
_ALIKE = 0.5  # cosine of the weights of a copy and its model

Shapes = tuple[tuple[int, ...], ...]


@dataclass(eq=False)
class _Start:
    """A model at its first training pass: some of its weights, and all statistics."""

    number: int
    shapes: Shapes
    weights: list[torch.Tensor]
    statistics: list[torch.Tensor]


@dataclass(eq=False)
class _Copy:
    """A model without training passes, of the same shape as one with.

    Attributes:
        statistics: of its norms at the first look. weights: at the last. follows: did these change
            between two looks?
        norms: the number of those that stood still at the last look. steps: of its looks.
    """

    original: int
    line: SourceLocation | None
    statistics: list[torch.Tensor]
    weights: list[torch.Tensor]
    follows: bool = False
    steps: list[int] = field(default_factory=list)
    norms: int = 0
    moved: float = 0.0


@dataclass(eq=False)
class _Stale:
    """Evaluations with the very weights that a model had at its start, after it has moved.

    Attributes:
        steps: of these. versions: of the first weight then, with the number of the model: written
            again, or another model, where they differ.
        line: of the first one. put_back: times that the model itself trained on with other weights.
        named: did a line that led there speak of an average?
    """

    line: SourceLocation | None
    steps: set[int] = field(default_factory=set)
    versions: set[tuple[int, int]] = field(default_factory=set)
    own: int = 0
    put_back: int = 0
    named: bool = False


class ModelAverages(Observer):
    """Attributes:
        copies: by number of the copy's `ModelRecord`. stale: by number of the model's.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.copies: dict[int, _Copy] = {}
        self.stale: dict[int, _Stale] = {}
        self._starts: dict[int, _Start] = {}
        self._swapped: set[int] = set()  # models that were evaluated with their weights of the start
        self._written: dict[int, tuple[int, int]] = {}  # (step, version) at the last look
        self._looked: dict[int, int] = {}  # number of a model -> step of the last look

    def before_forward(self, model: nn.Module) -> None:
        if not torch.is_grad_enabled():
            return
        record = self.records.models.of(model)
        if record is not None and model.training and record.number in self._swapped:
            self._swapped.discard(record.number)
            known = self.stale[record.number]
            known.put_back += not _same(_weights(model), self._starts[record.number].weights)
        if any(is_lazy(p) for p in model.parameters()):
            return  # no weights yet
        if record is not None and record.number not in self._starts and model.training \
                and len(self._starts) < _MOST_MODELS:
            self._starts[record.number] = _Start(
                record.number, _shapes(model), [p.detach().clone() for p in _weights(model)],
                _statistics(model))

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        if model.training or not self.progress.step:
            return
        record = self.records.models.of(model)
        if record is None:
            return
        # an average may be put into the model itself between two evaluations of one step
        written = self.progress.step, next(model.parameters())._version
        if self._written.get(record.number) != written:
            self._written[record.number] = written
            self._look_for_the_start(record, model)
        if record.trained or record.number in self._starts \
                or self._looked.get(record.number) == self.progress.step:
            return
        self._looked[record.number] = self.progress.step
        copy = self.copies.get(record.number) or self._new_copy(record, model)
        if copy is not None:
            copy.steps.append(self.progress.step)
            if len(copy.steps) <= _MOST_LOOKS or self.progress.full:
                self._look(copy, model)

    def _look_for_the_start(self, record: ModelRecord, model: nn.Module) -> None:
        """Is this evaluation one of the weights that a model had at its start?"""
        shapes, weights = _shapes(model), _weights(model)
        for start in self._starts.values():
            original = self.records.models.numbered(start.number)
            if original is None or not original.trained or start.shapes != shapes or not weights \
                    or not _same(weights, start.weights):
                continue
            theirs, own = original.module(), start.number == record.number
            if theirs is None or not (own or not _same(_weights(theirs), start.weights)):
                continue
            known = self.stale.setdefault(start.number, _Stale(caller_location()))
            known.steps.add(self.progress.step)
            known.named = known.named or _speaks_of_averages()
            first = next(model.parameters())
            known.versions.add((record.number, first._version))
            if own:
                self._swapped.add(record.number)
                known.own += 1
            return

    def _new_copy(self, record: ModelRecord, model: nn.Module) -> _Copy | None:
        shapes = _shapes(model)
        for start in self._starts.values():
            original = self.records.models.numbered(start.number)
            if original is None or not original.trained or start.shapes != shapes \
                    or original.ids & record.ids:
                continue
            theirs = original.module()
            if theirs is not None and _shapes(theirs) == shapes and _cosine(_weights(theirs), _weights(model)) > _ALIKE:
                copy = _Copy(start.number, caller_location(), _statistics(model),
                             [p.clone() for p in _weights(model)])
                self.copies[record.number] = copy
                return copy
        return None

    def _look(self, copy: _Copy, model: nn.Module) -> None:
        original = self.records.models.numbered(copy.original)
        theirs, start = original.module() if original else None, self._starts[copy.original]
        if theirs is None or not start.shapes == _shapes(theirs) == _shapes(model):
            return  # one of them was changed since
        weights = _weights(model)
        copy.follows |= _distance(weights, copy.weights) > 0
        copy.weights = [p.clone() for p in weights]
        way = _distance(_weights(theirs), start.weights)
        copy.moved = _distance(weights, start.weights) / way if way else 1.0
        first = len(copy.steps) == 1
        still = 0
        for before, now, begun, own in zip(copy.statistics, _statistics(model), start.statistics,
                                           _statistics(theirs), strict=False):
            # at the first look those of the model's start, or of a fresh layer, are the measure
            fresh = torch.equal(now, begun) if first else torch.equal(now, before)
            still += fresh and not torch.equal(now, own) and not torch.equal(begun, own)
        copy.norms = still if copy.moved else 0


def _shapes(model: nn.Module) -> Shapes:
    return tuple(tuple(p.shape) for p in model.parameters())


def _weights(model: nn.Module) -> list[torch.Tensor]:
    """A few of the weights, the same ones of each model of this shape."""
    chosen: list[torch.Tensor] = []
    room = _MOST_NUMBERS
    for p in model.parameters():
        if p.ndim >= 2 and p.numel() <= room and len(chosen) < _MOST_TENSORS:
            room -= p.numel()
            chosen.append(p.detach())
    return chosen


def _statistics(model: nn.Module) -> list[torch.Tensor]:
    """Running means of its norm layers."""
    return [
        m.running_mean.detach().clone() for m in model.modules()
        if isinstance(m, NORM) and m.running_mean is not None
    ]


def _same(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def _distance(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> float:
    squares = [float((a - b).double().square().sum()) for a, b in zip(one, other, strict=True)]
    return math.sqrt(sum(squares))


def _cosine(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> float:
    dot, first, second = (sum(float((a * b).double().sum()) for a, b in zip(x, y, strict=True))
                          for x, y in ((one, other), (one, one), (other, other)))
    return dot / max(1e-30, math.sqrt(first * second))


@builds(AveragedCopy)
def averaged_copies(run: WatchedRun) -> Built:
    for number, copy in run.observer(ModelAverages).copies.items():
        record = run.records.models.numbered(number)
        original = run.records.models.numbered(copy.original)
        if record is None or original is None or record.trained \
                or not run.is_rare(len(copy.steps)):
            continue
        evaluated = any(one.model == copy.original for phase in run.records.evaluations.phases
                        for one in phase.passes)
        yield AveragedCopy(original.name, copy.norms, copy.steps[-1], copy.moved, len(copy.steps),
                           not evaluated, copy.follows), copy.line


@builds(StaleAverage)
def stale_averages(run: WatchedRun) -> Built:
    for number, seen in run.observer(ModelAverages).stale.items():
        record = run.records.models.numbered(number)
        if record is not None:
            written = seen.put_back if seen.own else len(seen.versions) - 1
            yield StaleAverage(record.name, len(seen.steps), written, seen.named,
                               max(seen.steps), bool(seen.own)), seen.line



def _speaks_of_averages() -> bool:
    """Does a line that leads to this call name an average?"""
    frames = itertools.islice(user_frames(), _NEAREST_FRAMES)
    lines = (linecache.getline(frame.f_code.co_filename, frame.f_lineno) for frame in frames)
    return any(_AVERAGE.search(line) for line in lines)
