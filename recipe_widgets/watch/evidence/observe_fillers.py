"""Numbers that are filled in so as to be left out, and searches that find them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from recipe_widgets.rules.masked_extreme import FoundFillers
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.tensor_notes import TensorNotes
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_LARGE = 1000.0  # smaller fillers may be numbers like others
_MOST_NUMBERS, _MOST_LINES, _MOST_NOTES = 4_000_000, 50, 1000


@dataclass
class _Searches:
    """As of `FoundFillers`."""

    what: str
    filler: float
    calls: int = 0
    only: int = 0


class Fillers(Observer):
    """searches: by line."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.searches: dict[SourceLocation | None, _Searches] = {}
        self._filled = TensorNotes[float]()

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        fills = (tensor.masked_fill, torch.masked_fill, tensor.masked_fill_, tensor.fill_diagonal_)
        most = (tensor.max, torch.max, tensor.amax, torch.amax, tensor.argmax, torch.argmax, tensor.topk,
                torch.topk)
        least = (tensor.min, torch.min, tensor.amin, torch.amin, tensor.argmin, torch.argmin)
        return {
            **dict.fromkeys(fills, self._fill), torch.where: self._where,
            tensor.__setitem__: self._assign, **dict.fromkeys(most, self._most),
            **dict.fromkeys(least, self._least),
        }

    def _note(self, tensor: Any, value: Any) -> None:
        if isinstance(value, torch.Tensor) and value.numel() == 1:
            value = float(value)
        if self.progress.close and isinstance(value, (int, float)) and abs(value) >= _LARGE \
                and isinstance(tensor, torch.Tensor) and len(self._filled) < _MOST_NOTES:
            self._filled[tensor] = float(value)

    def _fill(self, call: TorchCall) -> None:
        self._note(call.result, call.kwargs.get("value", call.args[-1]))

    def _where(self, call: TorchCall) -> None:
        for value in call.args[1:3]:
            if not isinstance(value, torch.Tensor) or value.ndim == 0:
                self._note(call.result, value)

    def _assign(self, call: TorchCall) -> None:
        self._note(call.args[0], call.args[2])

    def _most(self, call: TorchCall) -> None:
        self._search(call, "max")

    def _least(self, call: TorchCall) -> None:
        self._search(call, "min")

    def _search(self, call: TorchCall, what: str) -> None:
        x = call.args[0]
        filler = self._filled.of(x)
        if filler is None or not x.is_floating_point() or not 0 < x.numel() <= _MOST_NUMBERS:
            return
        axis = call.argument(2, "dim") if "topk" in call.function.__name__ else call.argument(1, "dim")
        if isinstance(axis, torch.Tensor):  # the larger one of two tensors
            return
        if call.kwargs.get("largest") is False:
            what = "min"
        line = caller_location()
        if line not in self.searches and len(self.searches) >= _MOST_LINES:
            return
        record = self.searches.setdefault(line, _Searches(what, filler))
        record.calls += 1
        values = x.detach()
        if axis is None:
            axis = -1 if "topk" in call.function.__name__ else tuple(range(x.ndim))
        masked = values == torch.tensor(filler, dtype=x.dtype, device=x.device)
        best = values.amax(axis) if what == "max" else values.amin(axis)
        only = best == torch.tensor(filler, dtype=x.dtype, device=x.device)
        whole = masked.all() if isinstance(axis, tuple) else masked.all(axis).any()
        record.only += bool(only.all()) and not bool(whole)

    def after_backward(self) -> None:
        self._filled.clear()

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._filled.clear()


@builds(FoundFillers)
def found_fillers(run: WatchedRun) -> Built:
    for line, one in run.observer(Fillers).searches.items():
        yield FoundFillers(one.what, one.filler, one.calls, one.only), line
