"""Training under autocast in float16, and how small its gradients are."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recipe_widgets.rules.update_precision import HalfGradients
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds

_LEAST = 2.0**-14  # smallest normal number of float16
_MOST_TENSORS, _MOST_NUMBERS = 40, 2_000_000


class AutocastSteps(Observer):
    """shares: of each look, as of `HalfGradients`."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.shares: list[float] = []
        self._half = False  # did a forward pass run in float16 since the last backward pass?

    def submodule_called(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self._half |= _in_half()  # the script may switch it on within the model's forward

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        self._half |= torch.is_grad_enabled() and _in_half()

    def after_backward(self) -> None:
        half, self._half = self._half, False
        if not half or not self.progress.full or self.records.grad_scaler.used:
            return
        small = seen = 0
        room = _MOST_NUMBERS
        for record in self.records.optimizers:
            for p in record.parameters()[:_MOST_TENSORS]:
                if p.grad is not None and not p.grad.is_sparse and p.numel() <= room:
                    room -= p.numel()
                    size = p.grad.detach().abs()
                    seen += int((size > 0).sum())
                    small += int(((size > 0) & (size < _LEAST)).sum())
        if seen:
            self.shares.append(small / seen)


def _in_half() -> bool:
    return any(
        torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) is torch.float16
        for device in ("cpu", "cuda"))


@builds(HalfGradients)
def half_gradients(run: WatchedRun) -> Built:
    seen = run.observer(AutocastSteps)
    if seen.shares and not run.records.grad_scaler.used:
        yield HalfGradients(tuple(seen.shares)), run.model_line
