"""Models whose weights are set back to a start, as for each fold of a cross-validation."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from recipe_widgets.watch.evidence.model_record import ModelRecord
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder

_MOST_MODELS, _MOST_NUMBERS = 20, 100_000


class FreshStarts(Observer):
    """Counts `ModelRecord.generation`: what an earlier generation was trained on, a later one has
    never seen.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self._starts: dict[int, torch.Tensor] = {}  # number of a model -> a weight at its start
        self._initialised = False
        self._trained: dict[int, int] = {}  # number of a model -> training passes at the last look

    def before_forward(self, model: nn.Module) -> None:
        if self._initialised:
            self._look()
        record = self.records.models.of(model)
        if record is None or record.number in self._starts or len(self._starts) >= _MOST_MODELS \
                or not torch.is_grad_enabled() or not model.training:
            return
        weight = _weight(model)
        if weight is not None:
            self._starts[record.number] = weight.detach().clone()

    def tensor_initialised(self, tensor: Any) -> None:
        self._initialised = bool(self._starts)

    def loader_iterated(self, loader: Any, iterator: Any) -> None:
        self._look()

    def after_state_loaded(self, module: nn.Module, state: Any, before: Any, result: Any) -> None:
        self._look()

    def _look(self) -> None:
        self._initialised = False
        for number, start in self._starts.items():
            record = self.records.models.numbered(number)
            if record is not None and record.trained > self._trained.get(number, 0) \
                    and self._is_fresh(record, start):
                record.generation += 1
                self._trained[number] = record.trained

    def _is_fresh(self, record: ModelRecord, start: torch.Tensor) -> bool:
        model = record.module()
        weight = _weight(model) if model is not None else None
        if model is None or weight is None:
            return False
        if weight.shape == start.shape and torch.equal(weight.detach(), start):
            return True
        return all(self.records.layers.is_initial(p) for p in model.parameters() if p.ndim >= 2)


def _weight(model: nn.Module) -> torch.Tensor | None:
    """A small one that stands for all."""
    found = (p for p in model.parameters()
             if p.ndim >= 2 and p.requires_grad and not is_lazy(p) and 1 < p.numel() <= _MOST_NUMBERS)
    return min(found, key=torch.Tensor.numel, default=None)
