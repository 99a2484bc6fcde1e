"""Matrices that are zero and have a gradient of zero."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from recipe_widgets.rules.zero_weights import ZeroWeights
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation

_FIRST_LOOKS = 8  # at each of an optimiser's first steps; then now and then


@dataclass
class _Looks:
    """stuck: ids of the parameters that were zero without a gradient at every look so far."""

    line: SourceLocation | None
    times: int = 0
    stuck: set[int] = field(default_factory=set)


class StuckWeights(Observer):
    """found: by id of the optimiser's record."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.found: dict[int, _Looks] = {}

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        record = self.records.optimizers.of(optimizer)
        if record is None:
            return
        looks = self.found.get(id(record))
        if looks is None:
            looks = self.found[id(record)] = _Looks(record.made_line)
            candidates = [p for p in record.parameters() if p.ndim > 1]
        elif looks.stuck and (looks.times < _FIRST_LOOKS or self.progress.full):
            candidates = [p for p in record.parameters() if id(p) in looks.stuck]
        else:
            return
        looks.times += 1
        looks.stuck = {
            id(p)
            for p in candidates
            if p.grad is not None and not bool(p.grad.any()) and not bool(p.detach().any())
        }


@builds(ZeroWeights)
def stuck_weights(run: WatchedRun) -> Built:
    names = {
        id(p): name
        for module in run.records.models.retained.values()
        for name, p in module.named_parameters()
    }
    for looks in run.observer(StuckWeights).found.values():
        stuck = [names[key] for key in looks.stuck if key in names]
        yield ZeroWeights(tuple(sorted(stuck)), looks.times), looks.line
