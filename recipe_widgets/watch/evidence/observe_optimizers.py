"""How long optimisers live, and how often they use a gradient."""

from __future__ import annotations

import itertools
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from recipe_widgets.rules.optimizer_state import OptimizerLife
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.optimizer_record import OptimizerRecord
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds

_SAME_DATA = 0.5  # share of the samples that the optimiser before has seen, too
_MOST_MADE, _MARKED = 500, 3


@dataclass(eq=False)
class _Made:
    """One optimiser.

    Attributes:
        first: its first parameter. step: of the run, when it was made. batches: that had been
            trained on by then. loads: of states before.
        before: one that was made at the same line for the same parameters.
        marks: of its gradients after its last step.
    """

    record: OptimizerRecord
    first: weakref.ref[torch.Tensor]
    has_state: bool
    step: int
    batches: int
    loads: int
    before: _Made | None = None
    marks: list[tuple[int, int]] = field(default_factory=list)
    used_again: bool = False
    repeated: int = 0


class OptimizerLives(Observer):
    """made: in order."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.made: list[_Made] = []
        self._loads = 0

    def _of(self, optimizer: torch.optim.Optimizer) -> _Made | None:
        return next((one for one in reversed(self.made) if one.record.optimizer is optimizer), None)

    def optimizer_made(self, optimizer: torch.optim.Optimizer) -> None:
        record = self.records.optimizers.of(optimizer)
        first = next((p for group in optimizer.param_groups for p in group["params"]), None)
        if record is None or first is None or len(self.made) >= _MOST_MADE:
            return
        has_state = record.kind != "SGD" or bool(optimizer.defaults.get("momentum"))
        one = _Made(record, weakref.ref(first), has_state, self.progress.step,
                    len(self.records.samples.train_hashes), self._loads)
        # the objects, not their ids: those of a model that has gone are used again
        one.before = next((other for other in reversed(self.made) if other.first() is first
                           and other.record.made_line == record.made_line
                           and other.record.ids == record.ids), None)
        self.made.append(one)

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        one = self._of(optimizer)
        if one is not None:
            one.used_again = one.record.gradients.state == "used" and bool(one.marks) \
                and one.marks == _marks(optimizer)

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        one = self._of(optimizer)
        if one is not None:
            marks = _marks(optimizer)
            # a closure computes new gradients within the step
            one.repeated += one.used_again and one.marks == marks
            one.marks = marks

    def after_state_loaded(self, module: Any, state: Any, before: Any, result: Any) -> None:
        self._loads += 1

    def optimizer_state_loaded(self, optimizer: torch.optim.Optimizer, state: Any) -> None:
        self._loads += 1


@builds(OptimizerLife)
def optimizer_lives(run: WatchedRun) -> Built:
    made = [one for one in run.observer(OptimizerLives).made if one.record.gradients.steps]
    for last in made:
        line, chain = [last], 1
        while (before := line[-1].before) is not None:
            chain += (before.has_state and before.loads == line[-1].loads
                      and _same_data(run, before, line[-1], line[-2] if line[1:] else None))
            line.append(before)
        steps, repeated = (sum(counts) for counts in zip(
            *((one.record.gradients.steps - one.record.gradients.unseen, one.repeated) for one in line),
            strict=True))
        if not any(other.before is last for other in made):
            yield OptimizerLife(last.record.kind, chain, steps, repeated), last.record.made_line


def _marks(optimizer: torch.optim.Optimizer) -> list[tuple[int, int]]:
    """Which gradients a few parameters have: torch raises the version with each write."""
    parameters = (p for group in optimizer.param_groups for p in group["params"])
    few = itertools.islice((p for p in parameters if p.grad is not None), _MARKED)
    return [(id(p.grad), p.grad._version) for p in few]


def _same_data(run: WatchedRun, before: _Made, one: _Made, after: _Made | None) -> bool:
    """Do two that follow one another train on the same samples? after: the one behind them."""
    batches = [hashes for _, hashes in run.records.samples.train_hashes]
    first = batches[before.batches:one.batches]
    second = batches[one.batches:after.batches if after is not None else None]
    if not first or not second:
        return False
    return float(np.isin(np.concatenate(second), np.concatenate(first)).mean()) >= _SAME_DATA
