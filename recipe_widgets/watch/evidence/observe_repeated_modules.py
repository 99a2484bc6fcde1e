"""Modules that stand under several names of one container, and what each of their calls gets."""

from __future__ import annotations

import itertools
import weakref
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from recipe_widgets.rules.shared_modules import SharedModule
from recipe_widgets.watch.evidence.model_record import NORM
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.autograd_graph import walk_graph
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_MOST_NAMES = 20_000  # of modules in a model that are looked through


@dataclass
class _Repeated:
    """One module under several names. calls: at most so many of one forward pass. chained,
    same_input: passes in which a later call got what an earlier one made, or its very input.
    """

    module: weakref.ref[nn.Module]
    kind: str
    container: str
    names: list[str]
    line: SourceLocation | None = None
    calls: int = 0
    chained: int = 0
    same_input: int = 0
    inputs: list[torch.Tensor] = field(default_factory=list)  # of this forward pass


class RepeatedModules(Observer):
    """Attributes:
        found: by id of the module.
    """

    def __init__(self, records: Any) -> None:
        super().__init__(records)
        self.found: dict[int, _Repeated] = {}
        self._searched: set[int] = set()  # ids of models

    def before_forward(self, model: nn.Module) -> None:
        progress = self.records.progress
        if progress.full and progress.model is not None and id(model) not in self._searched:
            self._searched.add(id(model))
            for one in _repeated_in(model):
                self.found.setdefault(id(one.module()), one)

    def submodule_called(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        one = self.found.get(id(module))
        if one is None or one.module() is not module or not torch.is_grad_enabled() or not args \
                or not isinstance(args[0], torch.Tensor):
            return
        one.line = one.line or caller_location()
        if len(one.inputs) == 1:  # the second call tells
            own = {id(p) for p in module.parameters()}
            one.same_input += args[0] is one.inputs[0]
            one.chained += not own.isdisjoint(walk_graph(args[0]).leaves)
        one.inputs.append(args[0])
        one.calls = max(one.calls, len(one.inputs))

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        for one in self.found.values():
            one.inputs.clear()


def _repeated_in(model: nn.Module) -> list[_Repeated]:
    """Modules with weights that one parent has under several names, and norms with running
    statistics that several parents have.
    """
    found: list[_Repeated] = []
    inside: set[int] = set()  # ids of parts of what was found
    for path, parent in itertools.islice(model.named_modules(), _MOST_NAMES):
        names: dict[int, list[str]] = {}
        for name, child in parent._modules.items():
            if child is not None:
                names.setdefault(id(child), []).append(f"{path}.{name}" if path else name)
        for child in parent._modules.values():
            mine = names.pop(id(child), [])
            # one slope of a PReLU, for example, is shared on purpose
            if child is not None and len(mine) > 1 and any(p.numel() > 1 for p in child.parameters()):
                found.append(_Repeated(weakref.ref(child), type(child).__name__,
                                       type(parent).__name__, mine))
                inside |= {id(part) for part in child.modules()}
    norms: dict[int, list[str]] = {}
    every = itertools.islice(model.named_modules(remove_duplicate=False), _MOST_NAMES)
    for path, part in every:
        if isinstance(part, NORM) and part.running_mean is not None and id(part) not in inside:
            norms.setdefault(id(part), []).append(path)
    for mine in norms.values():
        if len(mine) > 1:
            norm = model.get_submodule(mine[0])
            found.append(_Repeated(weakref.ref(norm), type(norm).__name__, "model", mine))
    return found


@builds(SharedModule)
def shared_modules(run: WatchedRun) -> Built:
    for one in run.observer(RepeatedModules).found.values():
        yield SharedModule(one.kind, one.container, one.names, one.calls,
                           one.chained, one.same_input), one.line
