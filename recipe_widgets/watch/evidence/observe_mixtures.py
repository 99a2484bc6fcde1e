"""Batches that are mixed with themselves in another order."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, NamedTuple

import torch

from recipe_widgets.rules.mixed_samples import ScaledPartners
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.tensor_notes import TensorNotes
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall


class _Partner(NamedTuple):
    """Another order of a batch. share: what the batch had been multiplied by. factor: what this was
    multiplied by since.
    """

    share: float
    factor: float = 1.0


class Mixtures(Observer):
    """Attributes:
    found: line -> mixtures whose partners had been scaled. shares: line -> the last share.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.found: Counter[SourceLocation | None] = Counter()
        self.shares: dict[SourceLocation | None, float] = {}
        self._scaled = TensorNotes[float]()
        self._partners = TensorNotes[_Partner]()

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        return {
            **dict.fromkeys((tensor.mul_, tensor.__imul__), self._multiplied_in_place),
            **dict.fromkeys(
                (tensor.mul, torch.mul, tensor.__mul__, tensor.__rmul__), self._multiplied
            ),
            **dict.fromkeys(
                (
                    tensor.flip,
                    torch.flip,
                    tensor.roll,
                    torch.roll,
                    tensor.__getitem__,
                    tensor.index_select,
                    torch.index_select,
                ),
                self._reordered,
            ),
            **dict.fromkeys(
                (tensor.add_, tensor.__iadd__, tensor.add, torch.add, tensor.__add__), self._added
            ),
        }

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._scaled.clear()
        self._partners.clear()

    def _multiplied_in_place(self, call: TorchCall) -> None:
        x, factor = call.args[0], _number(call.argument(1, "other"))
        partner = self._partners.of(x)
        if factor is None:
            return
        if partner is not None:
            self._partners[x] = partner._replace(factor=partner.factor * factor)
        elif 0 < factor < 1 and x.ndim > 1 and not x.requires_grad and self.progress.close:
            self._scaled[x] = factor

    def _multiplied(self, call: TorchCall) -> None:
        if len(self._partners):
            one, other = call.args[0], call.argument(1, "other")
            for x, number in ((one, other), (other, one)):
                partner, factor = self._partners.of(x), _number(number)
                if partner is not None and factor is not None:
                    self._partners[call.result] = partner._replace(factor=partner.factor * factor)

    def _reordered(self, call: TorchCall) -> None:
        share = self._scaled.of(call.args[0]) if len(self._scaled) else None
        if share is not None and call.result.shape == call.args[0].shape:
            self._partners[call.result] = _Partner(share)

    def _added(self, call: TorchCall) -> None:
        if not len(self._partners):
            return
        x, other = call.args[0], call.argument(1, "other")
        share, partner = self._scaled.of(x), self._partners.of(other)
        alpha = _number(call.kwargs.get("alpha", 1))
        if share is None or partner is None or alpha is None or partner.share != share:
            return
        if math.isclose(partner.factor * alpha, 1 - share, rel_tol=1e-4):
            line = caller_location()
            self.found[line] += 1
            self.shares[line] = share


def _number(thing: Any) -> float | None:
    if isinstance(thing, torch.Tensor):
        return float(thing) if thing.numel() == 1 and not thing.requires_grad else None
    try:
        return float(thing)
    except (TypeError, ValueError):
        return None


@builds(ScaledPartners)
def scaled_partners(run: WatchedRun) -> Built:
    seen = run.observer(Mixtures)
    for line, times in seen.found.items():
        yield ScaledPartners(times, seen.shares[line]), line
