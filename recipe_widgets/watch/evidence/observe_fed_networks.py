"""Networks that get the output of another one, with its graph: discriminators, critics."""

from __future__ import annotations

from typing import Any

from torch import nn

from recipe_widgets.watch.evidence.forward_pass import tensors_in
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder


class FedNetworks(Observer):
    """ids: of their parameters."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.ids: set[int] = set()

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        if self.progress.full and any(x.grad_fn is not None for x in tensors_in(args)):
            record = self.records.models.of(model)
            if record is not None:
                self.ids |= record.ids
