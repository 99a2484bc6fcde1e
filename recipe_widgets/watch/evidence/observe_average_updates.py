"""How a running average of weights is updated, wherever the script keeps it: a list, a dict, a copy."""

from __future__ import annotations

import itertools
import weakref
from dataclasses import dataclass, field
from typing import Any

import torch

from recipe_widgets.rules.averaged_copy import AverageUpdates
from recipe_widgets.watch.evidence.derived_tensors import (
    FOLLOWED,
    DerivedTensors,
    arguments_of,
    functions_named,
)
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_WEIGHTS, _FEWEST_NUMBERS, _MOST_NUMBERS = 3, 4, 100_000  # weights that stand for all
_MOST_LOOKS, _EXACT = 200, 0.02  # residual as a share of the change
_PLAIN = functions_named("copy_", "clone", "to", "float", "double")


@dataclass(eq=False)
class _Average:
    """What follows one weight.

    Attributes:
        line: of its last update. value: after that. arithmetic: is it computed, and not copied?
        rates: (step, share of the way to the weight that one update goes), where that is what the
            update does.
    """

    line: SourceLocation | None
    value: torch.Tensor
    arithmetic: bool
    rates: list[tuple[int, float]] = field(default_factory=list)


class AverageUpdatesSeen(Observer):
    """averages: by (id of the weight, address of the average in memory; 0 where each update makes a
    new tensor).
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.averages: dict[tuple[int, int], _Average] = {}
        self._weights: dict[int, torch.Tensor] = {}  # by address
        self._chosen_at = -1
        self._derived: DerivedTensors[int] = DerivedTensors()  # addresses of weights
        self._arithmetic: set[int] = set()  # addresses of weights that were computed with
        # of this update: id of the weight and address -> the average, line
        self._written: dict[tuple[int, int], tuple[torch.Tensor, SourceLocation | None]] = {}
        self._made: dict[int, tuple[weakref.ref[torch.Tensor], SourceLocation | None]] = {}

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        return {**dict.fromkeys(FOLLOWED, self._called), tensor.detach: self._called,
                tensor.data.__get__: self._called}

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._resolve()
        if not self.progress.close or self._chosen_at == len(self.records.optimizers):
            return
        self._chosen_at = len(self.records.optimizers)
        found = [p for one in self.records.optimizers if one.is_alive for p in one.parameters()
                 if p.is_floating_point() and _FEWEST_NUMBERS <= p.numel() <= _MOST_NUMBERS]
        found = sorted(found, key=torch.Tensor.numel)[-_MOST_WEIGHTS:]
        self._weights = {p.data_ptr(): p for p in found}

    def before_forward(self, model: Any) -> None:
        self._resolve()

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._resolve()

    def _called(self, call: TorchCall) -> None:
        result = call.result
        if not self._weights or self.progress.in_call or self.progress.in_backward \
                or not isinstance(result, torch.Tensor) or _has_graph(result):
            return
        roots: frozenset[int] = frozenset()
        for one in arguments_of(call):
            roots |= self._derived.of(one)
            address = one.data_ptr() if one.layout == torch.strided else 0
            if address in self._weights and one.shape == self._weights[address].shape:
                roots |= {address}
        if len(roots) != 1:
            return
        root = next(iter(roots))
        weight = self._weights[root]
        if result.shape != weight.shape or result.data_ptr() == root:
            return
        if call.function not in _PLAIN:
            self._arithmetic.add(root)
        self._derived.add(result, roots)
        key = id(weight), result.data_ptr()
        if call.args and result is call.args[0]:
            self._written[key] = result.detach(), caller_location()
        else:
            self._made[id(weight)] = weakref.ref(result), caller_location()

    def _resolve(self) -> None:
        """The weights still are what they were at the update."""
        if not self._written and not self._made:
            return
        by_id = {id(p): p for p in self._weights.values()}
        written = {key: (tensor, line) for key, (tensor, line) in self._written.items()}
        for number, (reference, line) in self._made.items():
            tensor = reference()
            if tensor is not None and not any(number == known for known, _ in written):
                written[number, 0] = tensor.detach(), line
        for key, (tensor, line) in written.items():
            if key[0] in by_id:
                self._look(key, by_id[key[0]], tensor, line)
        self._derived.clear()
        self._written, self._made, self._arithmetic = {}, {}, set()

    def _look(self, key: tuple[int, int], weight: torch.Tensor, average: torch.Tensor,
              line: SourceLocation | None) -> None:
        arithmetic = weight.data_ptr() in self._arithmetic
        known = self.averages.get(key)
        if known is None:
            if len(self.averages) < 4 * _MOST_WEIGHTS:
                self.averages[key] = _Average(line, average.clone(), arithmetic)
            return
        if known.value.dtype == average.dtype and len(known.rates) < _MOST_LOOKS:
            gap, change = weight.detach() - known.value, average - known.value
            square = float((gap * gap).sum())
            if square > 0:
                rate = float((gap * change).sum()) / square
                rest, size = float((change - rate * gap).norm()), float(change.norm())
                if size > 0 and rest <= _EXACT * size:
                    known.rates.append((self.progress.step, rate))
        known.value, known.line, known.arithmetic = average.clone(), line, arithmetic


@builds(AverageUpdates)
def average_updates(run: WatchedRun) -> Built:
    seen = run.observer(AverageUpdatesSeen).averages.values()
    best = max((one for one in seen if one.arithmetic), key=lambda one: len(one.rates), default=None)
    if best is not None and best.rates:
        steps = [step for step, _ in best.rates]
        in_a_row = sum(b == a + 1 for a, b in itertools.pairwise(steps))
        yield AverageUpdates([rate for _, rate in best.rates], steps[-1], in_a_row), best.line


def _has_graph(tensor: torch.Tensor) -> bool:
    try:
        return tensor.grad_fn is not None
    except RuntimeError:  # a view that was made without a graph and written to with one, or the reverse
        return True
