"""Targets of reinforcement learning: reward + discount · value, and the flags that they leave out."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.rules.bootstrap_target import BootstrapTargets
from recipe_widgets.watch.evidence.forward_pass import tensors_in
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import (
    SourceLocation,
    caller_location,
)
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_LEAST_DISCOUNT = 0.5
_SMALLEST_BATCH, _MOST_LOOKS = 8, 150
_MOST_VALUES, _MOST_USED = 40, 200  # of one step
_MOST_FRAMES = 30  # from our handler to the script
_LOSSES = (F.mse_loss, F.smooth_l1_loss, F.huber_loss, F.l1_loss)


@dataclass
class _Target:
    """reward + discount · value. states: hashes of the next states. flags: of the batch, unused so far."""

    tensor: torch.Tensor
    version: int
    states: Any
    flags: list[torch.Tensor]


@dataclass
class _Transitions:
    """looks, and hashes of next states that are flagged and that are not."""

    looks: int = 0
    ends: set[int] = field(default_factory=set)
    others: set[int] = field(default_factory=set)


class Bootstraps(Observer):
    """Attributes:
        by_line: of the target. acted: hashes of states that a transition begins with.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.by_line: dict[SourceLocation | None, _Transitions] = {}
        self.acted: set[int] = set()
        self._values: dict[int, tuple[torch.Tensor, Any]] = {}  # by id: values of next states
        self._discounted: dict[int, tuple[torch.Tensor, Any]] = {}
        self._targets: list[tuple[_Target, SourceLocation | None]] = []
        self._used: dict[int, torch.Tensor] = {}
        self._count = 0  # samples of the values without a graph

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        chosen = (tensor.max, torch.max, tensor.amax, torch.amax, tensor.gather, torch.gather, tensor.min,
                  torch.min, tensor.squeeze, torch.squeeze, tensor.unsqueeze, tensor.view, tensor.reshape,
                  tensor.detach, tensor.flatten, tensor.__getitem__)
        using = (tensor.__rsub__, torch.rsub, torch.where, tensor.where,
                 tensor.logical_not, torch.logical_not, tensor.bitwise_not, tensor.__invert__, tensor.bool,
                 tensor.float, tensor.long, tensor.to, tensor.int, tensor.masked_fill, tensor.masked_fill_,
                 tensor.__setitem__, tensor.eq, tensor.__eq__, tensor.ne, tensor.numpy, tensor.cpu,
                 tensor.sum, torch.sum, tensor.mean, torch.mean, tensor.any, tensor.type, tensor.double)
        return {**dict.fromkeys(using, self._use), **dict.fromkeys(chosen, self._chosen),
                **dict.fromkeys((tensor.mul, torch.mul), self._multiplied),
                **dict.fromkeys((tensor.add, torch.add), self._added),
                **dict.fromkeys((tensor.sub, torch.sub), self._subtracted),
                **dict.fromkeys(_LOSSES, self._lost)}

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        one = self.records.pending.last
        if not self.progress.close or one is None or one.hashes is None or one.samples < _SMALLEST_BATCH:
            return
        if one.with_graph:
            self.acted.update(one.hashes.tolist())
        if len(self._values) > _MOST_VALUES:  # an evaluation
            self._forget()
        for out in tensors_in(output):
            if out.ndim in (1, 2) and len(out) == one.samples:
                self._values[id(out)] = out, one.hashes
                self._count = self._count if out.requires_grad else one.samples

    def _use(self, call: TorchCall) -> None:
        """Flags enter a computation, after the values of a batch of so many are there."""
        if self._count and not self.progress.in_call:
            for one in tensors_in(list(call.args)):
                if one.numel() == self._count and len(self._used) < _MOST_USED:
                    self._used[id(one)] = one

    def _chosen(self, call: TorchCall) -> None:
        if not self._values or self.progress.in_call:
            return
        known = self._values.get(id(call.args[0])) if call.args else None
        for target, line in self._targets[:]:
            if call.args and call.args[0] is target.tensor and isinstance(call.result, torch.Tensor):
                self._targets.append((replace(target, tensor=call.result), line))
        if known is None or known[0]._version:
            self._use(call)
            return
        for one in tensors_in(list(call.args[1:])):  # what is gathered by
            self._used[id(one)] = one
        result = call.result if isinstance(call.result, torch.Tensor) else getattr(call.result, "values", None)
        if isinstance(result, torch.Tensor) and result.is_floating_point():
            self._values[id(result)] = result, known[1]
            if not result.requires_grad:
                self._count = len(known[1])

    def _multiplied(self, call: TorchCall) -> None:
        if not self._count or self.progress.in_call or len(call.args) < 2:
            return
        a, b = call.args[:2]
        value, factor = (a, b) if isinstance(a, torch.Tensor) else (b, a)
        known = self._values.get(id(value))
        if known is not None and isinstance(factor, float) and _LEAST_DISCOUNT <= factor < 1 \
                and not value.requires_grad and not value._version and value.numel() == len(known[1]):
            self._discounted[id(call.result)] = call.result, known[1]
        else:
            self._use(call)

    def _added(self, call: TorchCall) -> None:
        if not self._count or self.progress.in_call:
            return
        tensors = [one for one in call.args[:2] if isinstance(one, torch.Tensor)]
        known = next((self._discounted[id(one)] for one in tensors if id(one) in self._discounted), None)
        if known is None or len(tensors) < 2 or not isinstance(call.result, torch.Tensor) \
                or call.result.numel() != known[0].numel():
            self._use(call)
            return
        for one in tensors:
            self._used[id(one)] = one
        self._targets.append((_Target(call.result, call.result._version, known[1],
                                      _flags(known[0].numel())), caller_location()))

    def _lost(self, call: TorchCall) -> None:
        """A loss whose target is reward + discount · value, as it was."""
        self._held_against(call.argument(1, "target", None))

    def _subtracted(self, call: TorchCall) -> None:
        """A loss that is written by hand begins with a difference."""
        self._use(call)
        if isinstance(call.result, torch.Tensor) and call.result.requires_grad:
            for one in call.args[:2]:
                self._held_against(one)

    def _held_against(self, y: Any) -> None:
        for target, line in self._targets:
            if target.tensor is y and y._version == target.version and torch.is_grad_enabled():
                unused = [one for one in target.flags if id(one) not in self._used]
                seen = self.by_line.setdefault(line, _Transitions())
                if len(unused) == 1 and seen.looks < _MOST_LOOKS:
                    seen.looks += 1
                    ends = unused[0].reshape(-1).bool().cpu().numpy()
                    seen.ends.update(target.states[ends].tolist())
                    seen.others.update(target.states[~ends].tolist())

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._forget()

    def _forget(self) -> None:
        self._values, self._discounted, self._targets, self._used = {}, {}, [], {}
        self._count = 0


def _flags(count: int) -> list[torch.Tensor]:
    """Tensors of `count` zeros and ones, both of them, among the variables of the script's function."""
    frame = sys._getframe(1)
    line = caller_location()
    for _ in range(_MOST_FRAMES):
        if line is None or frame.f_back is None:
            return []
        frame = frame.f_back
        if frame.f_code.co_filename == line.file:
            break
    found = []
    for one in tensors_in(list(frame.f_locals.values())):
        if one.numel() == count and not one.requires_grad and one.ndim in (1, 2) \
                and bool(((one == 0) | (one == 1)).all()) and bool(one.any()) and not bool(one.all()):
            found.append(one)
    return found


@builds(BootstrapTargets)
def bootstrap_targets(run: WatchedRun) -> Built:
    observer = run.observer(Bootstraps)
    for line, seen in observer.by_line.items():
        ends = seen.ends - seen.others
        yield BootstrapTargets(seen.looks, len(seen.ends), len(seen.ends - ends) + len(ends & observer.acted),
                               len(seen.others), len(seen.others & observer.acted)), line
