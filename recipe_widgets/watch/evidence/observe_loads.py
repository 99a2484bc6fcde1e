"""What becomes of weights that were loaded, until the model is first called."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from recipe_widgets.rules.overwritten_weights import WeightsAfterLoad
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_MOST_PER_LINE = 3  # a target network loads again and again
_NUMBERS = 256  # of a tensor that stand for it
_FEWEST_NUMBERS, _UNRELATED = 32, 0.3  # correlation of what is there with what was loaded


@dataclass
class _LoadedTensor:
    """numbers: a few of those that were loaded. initialised: line of an init that came later."""

    tensor: weakref.ref[torch.Tensor]
    name: str
    pointer: int
    numbers: torch.Tensor
    initialised: SourceLocation | None = None
    was_initialised: bool = False


@dataclass
class _Load:
    line: SourceLocation | None
    tensors: list[_LoadedTensor] = field(default_factory=list)


class Loads(Observer):
    """Attributes:
        seen: (evidence, line of the init or of the load).
    """

    def __init__(self, records: Any) -> None:
        super().__init__(records)
        self.seen: list[tuple[WeightsAfterLoad, SourceLocation | None]] = []
        self._pending: list[_Load] = []
        self._times: Counter[SourceLocation | None] = Counter()

    def after_state_loaded(self, module: nn.Module, state: Any, before: Any, result: Any) -> None:
        line = caller_location()
        self._times[line] += 1
        if self._times[line] > _MOST_PER_LINE:
            return
        load = _Load(line)
        for name, p in module.named_parameters():
            # biases and norms may well be loaded as the zeros and ones that an init gives
            if name in state and p.ndim >= 2 and p.numel() and not p.is_meta:
                load.tensors.append(_LoadedTensor(weakref.ref(p), name, p.data_ptr(), _some_of(p)))
        ids = {id(one.tensor()) for one in load.tensors}
        for other in self._pending:  # loaded once more: what was loaded before is meant to go
            other.tensors = [one for one in other.tensors if id(one.tensor()) not in ids]
        self._pending.append(load)

    def tensor_initialised(self, tensor: Any) -> None:
        if not self._pending or not isinstance(tensor, torch.Tensor):
            return
        pointer = tensor.data_ptr()  # of p.data, too
        for load in self._pending:
            for one in load.tensors:
                if one.pointer == pointer or one.tensor() is tensor:
                    one.was_initialised, one.initialised = True, caller_location()

    def before_forward(self, model: nn.Module) -> None:
        if not self._pending:
            return
        ids = {id(p) for p in model.parameters()}
        for load in self._pending[:]:
            if any(id(one.tensor()) in ids for one in load.tensors):
                self._pending.remove(load)
                self._judge(load)

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._pending.clear()  # whatever is written from now on may be learnt

    def _judge(self, load: _Load) -> None:
        alive = [(one, p) for one in load.tensors if (p := one.tensor()) is not None]
        gone = [one for one, p in alive if one.was_initialised and _is_unrelated(p, one.numbers)]
        other = [one for one, p in alive
                 if not one.was_initialised and _is_unrelated(p, one.numbers)]
        if gone or other:
            line = gone[0].initialised if gone else load.line
            self.seen.append((WeightsAfterLoad(
                len(alive), [one.name for one in gone], [one.name for one in other],
                str(load.line or "")), line))


def _some_of(p: torch.Tensor) -> torch.Tensor:
    flat = p.detach().reshape(-1)
    return flat[::max(1, len(flat) // _NUMBERS)].float().clone()


def _is_unrelated(p: torch.Tensor, loaded: torch.Tensor) -> bool:
    """Has it nothing in common with what was loaded? Scaled, pruned or averaged weights have."""
    now = _some_of(p).to(loaded.device)
    if len(now) != len(loaded) or torch.equal(now, loaded):
        return False
    if len(now) < _FEWEST_NUMBERS:
        return not bool((now == loaded).any())
    # centred, as an average of 1 in both of them would look like a likeness
    now, loaded = now - now.mean(), loaded - loaded.mean()
    size = float(now.norm() * loaded.norm())
    return size == 0 or abs(float(now @ loaded)) < _UNRELATED * size


@builds(WeightsAfterLoad)
def weights_after_load(run: WatchedRun) -> Built:
    yield from run.observer(Loads).seen
