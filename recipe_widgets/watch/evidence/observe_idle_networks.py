"""Networks that help another one to train and learn nothing themselves: teachers, frozen parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from recipe_widgets.rules.mode_toggles import IdleNetwork
from recipe_widgets.watch.evidence.model_record import ModelRecord
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import RARE_SHARE, Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_MOST_NETWORKS, _MOST_NUMBERS, _MOST_TENSORS = 20, 100_000, 3
_REPEATS = 2.5  # passes a step: several draws of the dropout are taken on purpose


@dataclass(eq=False)
class _Idle:
    """Passes in training mode from which no gradient comes to the network's own weights.

    Attributes:
        weights: copies of a few, of the first of these passes. trained: training passes by then.
        first, last: step. steps, passes: how many.
    """

    model: nn.Module
    line: SourceLocation | None
    weights: list[tuple[torch.Tensor, torch.Tensor]]
    trained: int
    dropout: bool
    statistics: bool
    first: int
    last: int
    steps: int = 1
    passes: int = 1

    @property
    def unchanged(self) -> bool:
        return all(torch.equal(p.detach(), old) for p, old in self.weights)


class IdleNetworks(Observer):
    """Attributes:
        idle: number of the model -> its passes since its weights last changed.
        last_steps: id of an optimiser's record -> step of the run at which it last stepped.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.idle: dict[int, _Idle] = {}
        self.last_steps: dict[int, int] = {}

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.last_steps[id(self.records.optimizers.of(optimizer))] = self.progress.step

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        if not model.training or not self.last_steps:
            return
        record = self.records.models.of(model)
        if record is None or not _cannot_learn(model):
            return
        known = self.idle.get(record.number)
        changed = known is None or known.trained != record.trained or (
            self.progress.full and not known.unchanged)
        if changed or known is None:
            self._begin(record, model)
            return
        known.passes += 1
        known.steps += known.last != self.progress.step
        known.last = self.progress.step

    def _begin(self, record: ModelRecord, model: nn.Module) -> None:
        self.idle.pop(record.number, None)
        dropout, statistics = self.records.models.active_in_training_mode(record)
        small = [p for p in model.parameters()
                 if not is_lazy(p) and p.ndim >= 2 and p.numel() <= _MOST_NUMBERS][:_MOST_TENSORS]
        if (dropout or statistics) and small and len(self.idle) < _MOST_NETWORKS:
            self.idle[record.number] = _Idle(
                model, caller_location(), [(p, p.detach().clone()) for p in small], record.trained,
                dropout, statistics, self.progress.step, self.progress.step)


def _cannot_learn(model: nn.Module) -> bool:
    """In this pass."""
    return not torch.is_grad_enabled() or not any(p.requires_grad for p in model.parameters())


@builds(IdleNetwork)
def idle_networks(run: WatchedRun) -> Built:
    seen = run.observer(IdleNetworks)
    for number, one in seen.idle.items():
        record = run.records.models.numbered(number)
        span = one.last - one.first + 1
        if record is None or record.trained != one.trained or one.passes > _REPEATS * one.steps \
                or one.steps <= RARE_SHARE * span or not one.unchanged:
            continue
        # one that an optimiser moves meanwhile, or ought to, is another matter
        moved = any(seen.last_steps.get(id(other), -1) > one.first
                    for other in run.records.optimizers if other.ids & record.ids)
        if not moved:
            yield IdleNetwork(record.name, one.steps, one.dropout, one.statistics), one.line
