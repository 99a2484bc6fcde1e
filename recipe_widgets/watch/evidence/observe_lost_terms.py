"""Terms of the loss whose gradient is lost: made of detached values, or for weights that take no step
on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from recipe_widgets.rules.constant_terms import DetachedTerm, UnusedTerm
from recipe_widgets.watch.evidence.derived_tensors import FOLLOWED, DerivedTensors, arguments_of
from recipe_widgets.watch.evidence.loss_graphs import leaves_behind
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.autograd_graph import node_kind, terms_of
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_ROOTS, _MOST_TERMS, _MOST_PENDING = 500, 12, 8
_SUMS = ("Add", "Sub", "Rsub", "Stack")
Line = SourceLocation | None


@dataclass(eq=False)
class _Cut:
    """A value that lost its graph. used: something with a gradient was computed with it, too, as
    with a target. source: node that made it.
    """

    line: Line
    source: Any = None
    used: bool = False


class DetachedTerms(Observer):
    """values: line at which the graph was lost -> values of the terms of losses made of that."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.values: dict[Line, list[float]] = {}
        self._derived: DerivedTensors[_Cut] = DerivedTensors()
        self._cuts = 0
        # node that added one -> (what it is made of, value)
        self._joined: dict[Any, tuple[frozenset[_Cut], float]] = {}

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        return {**dict.fromkeys(FOLLOWED, self._called), torch.autograd.grad: self._differentiated,
                tensor.detach: self._called, tensor.data.__get__: self._called}

    def _called(self, call: TorchCall) -> None:
        result = call.result
        if not self.progress.close or self.progress.in_backward or not isinstance(result, torch.Tensor) \
                or not result.is_floating_point():
            return
        if not result.requires_grad:
            self._computed(call, result)
        elif len(self._derived):
            self._with_graph(call, result)

    def _computed(self, call: TorchCall, result: torch.Tensor) -> None:
        """Something without a graph. Is the graph lost here, or was it before?"""
        roots = self._derived.of_arguments(call)
        source = next((one for one in arguments_of(call) if one.requires_grad), None)
        if not roots and source is not None:
            roots = self._cut(source.grad_fn)
        if roots:
            self._derived.add(result, roots)

    def _differentiated(self, call: TorchCall) -> None:
        """Gradients without create_graph have no graph."""
        if self.progress.close and not self.progress.in_backward and isinstance(call.result, tuple):
            roots = self._cut(None)
            for one in call.result:
                if isinstance(one, torch.Tensor) and not one.requires_grad:
                    self._derived.add(one, roots)

    def _cut(self, source: Any) -> frozenset[_Cut]:
        self._cuts += 1
        if self._cuts > _MOST_ROOTS:
            return frozenset()
        return frozenset([_Cut(caller_location(), source)])

    def _with_graph(self, call: TorchCall, result: torch.Tensor) -> None:
        roots = self._derived.of_arguments(call)
        if not roots or result.grad_fn is None:
            return
        added = [one for one in arguments_of(call) if self._derived.of(one)]
        if node_kind(result.grad_fn) in _SUMS and all(not one.ndim for one in arguments_of(call)) \
                and not any(one.requires_grad for one in added):
            self._joined[result.grad_fn] = roots, sum(float(one) for one in added)
        else:
            for cut in roots:
                cut.used = True

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        loss = roots[0]
        if self._joined and loss.grad_fn is not None and loss.numel() == 1:
            terms, sums = terms_of(loss.grad_fn)
            whole = {term.node for term in terms} | sums  # x - x.detach() is meant as it stands
            for node in sums & self._joined.keys():
                cuts, value = self._joined[node]
                if not any(cut.used or cut.source in whole for cut in cuts):
                    line = min((cut.line for cut in cuts if cut.line is not None), default=None)
                    self.values.setdefault(line, []).append(value)
        self._forget()

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._forget()

    def _forget(self) -> None:
        self._cuts = 0
        self._derived.clear()
        self._joined.clear()


@dataclass(eq=False)
class _Pass:
    """A backward pass from a sum. reached: ids of records of optimisers behind each of its terms.
    used, cleared: of those, what became of this gradient.
    """

    line: Line
    reached: list[set[int]]
    used: set[int] = field(default_factory=set)
    cleared: set[int] = field(default_factory=set)


class UnusedTerms(Observer):
    """looks: line of the backward -> [passes looked at, of these with a term of which every gradient
    was cleared unused, while a step was taken on another term].
    owners: line -> ids of records of the optimisers whose gradients these are.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.looks: dict[Line, list[int]] = {}
        self.owners: dict[Line, set[int]] = {}
        self._passes: list[_Pass] = []

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        if not self.progress.full or self.progress.compiled or len(self.records.optimizers) < 2:
            return
        loss = roots[0]
        if loss.grad_fn is None or loss.numel() != 1:
            return
        terms, _ = terms_of(loss.grad_fn)
        if not 2 <= len(terms) <= _MOST_TERMS:
            return
        behind = [leaves_behind(term.node) for term in terms]
        reached = [{id(one) for one in self.records.optimizers if one.is_alive and one.ids & leaves}
                   for leaves in behind if leaves is not None]
        line = caller_location()
        if len(self._passes) < _MOST_PENDING and len(reached) == len(terms):
            self._passes.append(_Pass(line, reached))

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        key = id(self.records.optimizers.of(optimizer))
        for one in self._passes:
            if key not in one.cleared:
                one.used.add(key)
        self._judge()

    def gradients_cleared(self, optimizer: torch.optim.Optimizer) -> None:
        self._cleared(id(self.records.optimizers.of(optimizer)))

    def module_gradients_cleared(self, module: nn.Module) -> None:
        for record in self.records.optimizers.holding(module.parameters()) if self._passes else ():
            self._cleared(id(record))

    def _cleared(self, key: int) -> None:
        for one in self._passes:
            if key not in one.used:
                one.cleared.add(key)
        self._judge()

    def _judge(self) -> None:
        left = []
        for one in self._passes:
            everything = set().union(*one.reached)
            if everything - one.used - one.cleared:
                left.append(one)
                continue
            tally = self.looks.setdefault(one.line, [0, 0])
            tally[0] += 1
            unused = [part for part in one.reached if part and part <= one.cleared]
            if one.used and unused:
                tally[1] += 1
                self.owners.setdefault(one.line, set()).update(*unused)
        self._passes = left


@builds(DetachedTerm)
def detached_terms(run: WatchedRun) -> Built:
    for line, values in run.observer(DetachedTerms).values.items():
        yield DetachedTerm(tuple(values)), line


@builds(UnusedTerm)
def unused_terms(run: WatchedRun) -> Built:
    seen = run.observer(UnusedTerms)
    for line, (looks, unused) in seen.looks.items():
        owners = seen.owners.get(line, set())
        # between the looks a step may have been taken on them, as with an optimiser that steps seldom
        steps = sum(any(line == where for where, _ in group) for one in run.records.optimizers
                    if id(one) in owners for group in one.gradients.groups)
        yield UnusedTerm(looks, 0 if steps else unused), line
