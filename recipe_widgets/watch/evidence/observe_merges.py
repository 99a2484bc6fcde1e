"""Layers that take the place of others with an adapter."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from recipe_widgets.rules.merged_adapter import MergedLayer
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_MOST_MERGES, _MOST_NUMBERS, _ROWS = 64, 20_000_000, 16


class Merges(Observer):
    """found: of each layer that was replaced, with the line."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.found: list[tuple[MergedLayer, SourceLocation | None]] = []

    def module_registered(self, parent: nn.Module, name: str, module: nn.Module) -> None:
        old = parent._modules.get(name)
        if not self.progress.step or old is None or old is module or not isinstance(module, nn.Linear) \
                or len(self.found) >= _MOST_MERGES or module.weight.numel() > _MOST_NUMBERS:
            return
        base: Any = next((one for one in old.children() if _same_form(one, module)), None)
        own = [p for p in old.parameters() if p.ndim == 2]
        if base is None or base is module or len(own) < 2 or torch.equal(base.weight, module.weight):
            return
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(_ROWS, module.in_features, generator=generator).to(module.weight)
        with torch.no_grad():  # of a copy: its forward may count, or draw random numbers
            before = copy.deepcopy(old).eval()(x)
            plain, now = base(x), module(x)
        if isinstance(before, torch.Tensor) and before.shape == now.shape:
            self.found.append((_compared(name, before - plain, now - plain), caller_location()))


def _same_form(one: Any, module: nn.Linear) -> bool:
    return isinstance(one, nn.Linear) and one.weight.shape == module.weight.shape \
        and one.weight.dtype == module.weight.dtype and (one.bias is None) == (module.bias is None)


def _compared(name: str, adapter: torch.Tensor, merged: torch.Tensor) -> MergedLayer:
    one, other = adapter.double().flatten(), merged.double().flatten()
    factor = float(one @ other) / max(1e-30, float(one @ one))
    rest = float((other - factor * one).norm()) / max(1e-30, float(other.norm()))
    return MergedLayer(name, factor, rest)


@builds(MergedLayer)
def merged_layers(run: WatchedRun) -> Built:
    yield from run.observer(Merges).found
