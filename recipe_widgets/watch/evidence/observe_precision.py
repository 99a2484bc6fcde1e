"""What steps change in weights of half precision, and which gradients a GradScaler has scaled."""

from __future__ import annotations

import weakref
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import torch

from recipe_widgets.rules.update_precision import RoundedUpdates, ScaledSteps
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.optimizer_record import OptimizerRecord
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds

_HALF = (torch.bfloat16, torch.float16)
_MOST_NUMBERS, _MOST_TENSORS = 500_000, 6
_COMPENSATED = ("shift", "compensation", "kahan", "master", "residual")  # in names of states
_DEEPEST = 8  # operations between a scaled loss and what backward is called on


@dataclass(eq=False)
class _Optimizer:
    """backwards: passes that had reached it. fresh: was there one since the last step?
    from_scaled: came the last one from a scaled loss?
    """

    record: OptimizerRecord
    backwards: int = 0
    fresh: bool = False
    from_scaled: bool = False
    steps: int = 0
    scaled: int = 0
    unscaled: int = 0
    shares: list[float] = field(default_factory=list)
    dtype: str = ""
    lr: float = 0.0


class UpdatePrecision(Observer):
    """optimizers: by id of their record. updates, skipped: of all GradScalers."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.optimizers: dict[int, _Optimizer] = {}
        self.updates = self.skipped = 0
        self._factors: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()
        self._scaled: deque[Any] = deque(maxlen=8)  # what made the last scaled losses
        self._root_is_scaled = False
        self._before: list[tuple[torch.Tensor, torch.Tensor]] = []

    def _of(self, record: OptimizerRecord) -> _Optimizer:
        return self.optimizers.setdefault(id(record), _Optimizer(record))

    # scaling

    def loss_scaled(self, scaler: Any, scaled: Any) -> None:
        if not scaler.is_enabled():
            return
        losses = scaled if isinstance(scaled, (tuple, list)) else [scaled]
        self._scaled.extend(one.grad_fn for one in losses if one.grad_fn is not None)

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        if self._scaled:
            root = roots[0]
            self._root_is_scaled = _leads_to(root, set(self._scaled))

    def after_backward(self) -> None:
        if not self._scaled:
            return
        for record in self.records.optimizers:
            one = self._of(record)
            if record.gradients.backwards != one.backwards:
                one.backwards, one.fresh = record.gradients.backwards, True
                one.from_scaled = self._root_is_scaled

    def scale_updated(self, scaler: Any) -> None:
        if not scaler.is_enabled():
            return
        factor = float(scaler.get_scale())
        before = self._factors.get(scaler)
        if before is not None:
            self.updates += 1
            self.skipped += factor < before
        self._factors[scaler] = factor

    # steps

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        record = self.records.optimizers.of(optimizer)
        if record is None:
            return
        if self._scaled and getattr(optimizer, "grad_scale", None) is None:
            one, still_in = self._of(record), self.records.grad_scaler.is_in(record)
            if self.records.grad_scaler.factor != 1.0 and one.fresh:
                one.fresh = False
                one.steps += 1
                one.scaled += one.from_scaled and still_in
                one.unscaled += not one.from_scaled and not still_in
        if self.progress.full:
            self._copy(optimizer)

    def _copy(self, optimizer: torch.optim.Optimizer) -> None:
        """Copies a few weights of half precision that have a gradient."""
        self._before, room = [], _MOST_NUMBERS
        for group in optimizer.param_groups:
            for p in group["params"] if float(group.get("lr", 0.0)) else ():
                if p.dtype in _HALF and p.grad is not None and not p.grad.is_sparse \
                        and p.ndim >= 2 and p.numel() <= room and len(self._before) < _MOST_TENSORS:
                    room -= p.numel()
                    self._before.append((p, p.detach().clone()))

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        before, self._before = self._before, []
        record = self.records.optimizers.of(optimizer) if before else None
        if record is None:
            return
        pulled = unchanged = 0
        for p, old in before:
            names = " ".join(map(str, optimizer.state.get(p, {}))).lower()
            if p.grad is not None and not any(word in names for word in _COMPENSATED):
                has_gradient = p.grad != 0
                pulled += int(has_gradient.sum())
                unchanged += int((has_gradient & (p.detach() == old)).sum())
        if pulled:
            one = self._of(record)
            one.shares.append(unchanged / pulled)
            one.dtype = str(before[0][0].dtype).removeprefix("torch.")
            one.lr = float(optimizer.param_groups[0].get("lr", 0.0))


def _leads_to(root: torch.Tensor, nodes: set[Any]) -> bool:
    """Was the root made by one of these nodes, or of its result by few operations?"""
    layer = {root.grad_fn}
    for _ in range(_DEEPEST):
        if layer & nodes:
            return True
        layer = {child for node in layer if node is not None for child, _ in node.next_functions}
    return False


@builds(RoundedUpdates)
def rounded_updates(run: WatchedRun) -> Built:
    for one in run.observer(UpdatePrecision).optimizers.values():
        if one.shares:
            yield RoundedUpdates(one.dtype, one.shares, one.lr), one.record.step_line


@builds(ScaledSteps)
def scaled_steps(run: WatchedRun) -> Built:
    observer = run.observer(UpdatePrecision)
    for number, one in enumerate(observer.optimizers.values()):
        # what the scalers did is told once
        updates, skipped = (0, 0) if number else (observer.updates, observer.skipped)
        if one.steps or updates:
            yield ScaledSteps(one.steps, one.scaled, one.unscaled, updates,
                              skipped), one.record.step_line
