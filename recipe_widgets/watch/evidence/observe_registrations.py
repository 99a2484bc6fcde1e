"""When parameters become parts of modules: ties that break, layers that are made anew in each step,
parameters that are newer than the optimiser.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from recipe_widgets.rules.rebuilt_layers import RebuiltLayer
from recipe_widgets.rules.tied_weights import BrokenTie
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_MOST_KNOWN = 50_000  # parameters; then those that are gone are dropped


@dataclass
class _Slot:
    """A name in a module, and the parameter that was put there. order: counts registrations."""

    module: weakref.ref[nn.Module]
    kind: str  # class of the module
    name: str
    parameter: weakref.ref[torch.Tensor]
    order: int
    line: SourceLocation | None
    in_forward: bool

    @property
    def content(self) -> torch.Tensor | None:
        """What is there now."""
        module = self.module()
        return module._parameters.get(self.name) if module is not None else None

    def is_at(self, module: nn.Module, name: str) -> bool:
        return self.module() is module and self.name == name


@dataclass
class _Tie:
    """Two names of one parameter. line: that tied, or that put a copy there. copied: which of the
    two hold a copy by now.
    """

    slots: list[_Slot]
    line: SourceLocation | None
    copied: set[int] = field(default_factory=set)

    @property
    def is_broken(self) -> bool:
        """Not by a copy in the place of one of the two alone, which is on purpose."""
        first, second = (slot.content for slot in self.slots)
        return first is not None and second is not None and first is not second \
            and len(self.copied) != 1


@dataclass
class _Rebuilt:
    """A layer that is new at several looks. in_forward: made while a model was being called."""

    kind: str
    line: SourceLocation | None
    in_forward: bool
    steps: set[int] = field(default_factory=set)


class Registrations(Observer):
    """Attributes:
        broken: ties that were broken, by the line that tied, or put a copy there. rebuilt: by (class of the layer, line).
        looks: steps at which the graph of a loss was read, the first one apart.
    """

    def __init__(self, records: Any) -> None:
        super().__init__(records)
        self.broken: dict[SourceLocation | None, BrokenTie] = {}
        self.rebuilt: dict[tuple[str, SourceLocation | None], _Rebuilt] = {}
        self.looks: set[int] = set()
        self._ties: list[_Tie] = []
        self._latest: dict[int, _Slot] = {}  # by id of the parameter
        self._optimizer_made: dict[int, int] = {}  # by id of its record
        self._count = self._at_last_step = 0
        self._loading = False

    def parameter_registered(self, module: nn.Module, name: str, parameter: Any) -> None:
        if not isinstance(parameter, torch.Tensor):
            return
        self._count += 1
        earlier = self._latest.get(id(parameter))
        progress = self.records.progress
        same = earlier is not None and earlier.content is parameter
        line = caller_location() if same or progress.step else None
        slot = _Slot(weakref.ref(module), type(module).__name__, name, weakref.ref(parameter), self._count, line,
                     progress.in_call)
        if not self._loading and self._ties:
            self._ties = [tie for tie in self._ties if self._survives(tie, module, name, parameter)]
        if same and earlier is not None and not earlier.is_at(module, name):
            self._ties.append(_Tie([earlier, slot], line))
        self._latest[id(parameter)] = slot
        if len(self._latest) > _MOST_KNOWN:
            self._latest = {k: v for k, v in self._latest.items() if v.parameter() is not None}

    @staticmethod
    def _survives(tie: _Tie, module: nn.Module, name: str, parameter: torch.Tensor) -> bool:
        """A script that fills a slot anew unties on purpose, but for a copy of each."""
        for index, one in enumerate(tie.slots):
            if one.is_at(module, name):
                tie.copied.add(index)
                tie.line = caller_location()
                return _is_copy(parameter, tie.slots[1 - index].content)
        return True

    def module_registered(self, parent: nn.Module, name: str, module: nn.Module) -> None:
        """Ties follow a module into the copy that takes its place."""
        old = parent._modules.get(name) if self._ties else None
        if old is None or old is module:
            return
        inside = {id(one) for one in old.modules()}
        for tie in self._ties[:]:
            for index, slot in enumerate(tie.slots):
                was, part = slot.content, slot.module()
                if was is None or id(part) not in inside:
                    continue
                places = [(m, key, p) for m in module.modules() for key, p in m._parameters.items()
                          if p is not None and (p is was or _is_copy(p, was))]
                if not places:
                    self._ties.remove(tie)
                    break
                # of the original and a copy beside it, as in a wrapper, the one that learns
                holder, key, p = max(places, key=lambda place: (place[2].requires_grad, place[2] is was))
                if p is not was:
                    tie.copied.add(index)
                tie.slots[index] = replace(slot, module=weakref.ref(holder), name=key)
                tie.line = caller_location()

    def before_state_loaded(self, module: nn.Module, state: Any) -> None:
        self._loading = True

    def after_state_loaded(self, module: nn.Module, state: Any, before: Any, result: Any) -> None:
        self._loading = False

    def optimizer_made(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer_made[id(self.records.optimizers.of(optimizer))] = self._count

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._at_last_step = self._count

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        graph, step = self.records.loss_graph, self.records.progress.step
        if graph is None:
            return
        for tie in self._ties[:]:
            if tie.is_broken and all(id(slot.content) in graph.leaves for slot in tie.slots):
                self._ties.remove(tie)
                first, second = map(self._name_of, tie.slots)
                self.broken[tie.line] = BrokenTie(first, second)
        if not step:
            return
        self.looks.add(step)
        held = self.records.optimizers.parameter_ids
        for key in graph.leaves.keys() - held:
            slot = self._latest.get(key)
            if slot is None or slot.order <= self._at_last_step \
                    or slot.parameter() is not graph.leaves[key]:
                continue
            self.rebuilt.setdefault((slot.kind, slot.line), _Rebuilt(
                slot.kind, slot.line, slot.in_forward)).steps.add(step)

    def is_newer(self, parameter: torch.Tensor, optimizer: Any) -> bool:
        """Was this parameter registered after the optimiser of this record was made?"""
        slot, made = self._latest.get(id(parameter)), self._optimizer_made.get(id(optimizer))
        return (slot is not None and made is not None and slot.parameter() is parameter
                and slot.order > made)

    def _name_of(self, slot: _Slot) -> str:
        """Its name in the model that is called."""
        module = slot.module()
        for record in self.records.models:
            for name, part in (model.named_modules() if (model := record.module()) else ()):
                if part is module:
                    return f"{name}.{slot.name}" if name else slot.name
        return f"{slot.kind}.{slot.name}"


def _is_copy(p: torch.Tensor, other: torch.Tensor | None) -> bool:
    """Another tensor with the same numbers?"""
    return (other is not None and p is not other and not is_lazy(p) and not is_lazy(other)
            and p.shape == other.shape
            and p.dtype == other.dtype and p.device == other.device and not p.is_meta
            and torch.equal(p, other))


@builds(BrokenTie)
def broken_ties(run: WatchedRun) -> Built:
    for line, tie in run.observer(Registrations).broken.items():
        yield tie, line


@builds(RebuiltLayer)
def rebuilt_layers(run: WatchedRun) -> Built:
    seen = run.observer(Registrations)
    for one in seen.rebuilt.values():
        yield RebuiltLayer(one.kind, len(one.steps), len(seen.looks), one.in_forward), one.line
