"""Updates that a script computes by hand from weights and their gradients, and what becomes of them."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recipe_widgets.rules.optimizer_steps import LostUpdates
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

_STEPS = functions_named("add", "add_", "__iadd__", "sub", "sub_", "__isub__", "__rsub__", "lerp", "lerp_",
                         "__add__", "__radd__", "__sub__", "addcmul", "addcmul_", "addcdiv", "addcdiv_")
_MOST_WEIGHTS, _MOST_NUMBERS, _MOST_RESULTS = 20, 1_000_000, 200


@dataclass(eq=False)
class _Updated:
    """A weight for which updates are computed.

    Attributes:
        first: its values when the first one was. lost: updates that nobody kept nor used.
        kept: others.
    """

    weight: torch.Tensor
    first: torch.Tensor
    line: SourceLocation | None
    lost: int = 0
    kept: int = 0


class HandUpdates(Observer):
    """updated: by id of the weight."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.updated: dict[int, _Updated] = {}
        self._weights: DerivedTensors[int] = DerivedTensors()  # computed from these weights
        self._gradients: DerivedTensors[int] = DerivedTensors()  # from the gradients of these
        self._parameters: dict[int, nn.Parameter] = {}
        self._results: dict[int, tuple[int, weakref.ref[torch.Tensor]]] = {}  # of updates

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        return {**dict.fromkeys(FOLLOWED, self._called), tensor.grad.__get__: self._gradient_read,
                tensor.detach: self._called, tensor.data.__get__: self._called,
                tensor.data.__set__: self._called}

    def _gradient_read(self, call: TorchCall) -> None:
        weight = call.args[0]
        if self.progress.close and not self.progress.in_backward and isinstance(call.result, torch.Tensor) \
                and isinstance(weight, nn.Parameter):
            self._gradients.add(call.result, frozenset([id(weight)]))

    def _called(self, call: TorchCall) -> None:
        if not len(self._gradients) or self.progress.in_backward:
            return
        result, weights, gradients = call.result, frozenset[int](), frozenset[int]()
        for one in arguments_of(call):
            known = self._results.get(id(one))
            if known is not None and known[1]() is one:  # it is used
                del self._results[id(one)]
                self.updated[known[0]].kept += 1
            gradients |= self._gradients.of(one)
            weights |= self._weights.of(one)
            if isinstance(one, nn.Parameter):
                self._parameters[id(one)] = one
                weights |= {id(one)}
        if not isinstance(result, torch.Tensor):
            return
        both = gradients & weights
        if len(both) == 1 and call.function in _STEPS:
            self._update_computed(result, next(iter(both)))
        elif gradients and not weights:
            self._gradients.add(result, gradients)
        elif weights and not gradients and not result.requires_grad:
            self._weights.add(result, weights)

    def _update_computed(self, result: torch.Tensor, key: int) -> None:
        weight = self._parameters.get(key)
        if weight is None or weight.shape != result.shape or weight.data_ptr() == result.data_ptr():
            return
        if key not in self.updated:
            if len(self.updated) >= _MOST_WEIGHTS or weight.numel() > _MOST_NUMBERS:
                return
            self.updated[key] = _Updated(weight, weight.detach().clone(), caller_location())
        gone = self._results.pop(id(result), None)  # the one before has left it its place
        if gone is not None:
            self.updated[gone[0]].lost += 1
        if len(self._results) < _MOST_RESULTS:
            self._results[id(result)] = key, weakref.ref(result)

    def before_forward(self, model: nn.Module) -> None:
        self._count()

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        self._count()

    def script_ended(self) -> None:
        self._count()

    def _count(self) -> None:
        """By the next pass, whatever nobody keeps is lost."""
        for key, result in self._results.values():
            one = self.updated[key]
            one.kept, one.lost = one.kept + (result() is not None), one.lost + (result() is None)
        self._results.clear()
        if len(self._gradients):
            self._gradients.clear()
            self._weights.clear()
            self._parameters.clear()


@builds(LostUpdates)
def lost_updates(run: WatchedRun) -> Built:
    seen = [one for one in run.observer(HandUpdates).updated.values() if one.lost]
    if seen and not any(one.kept for one in seen):
        same = sum(torch.equal(one.weight.detach(), one.first) for one in seen)
        yield LostUpdates(min(one.lost for one in seen), len(seen), same), seen[0].line
