"""Gradients that the script sets to zero between backward and step, and whether a step moves the
weights all the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.rules.masked_gradients import MaskedWeights
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_PARAMETERS, _MOST_NUMBERS, _MOST_FOUND = 64, 1_000_000, 20
_EVERY = 4  # of the steps that are looked at closely
_FEWEST_NUMBERS, _LEAST_SHARE, _FEWEST_ROWS = 8, 0.02, 2


@dataclass(eq=False)
class _Masked:
    """A parameter whose gradient is masked.

    Attributes:
        mask: numbers that were masked at any look. varies: one of them had a gradient at another.
    """

    parameter: weakref.ref[torch.Tensor]
    optimizer: str
    line: SourceLocation | None
    mask: torch.Tensor
    decay: float
    frozen: bool = False
    varies: bool = False
    looks: int = 0
    moved: int = 0


class MaskedGradients(Observer):
    """found: by id of the parameter."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.found: dict[int, _Masked] = {}
        # id of a parameter -> (its gradient's id and version, was it zero?) after the last pass
        self._raw: dict[int, tuple[tuple[int, int], torch.Tensor]] = {}
        self._rows: dict[int, torch.Tensor] = {}  # id of an embedding -> rows used in this pass
        self._moving: list[tuple[_Masked, torch.Tensor, torch.Tensor]] = []  # with values before a step

    def torch_calls(self) -> dict[Any, CallHandler]:
        return {F.embedding: self._embedded}

    @property
    def _looks(self) -> bool:
        return self.progress.full or (self.progress.close and self.progress.step % _EVERY == 0)

    def _embedded(self, call: TorchCall) -> None:
        rows, weight = call.argument(0, "input"), call.argument(1, "weight")
        if not self._looks or not torch.is_grad_enabled() or not isinstance(weight, nn.Parameter) \
                or not _has_hooks(weight) or weight.numel() > _MOST_NUMBERS:
            return
        used = torch.zeros(len(weight), dtype=torch.bool, device=weight.device)
        used[rows.reshape(-1)] = True
        padding = call.argument(2, "padding_idx")
        if padding is not None:
            used[padding] = False
        self._rows[id(weight)] = used

    def before_forward(self, model: nn.Module) -> None:
        self._see_what_moved()

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        self._see_what_moved()

    def after_backward(self) -> None:
        self._raw = {}
        if not self._looks:
            return
        for record in self.records.optimizers:
            if record.is_alive and not record.by_hand:
                for p in record.parameters()[:_MOST_PARAMETERS]:
                    mark, gradient = _mark(p), p.grad
                    if mark is not None and gradient is not None:
                        zero = _few(gradient) == 0
                        used = self._rows.get(id(p))
                        if used is not None:  # what a hook has masked within the pass
                            hidden = used & gradient.eq(0).all(1)
                            if int(hidden.sum()) >= _FEWEST_ROWS:
                                zero = zero & ~hidden.repeat_interleave(p.shape[1])
                                mark = (0, 0)
                        self._raw[id(p)] = mark, zero
        self._rows = {}

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        record = self.records.optimizers.of(optimizer)
        if record is None or not (self._raw or self._looks):
            return
        seen = 0
        for group, p in _parameters(optimizer):
            seen += 1
            if seen > _MOST_PARAMETERS or p.grad is None:
                continue
            raw, mark = self._raw.get(id(p)), _mark(p)
            if mark is None or p.grad is None:
                continue
            masked = None
            if raw is not None and raw[0] != mark:
                masked = (_few(p.grad) == 0) & ~raw[1]
                if not _is_mask(masked) or self._all_zero(optimizer):
                    masked = None
            elif self._looks and not p.requires_grad and not bool(p.grad.any()):
                masked = _few(p.grad) == 0
            known = self.found.get(id(p))
            if known is not None and bool((known.mask & (_few(p.grad) != 0)).any()):
                known.varies = True
            if masked is None or len(self.found) >= _MOST_FOUND:
                continue
            if known is None or known.parameter() is not p:
                known = self.found[id(p)] = _Masked(
                    weakref.ref(p), record.kind, record.step_line, masked,
                    float(group.get("weight_decay", 0.0) or 0.0), not p.requires_grad)
            known.mask = known.mask | masked
            self._moving.append((known, masked, _few(p).clone()))

    @staticmethod
    def _all_zero(optimizer: torch.optim.Optimizer) -> bool:
        """They were all cleared: that is no mask."""
        return not any(p.grad is not None and bool(p.grad.any()) for _, p in _parameters(optimizer))

    def _see_what_moved(self) -> None:
        """Before the next pass: by now the script may have put them back."""
        if not self._moving:
            return
        for one, masked, before in self._moving:
            p = one.parameter()
            if p is not None and _few(p).shape == before.shape:
                one.looks += 1
                one.moved += bool(((_few(p) != before) & masked).any())
        self._moving = []

    def rest_ended(self, within_step: bool) -> None:
        self._moving, self._raw = [], {}  # other steps have moved them since

    def script_ended(self) -> None:
        self._see_what_moved()


def _parameters(optimizer: torch.optim.Optimizer) -> Iterator[tuple[dict[str, Any], torch.Tensor]]:
    return ((group, p) for group in optimizer.param_groups for p in group["params"])


def _mark(p: torch.Tensor) -> tuple[int, int] | None:
    """Of its gradient: torch raises the version with each write. None where it is not looked at."""
    if p.grad is None or p.grad.layout != torch.strided:
        return None
    return id(p.grad), p.grad._version


def _few(tensor: torch.Tensor) -> torch.Tensor:
    """(n,) of its numbers: all, or so many at equal distances."""
    return tensor.detach().reshape(-1)[::max(1, tensor.numel() // _MOST_NUMBERS)]


def _is_mask(masked: torch.Tensor) -> bool:
    return int(masked.sum()) >= max(_FEWEST_NUMBERS, _LEAST_SHARE * masked.numel())


def _has_hooks(p: torch.Tensor) -> bool:
    return bool(p._backward_hooks or getattr(p, "_post_accumulate_grad_hooks", None))


@builds(MaskedWeights)
def masked_weights(run: WatchedRun) -> Built:
    names = {
        id(p): name
        for module in run.records.models.retained.values() for name, p in module.named_parameters()
    }
    for key, one in run.observer(MaskedGradients).found.items():
        if not one.varies:
            p = one.parameter()
            size = p.numel() if p is not None else one.mask.numel()
            masked = round(float(one.mask.float().mean()) * size)
            yield MaskedWeights(names.get(key, "a parameter"), one.optimizer, one.decay, masked, size,
                                one.looks, one.moved, one.frozen), one.line
