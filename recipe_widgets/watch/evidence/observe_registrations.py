"""When parameters become parts of modules: ties that break, layers that are made anew in each step,
parameters that are newer than the optimiser.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

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
class _Rebuilt:
    """A layer that is new at several looks. in_forward: made while a model was being called."""

    kind: str
    line: SourceLocation | None
    in_forward: bool
    steps: set[int] = field(default_factory=set)


class Registrations(Observer):
    """Attributes:
        broken: ties that were broken, by the line that tied. rebuilt: by (class of the layer, line).
        looks: steps at which the graph of a loss was read, the first one apart.
    """

    def __init__(self, records: Any) -> None:
        super().__init__(records)
        self.broken: dict[SourceLocation | None, BrokenTie] = {}
        self.rebuilt: dict[tuple[str, SourceLocation | None], _Rebuilt] = {}
        self.looks: set[int] = set()
        self._ties: list[tuple[_Slot, _Slot]] = []
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
        if not self._loading and self._ties:  # a script that fills a slot anew unties on purpose
            self._ties = [tie for tie in self._ties
                          if not any(one.is_at(module, name) for one in tie)]
        if same and earlier is not None and not earlier.is_at(module, name):
            self._ties.append((earlier, slot))
        self._latest[id(parameter)] = slot
        if len(self._latest) > _MOST_KNOWN:
            self._latest = {k: v for k, v in self._latest.items() if v.parameter() is not None}

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
            first, second = (slot.content for slot in tie)
            if first is not None and second is not None and first is not second \
                    and id(first) in graph.leaves and id(second) in graph.leaves:
                self._ties.remove(tie)
                self.broken[tie[1].line] = BrokenTie(self._name_of(tie[0]), self._name_of(tie[1]))
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


@builds(BrokenTie)
def broken_ties(run: WatchedRun) -> Built:
    for line, tie in run.observer(Registrations).broken.items():
        yield tie, line


@builds(RebuiltLayer)
def rebuilt_layers(run: WatchedRun) -> Built:
    seen = run.observer(Registrations)
    for one in seen.rebuilt.values():
        yield RebuiltLayer(one.kind, len(one.steps), len(seen.looks), one.in_forward), one.line
