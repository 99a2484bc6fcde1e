"""Sums of losses that are built, and which of their terms ever reach a backward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F

from recipe_widgets.rules.loss_terms import DroppedTerm, UntrainedTerm
from recipe_widgets.watch.evidence.loss_recognition import KINDS
from recipe_widgets.watch.evidence.model_record import parameter_names
from recipe_widgets.watch.evidence.observe_gradients import StepGradients
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.autograd_graph import terms_of, walk_graph
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_WAIT = 2  # steps until which a term may still get a backward pass of its own
_MOST_SUMS, _MOST_SCALARS = 40, 16
_LATE_STEP = 2  # by then every parameter in use has had a gradient
_SUMS = (torch.Tensor.add, torch.add, torch.Tensor.add_, torch.Tensor.sub, torch.sub,
         torch.Tensor.sum, torch.sum, torch.Tensor.mean, torch.mean)
_SCALARS = (*KINDS, torch.Tensor.mean, torch.mean, torch.Tensor.sum, torch.sum, F.kl_div,
            F.triplet_margin_loss, F.cosine_embedding_loss, F.margin_ranking_loss)


@dataclass
class _Sum:
    """A sum of losses. terms: nodes of the graph."""

    terms: frozenset[Any]
    step: int
    line: SourceLocation | None


@dataclass
class _Tally:
    """Looks at which a sum was trained on in part, terms that were left out then, and looks at
    which it was trained on as a whole.
    """

    times: int = 0
    terms: int = 0
    whole: int = 0


class LossTerms(Observer):
    """Attributes:
        dropped: line of the sum -> at how many looks a part of it alone was trained on.
        untrained: line of a loss -> ids of parameters it reaches that had no gradient by then.
    """

    def __init__(self, records: Any) -> None:
        super().__init__(records)
        self.dropped: dict[SourceLocation | None, _Tally] = {}
        self.untrained: dict[SourceLocation | None, set[int]] = {}
        self._sums: list[_Sum] = []
        self._trained: set[Any] = set()  # terms that had a backward pass of late
        self._scalars = 0  # of this step
        self._newest = self._earlier = -1  # numbers that autograd gives its nodes, in order

    def torch_calls(self) -> dict[Any, CallHandler]:
        return dict.fromkeys({*_SUMS, *_SCALARS}, self._called)

    def _called(self, call: TorchCall) -> None:
        result = call.result
        progress = self.records.progress
        if not progress.full or progress.in_backward or not isinstance(result, torch.Tensor) \
                or result.numel() != 1 or result.grad_fn is None:
            return
        if call.function in _SUMS and len(self._sums) < _MOST_SUMS:
            # what an earlier step made is a running total
            terms = frozenset(one.node for one in terms_of(result.grad_fn)[0]
                              if one.node._sequence_nr() > self._earlier)
            if len(terms) > 1:
                self._sums.append(_Sum(terms, progress.step, caller_location()))
        if call.function in _SCALARS and progress.step >= _LATE_STEP:
            self._reaches(result)

    def _reaches(self, loss: torch.Tensor) -> None:
        """Does it reach parameters that an optimiser holds and no backward pass does?"""
        silent = self._silent()
        if silent and self._scalars < _MOST_SCALARS:
            self._scalars += 1
            found = silent & walk_graph(loss).leaves.keys()
            if found:
                self.untrained.setdefault(caller_location(), set()).update(found)

    def _silent(self) -> set[int]:
        seen = self.records.observers[StepGradients]
        assert isinstance(seen, StepGradients)
        return {key for one in seen.optimizers.values() if one.any_gradient for key in one.silent}

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        for root in roots:
            if root.grad_fn is None:
                continue
            self._newest = max(self._newest, root.grad_fn._sequence_nr())
            if self.records.progress.full or self._sums:
                self._trained.update(one.node for one in terms_of(root.grad_fn)[0])

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._scalars, self._earlier = 0, self._newest
        if not self._sums:
            self._trained.clear()
        elif self.records.progress.step - self._sums[0].step >= _WAIT:
            self._judge()

    def script_ended(self) -> None:
        self._judge()

    def _judge(self) -> None:
        """Sums of which one part was trained on, and another part never."""
        told: set[tuple[int, SourceLocation | None]] = set()
        for one in self._sums:
            left = one.terms - self._trained
            if not left:
                self.dropped.setdefault(one.line, _Tally()).whole += 1
            if left and len(left) < len(one.terms) and (one.step, one.line) not in told:
                told.add((one.step, one.line))
                tally = self.dropped.setdefault(one.line, _Tally())
                tally.times, tally.terms = tally.times + 1, len(left)
        self._sums, self._trained = [], set()


@builds(DroppedTerm)
def dropped_terms(run: WatchedRun) -> Built:
    for line, tally in run.observer(LossTerms).dropped.items():
        yield DroppedTerm(tally.times, tally.terms, tally.whole), line


@builds(UntrainedTerm)
def untrained_terms(run: WatchedRun) -> Built:
    seen, steps = run.observer(LossTerms), run.observer(StepGradients)
    silent = {key for one in steps.optimizers.values() for key in one.silent}
    names = parameter_names(run.records.models.retained.values())
    # several optimisers may hold a part: the loss of another one reaches it, as in an InfoGAN
    trained = {key for one in steps.optimizers.values() for key in one.with_gradient}
    for line, found in seen.untrained.items():
        left = [names.get(key, "a parameter") for key in (found & silent) - trained]
        if left:
            yield UntrainedTerm(sorted(left)), line
