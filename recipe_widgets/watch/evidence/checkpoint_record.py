"""State dicts: when they were taken, loaded and saved."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import nn

from recipe_widgets.watch.instrument.progress import WatchProgress
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location


@dataclass(frozen=True)
class StateDictUse:
    """A state dict that was loaded, or saved while it was the running weights.

    Attributes:
        alias: are all its tensors the module's own? keys: their number.
        missing, unexpected: names that load_state_dict returned.
        own: was it taken from the very module that it is loaded into?
        step: of this use. taken: step at which it was taken from its module, where that is known.
    """

    alias: bool
    keys: int
    step: int
    taken: int | None
    line: SourceLocation | None
    saved: bool = False
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    own: bool = False


class _Taken(NamedTuple):
    """A state dict as it was taken. versions: sum over its tensors."""

    state: weakref.ref[Any]
    module: weakref.ref[nn.Module]
    step: int
    versions: int


def _versions(state: Any) -> int:
    """Torch raises a tensor's version with each write in place."""
    return sum(v._version for v in state.values()
               if isinstance(v, torch.Tensor) and not v.is_inference())


@dataclass
class CheckpointRecords:
    """uses: what was loaded and saved, in order."""

    progress: WatchProgress
    uses: list[StateDictUse] = field(default_factory=list)
    # by id of the state
    _taken: dict[int, _Taken] = field(default_factory=dict)

    @property
    def loaded(self) -> bool:
        """Were weights loaded? Who knows then what the model knows at its first step."""
        return bool(self.uses)

    def taken(self, module: nn.Module, state: Any) -> None:
        if isinstance(state, OrderedDict):  # plain dicts take no weak reference
            self._taken[id(state)] = _Taken(weakref.ref(state), weakref.ref(module),
                                            self.progress.step, _versions(state))

    def _known(self, state: Any) -> _Taken | None:
        known = self._taken.get(id(state))
        return known if known is not None and known.state() is state else None

    def _taken_at(self, state: Any) -> int | None:
        known = self._known(state)
        return known.step if known is not None else None

    def before_load(self, module: nn.Module, state: Any) -> tuple[bool, int]:
        """(is it an alias of the module's own tensors?, number of tensors)"""
        # addresses of storage: two names of the same numbers
        own = {
            name: tensor.data_ptr()
            for name, tensor in [*module.named_parameters(), *module.named_buffers()]
            if tensor.numel()
        }
        given = {
            name: tensor.data_ptr()
            for name, tensor in state.items() if isinstance(tensor, torch.Tensor) and tensor.numel()
        }
        shared = sum(own.get(name) == pointer for name, pointer in given.items())
        known = self._known(state)
        # written into since it was taken, on purpose: averages of several models, for example
        written = (known is not None and known.step == self.progress.step
                   and known.versions != _versions(state))
        return bool(given) and shared == len(given) and not written, len(given)

    def after_load(self, module: nn.Module, state: Any, before: tuple[bool, int] | None,
                   result: Any) -> None:
        if before is not None:
            (alias, keys), known = before, self._known(state)
            self.uses.append(
                StateDictUse(alias, keys, self.progress.step, self._taken_at(state),
                             caller_location(), missing=tuple(getattr(result, "missing_keys", ())),
                             unexpected=tuple(getattr(result, "unexpected_keys", ())),
                             own=known is not None and known.module() is module))

    def saved(self, thing: Any, parameters: Iterable[torch.Tensor]) -> None:
        """Is a state dict, taken before later steps and still the running weights, written to a
        file?
        """
        # as a rule a checkpoint is a dict that holds the state dict beside an epoch and a score
        parts = [thing, *(thing.values() if isinstance(thing, dict) else ())]
        for part in parts[:50]:
            taken = self._taken_at(part)
            if taken is None or taken >= self.progress.step:
                continue
            # saved at once a state is right, alias or not; kept since an earlier step it is not
            live = {p.data_ptr() for p in parameters}
            if any(isinstance(v, torch.Tensor) and v.data_ptr() in live for v in part.values()):
                self.uses.append(
                    StateDictUse(True, len(part), self.progress.step, taken, caller_location(),
                                 saved=True))
