"""Tensors that a network adds to themselves."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch

from recipe_widgets.rules.residual import AddedToItself
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall


class ResidualSums(Observer):
    """found: line -> times that a tensor was added to itself."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.found: Counter[SourceLocation | None] = Counter()

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        return dict.fromkeys(
            (torch.add, tensor.add, tensor.add_, tensor.__add__, tensor.__iadd__), self._added
        )

    def _added(self, call: TorchCall) -> None:
        same = len(call.args) > 1 and call.args[0] is call.args[1]
        if same and self.progress.in_call and call.result.requires_grad and call.result.ndim > 1:
            self.found[caller_location()] += 1


@builds(AddedToItself)
def added_to_itself(run: WatchedRun) -> Built:
    for line, times in run.observer(ResidualSums).found.items():
        yield AddedToItself(times), line
