"""The losses of a run: their calls, their values, and what each one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from recipe_widgets.rules.training_evidence import LossPass
from recipe_widgets.watch.evidence.forward_pass import PendingPasses
from recipe_widgets.watch.evidence.loss_recognition import KINDS, LossCall, observe_loss
from recipe_widgets.watch.instrument.autograd_graph import (
    last_operation,
    scalar_operations,
)
from recipe_widgets.watch.instrument.progress import WatchProgress
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_CALLS, _MOST_CANDIDATES = 64, 24  # of one backward pass
_MOST_VALUES, _THINNED = 6000, slice(1000, 5000, 2)  # of the curve; its middle is thinned out
_MOST_OUTPUTS = 16  # of one backward pass, that are looked at
MOST_TORCH_CALLS = 3_000_000  # that are searched for targets; then the close looks end
_CLASS_ARGUMENTS = ("input", "target", "weight", "size_average", "ignore_index", "reduce",
                    "reduction", "label_smoothing")


@dataclass
class LossRecords:
    """Attributes:
        by_line: (line, function) -> what was observed of the loss there.
        curve: (step, loss, line of its backward), without the factor of a GradScaler.
    """

    progress: WatchProgress
    pending: PendingPasses
    by_line: dict[tuple[SourceLocation | None, Any], list[LossPass]] = field(default_factory=dict)
    curve: list[tuple[int, float, SourceLocation | None]] = field(default_factory=list)
    torch_calls_seen: int = 0
    _calls: list[LossCall] = field(default_factory=list)
    _candidates: list[torch.Tensor] = field(default_factory=list)  # possible targets
    _loss: torch.Tensor | None = None
    _scalars: list[str] = field(default_factory=list)

    def torch_calls(self) -> dict[Any, CallHandler]:
        """Handlers of single torch calls."""
        return dict.fromkeys(KINDS, self._loss_called)

    # forward

    def outputs_made(self, outputs: Sequence[torch.Tensor]) -> None:
        """Outputs of a model may enter a loss that is written by hand."""
        for output in outputs:
            self._add(LossCall(None, output, None))

    def _add(self, call: LossCall) -> None:
        call.follow_gradient()
        self._calls.append(call)

    def _loss_called(self, call: TorchCall) -> None:
        if not self.progress.close or not torch.is_grad_enabled():
            return
        classes = call.function in (F.cross_entropy, F.nll_loss)
        names = _CLASS_ARGUMENTS if classes else ("input", "target")
        options = dict(zip(names, call.args, strict=False)) | call.kwargs
        z, y = options.pop("input", None), options.pop("target", None)
        if isinstance(z, torch.Tensor) and isinstance(y, torch.Tensor) and z.requires_grad \
                and len(self._calls) < _MOST_CALLS:
            self._add(LossCall(call.function, z, y, options, caller_location()))

    def find_candidates(self, args: Any, kwargs: dict[str, Any]) -> None:
        """Tensors without a graph that meet the output on its way to the loss."""
        self.torch_calls_seen += 1
        newest = self.pending.newest
        if newest is None or len(self._candidates) > _MOST_CANDIDATES:
            return
        for argument in (*args, *kwargs.values()):
            for one in argument if isinstance(argument, (tuple, list)) else (argument, ):
                if isinstance(one, torch.Tensor) and not one.requires_grad and one.ndim \
                        and len(one) == newest.samples \
                        and all(one is not known for known in self._candidates):
                    self._candidates.append(one)

    @property
    def candidates(self) -> list[torch.Tensor]:
        """Possible targets of the loss that is built: tensors without a graph, a row per sample."""
        return self._candidates

    # backward

    def before_backward(self, loss: torch.Tensor) -> None:
        """Reads the graph, which the backward pass frees."""
        self._loss, close = loss, self.progress.close
        self._scalars = scalar_operations(loss) if close else []
        for call in self._calls:
            call.made_by = last_operation(call.z) if close else ""

    def after_backward(self, line: SourceLocation | None, factor: float) -> float:
        """The loss, times the factor; NaN when it would have to be fetched from a GPU."""
        assert self._loss is not None
        return self.note_value(self._loss, line, factor)

    def note_value(self, loss: torch.Tensor, line: SourceLocation | None, factor: float) -> float:
        """Adds to the curve, and returns what `after_backward` does."""
        close, value = self.progress.close, float("nan")
        if loss.device.type == "cpu" or close:
            value = float(loss.item() if loss.numel() == 1 else loss.detach().reshape(-1)[0])
        if value == value or close:
            self.curve.append((self.progress.step, value / factor, line))
        if len(self.curve) > _MOST_VALUES:
            del self.curve[_THINNED]
        return value

    def observe(self, value: float, factor: float, line: SourceLocation | None,
                has_bias: bool) -> list[torch.Tensor | None]:
        """What each loss of this pass is; gives the target of each."""
        targets: list[torch.Tensor | None] = []
        reached = [call for call in self._calls if call.gradients]
        named = [call for call in reached if call.function is not None]
        # outputs count only where no function of torch was called; an episode has hundreds
        for call in named or reached[::max(1, len(reached) // _MOST_OUTPUTS)]:
            call.candidates = self._candidates
            observed = observe_loss(call, self.progress.step, value, factor, self._scalars,
                                    has_bias)
            if observed is not None:
                loss, target = observed
                self.by_line.setdefault((call.line or line, call.function), []).append(loss)
                targets.append(target)
        return targets

    def forget_calls(self) -> None:
        """What was called before belongs to another step."""
        self._calls, self._candidates = [], []

    @property
    def trains_badly(self) -> bool:
        """Is the training loss still above 0.7 of where it began?"""
        share = self._share_left
        return share is not None and share > 0.7

    @property
    def falls(self) -> bool:
        """Has the training loss fallen, by a twentieth at least?"""
        share = self._share_left
        return share is not None and share < 0.95

    @property
    def _share_left(self) -> float | None:
        """Of the loss in the beginning; None where there are too few, or the first ones are 0."""
        losses = [value for _, value, _ in self.curve if value == value]
        first = float(np.median(losses[:5])) if len(losses) >= 20 else 0.0
        return float(np.median(losses[-10:])) / first if first > 0 else None

