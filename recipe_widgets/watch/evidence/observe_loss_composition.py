"""What the loss is made of: its terms, read from the graph of each backward pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional as F

from recipe_widgets.rules.constant_terms import ConstantTerm, ForeignTerm, StaleTerm
from recipe_widgets.rules.focal_mean import FocalOfMean
from recipe_widgets.rules.kl_weight import DivergenceOfBatch, DivergenceWeight
from recipe_widgets.rules.temperature import BoundedLogits, UnevenTemperatures
from recipe_widgets.watch.evidence.loss_graphs import (
    MOST_LEAF_NODES,
    divergence_of_batch,
    is_divergence,
    nodes_behind,
    of_unit_vectors,
    similarity_factors,
)
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.autograd_graph import (
    Term,
    constant_factor,
    made_numel,
    node_kind,
    terms_of,
)
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.tensor_notes import TensorNotes
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_TERMS, _MOST_HELD = 12, 200
_MOST_VALUES = 16  # whose graphs are held, until the backward pass
_LOSSES = (F.cross_entropy, F.nll_loss, F.kl_div, F.mse_loss, F.l1_loss, F.smooth_l1_loss,
           F.huber_loss, F.binary_cross_entropy, F.binary_cross_entropy_with_logits,
           F.cosine_embedding_loss, F.triplet_margin_loss, F.margin_ranking_loss,
           F.hinge_embedding_loss, F.gaussian_nll_loss, F.poisson_nll_loss, F.ctc_loss)
_JOINS = {"Add", "Sub", "Rsub", "Stack"}
Line = SourceLocation | None


@dataclass
class _Constants:
    """Results without a graph, on their way into the loss."""

    held: TensorNotes[tuple[Line, str]] = field(default_factory=TensorNotes)
    # node that added one -> (line, name, value)
    joined: dict[Any, tuple[Line, str, float]] = field(default_factory=dict)

    def clear(self) -> None:
        self.held.clear()
        self.joined.clear()


class LossCompositions(Observer):
    """Attributes:
        constants: (line, name) -> values of a term without a graph in a loss.
        untrained: line of the backward -> times a term reached no parameter of an optimiser.
        stale: times a term had been made before the last step, and was in that step's loss, too.
        focal: line -> times a focal factor was made of a mean.
        divergences: (weight of the divergence as a multiple of the reconstruction's, divergence of
            one sample in nats), one a look.
        of_batch: (samples over which the divergence is a sum and the reconstruction a mean, nats).
        bounded: line -> (largest |logit| that is possible, classes).
        uneven: line -> (smallest, largest factor of the cosines in one soft-max).
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.constants: dict[tuple[Line, str], list[float]] = {}
        self.untrained: dict[Line, list[int]] = {}
        self.stale: dict[Line, int] = {}
        self.focal: dict[Line, int] = {}
        self.divergences: dict[Line, list[tuple[float, float]]] = {}
        self.of_batch: dict[Line, list[tuple[int, float]]] = {}
        self.bounded: dict[Line, list[BoundedLogits]] = {}
        self.uneven: dict[Line, list[tuple[float, float]]] = {}
        self._constants = _Constants()
        self._values: dict[Any, torch.Tensor] = {}  # node -> the number it made
        self._last_terms: set[int] = set()  # sequence numbers of the terms of the last pass
        self._stepped_at = -1  # sequence number of the newest node at the last step
        self._newest = -1

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        arithmetic = (tensor.add, tensor.add_, torch.add, tensor.sub, tensor.sub_, torch.sub, tensor.mul,
                      torch.mul, tensor.div, torch.div, tensor.__rsub__, tensor.neg)
        reductions = (tensor.mean, torch.mean, tensor.sum, torch.sum)
        return {**dict.fromkeys(_LOSSES, self._loss_called), **dict.fromkeys(reductions, self._reduced),
                **dict.fromkeys(arithmetic, self._combined), torch.stack: self._combined,
                tensor.detach: self._detached}

    # calls

    def _loss_called(self, call: TorchCall) -> None:
        if not self.progress.close or not torch.is_grad_enabled() or self.progress.in_backward \
                or not isinstance(call.result, torch.Tensor):
            return
        if not call.result.requires_grad:
            self._hold(call)
        elif call.function is F.cross_entropy:
            self._look_at_logits(call)

    def _detached(self, call: TorchCall) -> None:
        """A finished loss, cut from its graph."""
        if self.progress.close and call.args[0].grad_fn is not None and not call.result.ndim:
            self._hold(call)

    def _hold(self, call: TorchCall) -> None:
        if len(self._constants.held) < _MOST_HELD:
            line, name = caller_location(), call.function.__name__
            name = "a detached loss" if name == "detach" else name
            self._constants.held[call.result] = line, name

    def _reduced(self, call: TorchCall) -> None:
        result = call.result
        if not self.progress.close or not isinstance(result, torch.Tensor) or result.ndim:
            return
        held = self._constants.held.of(call.args[0]) if call.args else None
        if held is not None and not result.requires_grad:
            self._constants.held[result] = held
        elif result.requires_grad:
            self._values[result.grad_fn] = result.detach()
            if len(self._values) > _MOST_VALUES:
                del self._values[next(iter(self._values))]

    def _combined(self, call: TorchCall) -> None:
        """Arithmetic on a term without a graph: it is scaled, or joins a loss."""
        held, result = self._constants.held, call.result
        if not len(held) or not isinstance(result, torch.Tensor):
            return
        several = call.args[:1] if call.function is not torch.stack else call.args[0]
        for one in (*several, *call.args[1:], *call.kwargs.values()):
            known = held.of(one)
            if known is None:
                continue
            if not result.requires_grad:
                held[result] = known
            elif result.grad_fn is not None and node_kind(result.grad_fn) in _JOINS \
                    and not one.ndim:
                self._constants.joined[result.grad_fn] = (*known, float(one))

    def _look_at_logits(self, call: TorchCall) -> None:
        """Similarities of unit vectors that are multiplied by a small number."""
        z = call.argument(0, "input")
        node = z.grad_fn
        if z.ndim != 2 or z.shape[1] < 2 or node is None or node_kind(node) != "Mul":
            return
        factor = constant_factor(node)
        child = next((one for one, _ in node.next_functions if one is not None), None)
        if factor is None or child is None or not of_unit_vectors(child):
            return
        largest = float(z.detach().abs().max())
        if largest <= abs(factor) * 1.001:
            line = caller_location()
            known = self.bounded.setdefault(line, [])
            if len(known) < _MOST_HELD and not call.result.ndim:
                known.append(BoundedLogits(abs(factor), z.shape[1]))

    # backward

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        if not self.progress.close or self.progress.compiled:
            return
        loss = roots[0]
        if loss.grad_fn is None or loss.numel() != 1:
            return
        line = caller_location()
        terms, sums = terms_of(loss.grad_fn)
        for node in sums:
            if node in self._constants.joined:
                where, name, value = self._constants.joined[node]
                self.constants.setdefault((where, name), []).append(value)
        self._find_stale(terms, line)
        for term in terms:
            if _is_focal_of_mean(term.node):
                self.focal[line] = self.focal.get(line, 0) + 1
        if self.progress.full and len(terms) <= _MOST_TERMS:
            self._look_at_forms(terms, line)
        if self.progress.full and 2 <= len(terms) <= _MOST_TERMS:
            self._find_untrained(terms, line)
            self._weigh_divergence(terms, line)
        self._newest = max(self._newest, loss.grad_fn._sequence_nr())

    def after_backward(self) -> None:
        self._constants.clear()
        self._values.clear()

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._stepped_at = self._newest
        self._constants.clear()
        self._values.clear()

    def _find_stale(self, terms: list[Term], line: Line) -> None:
        numbers = {term.node._sequence_nr() for term in terms}
        old = {number for number in numbers & self._last_terms if number <= self._stepped_at}
        if old and len(numbers) > len(old):
            self.stale[line] = self.stale.get(line, 0) + 1
        self._last_terms = numbers

    def _find_untrained(self, terms: list[Term], line: Line) -> None:
        ids = self.records.optimizers.parameter_ids
        reached = [_reaches(term.node, ids) for term in terms]
        if any(one is True for one in reached):
            self.untrained.setdefault(line, []).append(sum(one is False for one in reached))

    def _look_at_forms(self, terms: list[Term], line: Line) -> None:
        for term in terms:
            factors = similarity_factors(term.node)
            if factors is not None:
                self.uneven.setdefault(line, []).append(factors)
        found = divergence_of_batch([(term.node, term.factor) for term in terms], self._values)
        if found is not None:
            self.of_batch.setdefault(line, []).append(found)

    def _weigh_divergence(self, terms: list[Term], line: Line) -> None:
        """The terms of a variational autoencoder: reconstruction and divergence."""
        weights = [(term, _reconstruction_weight(term)) for term in terms]
        reconstruction = next((weight for _, weight in weights if weight), None)
        for term, weight in weights:
            found = _divergence_weight(term) if not weight and reconstruction else None
            if found is not None and reconstruction:
                value = self._values.get(term.node)
                nats = abs(float(value)) * found[1] if value is not None else float("nan")
                self.divergences.setdefault(line, []).append((found[0] / reconstruction, nats))


def _reaches(node: Any, ids: set[int]) -> bool | None:
    """Is a parameter of an optimiser behind it? None where nothing at all is, or it is not clear."""
    leaves = 0
    for count, one in enumerate(nodes_behind(node, MOST_LEAF_NODES)):
        if hasattr(one, "variable"):
            leaves += 1
            if id(one.variable) in ids:
                return True
        if count >= MOST_LEAF_NODES - 1:
            return None
    return False if leaves else None


def _is_focal_of_mean(node: Any) -> bool:
    """(1 - exp(-L))^g · L where L is one number: the mean over the batch. node: the product."""
    if node_kind(node) != "Mul" or made_numel(node) != 1:
        return False
    exponentials = [one for one in nodes_behind(node, 10)
                    if node_kind(one) == "Exp" and made_numel(one) == 1]
    for one in exponentials:
        child = one.next_functions[0][0]
        if child is not None and node_kind(child) == "Neg":
            loss = child.next_functions[0][0]
            if loss is not None and "Pow" in {node_kind(n) for n in nodes_behind(node, 10)}:
                return getattr(loss, "_saved_reduction", None) == 1 or node_kind(loss) == "Mean"
    return False


def _reconstruction_weight(term: Term) -> float | None:
    """What one nat of one element weighs in the loss; None where it is no reconstruction."""
    kind, factor = node_kind(term.node), term.factor
    if kind not in ("MseLoss", "BinaryCrossEntropy", "BinaryCrossEntropyWithLogits") or not factor:
        return None
    child = term.node.next_functions[0][0]
    reduction = getattr(term.node, "_saved_reduction", None)
    if child is None or reduction not in (1, 2):
        return None
    scale = 1 / made_numel(child) if reduction == 1 else 1.0
    return abs(factor) * scale * (2 if kind == "MseLoss" else 1)  # half the square is a nat


def _divergence_weight(term: Term) -> tuple[float, float] | None:
    """(weight of one nat of the divergence from a standard normal, nats of one sample as a multiple
    of the number that `term.node` made); None where the term is none.
    """
    node, inner = term.node, 1.0
    while node_kind(node) in ("Sum", "Mean", "Mul", "Neg"):
        children = [child for child, _ in node.next_functions if child is not None]
        times = constant_factor(node)
        if len(children) != 1 or times is None:
            break
        inner *= abs(times)
        if node_kind(node) == "Mean":
            inner *= made_numel(node) / made_numel(children[0])
        node = children[0]
    shape = node._input_metadata[0].shape
    if node is term.node or not term.factor or not inner or len(shape) < 2:
        return None
    if not is_divergence(node):
        return None
    return abs(term.factor) * inner / 0.5, 0.5 / (inner * int(shape[0]))


# evidence


@builds(ConstantTerm)
def constant_terms(run: WatchedRun) -> Built:
    seen = run.observer(LossCompositions)
    for (line, name), values in seen.constants.items():
        yield ConstantTerm(name, tuple(values)), line


@builds(ForeignTerm)
def foreign_terms(run: WatchedRun) -> Built:
    for line, counts in run.observer(LossCompositions).untrained.items():
        yield ForeignTerm(tuple(counts)), line


@builds(StaleTerm)
def stale_terms(run: WatchedRun) -> Built:
    for line, times in run.observer(LossCompositions).stale.items():
        yield StaleTerm(times), line


@builds(FocalOfMean)
def focal_of_means(run: WatchedRun) -> Built:
    for line, times in run.observer(LossCompositions).focal.items():
        yield FocalOfMean(times), line


@builds(DivergenceWeight)
def divergence_weights(run: WatchedRun) -> Built:
    for line, looks in run.observer(LossCompositions).divergences.items():
        yield DivergenceWeight(*looks[-1], len(looks)), line


@builds(DivergenceOfBatch)
def divergences_of_batches(run: WatchedRun) -> Built:
    for line, looks in run.observer(LossCompositions).of_batch.items():
        yield DivergenceOfBatch(*looks[-1], len(looks)), line


@builds(UnevenTemperatures)
def uneven_temperatures(run: WatchedRun) -> Built:
    for line, looks in run.observer(LossCompositions).uneven.items():
        yield UnevenTemperatures(*looks[-1], len(looks)), line


@builds(tuple[BoundedLogits, ...])
def bounded_logits(run: WatchedRun) -> Built:
    for line, looks in run.observer(LossCompositions).bounded.items():
        if looks:
            yield tuple(looks), line
