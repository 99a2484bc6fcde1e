"""What each call of a loss is given, and how much each of its rows counts in the gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from recipe_widgets.rules.class_weights import ClassWeights, PositiveWeight
from recipe_widgets.rules.loss_targets import LossInputs
from recipe_widgets.rules.padding_in_loss import PaddedTargets
from recipe_widgets.rules.token_weights import MicroBatchMeans
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.padded_rows import padding_that_counts
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.autograd_graph import last_operation, node_kind
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.tensor_notes import TensorNotes
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_CALLS, _MOST_LOOKS = 64, 200  # of one backward pass; of one line
_MOST_NUMBERS = 2_000_000  # of a tensor whose gradient is looked at; of a larger one, its first rows
_MOST_CLASSES = 2000  # that are counted
_TOLERANCE = 0.03  # relative, of a row's gradient from its textbook form
_SAME = 1e-6  # of two targets
_EQUAL = 0.02  # relative difference of two weights that are the same
_OF_CLASSES = (F.cross_entropy, F.nll_loss)
_ELEMENTWISE = {
    F.mse_loss: "regression", F.l1_loss: "regression", F.smooth_l1_loss: "regression",
    F.huber_loss: "regression", F.binary_cross_entropy: "bce",
    F.binary_cross_entropy_with_logits: "bce_logits"
}
# Losses whose target is +1 or -1, and the place of the target among the arguments.
_SIGNED = {
    F.hinge_embedding_loss: 1, F.soft_margin_loss: 1, F.margin_ranking_loss: 2,
    F.cosine_embedding_loss: 2
}
_OTHERS = (F.kl_div, F.ctc_loss, F.poisson_nll_loss)
Line = SourceLocation | None


@dataclass(eq=False)
class _Call:
    """A call of a loss, until the gradient at its input is there."""

    function: Any
    z: torch.Tensor
    y: torch.Tensor
    options: dict[str, Any]
    line: Line
    layout: tuple[int, ...] | None  # shape of y before it was flattened
    made_by: str
    slopes: list[torch.Tensor] = field(default_factory=list)

    def follow_gradient(self) -> None:
        self.z.register_hook(lambda gradient: self.slopes.append(gradient.detach()))


@dataclass
class CallRecord:
    """What the calls of one line were given, one entry a look.

    Attributes:
        counts, weights: (K,) how often each class counted, and its weight; None where unknown.
        positives, labels: of a binary loss with pos_weight: sums over all rows.
        padding: (value that fills up, share of it among the targets that count) of each look.
        spreads: of each step with several micro-batches: largest / smallest number of targets where
            each micro-batch counts the same, else 1.
        inputs: what a look at inputs and targets gave.
    """

    looks: int = 0
    counts: torch.Tensor | None = None
    weights: torch.Tensor | None = None
    positives: torch.Tensor | None = None
    pos_weight: torch.Tensor | None = None
    labels: int = 0
    padding: list[tuple[float, float] | None] = field(default_factory=list)
    spreads: list[float] = field(default_factory=list)
    micro_batches: int = 0
    inputs: list[LossInputs] = field(default_factory=list)


class LossCalls(Observer):
    """Losses that the script calls, by their lines."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.by_line: dict[tuple[Line, str], CallRecord] = {}
        self._calls: list[_Call] = []
        self._passing: list[_Call] = []  # those of the backward pass that runs
        self._flattened = TensorNotes[tuple[int, ...]]()  # shapes before
        # of this step: (number of the backward pass, record, weight of a target, targets)
        self._window: list[tuple[int, CallRecord, float, int]] = []
        self._passes = 0

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        flatten = (tensor.view, tensor.reshape, torch.reshape, tensor.flatten, torch.flatten)
        losses = (*_OF_CLASSES, *_ELEMENTWISE, *_SIGNED, *_OTHERS)
        return {**dict.fromkeys(losses, self._called), **dict.fromkeys(flatten, self._flatten),
                tensor.mul: self._multiplied, torch.mul: self._multiplied}

    # events

    def _flatten(self, call: TorchCall) -> None:
        """Targets (N, T) that become (N·T,)."""
        old, new = call.args[0], call.result
        if isinstance(old, torch.Tensor) and old.ndim == 2 and new.ndim == 1 \
                and not old.is_floating_point() and len(self._flattened) < _MOST_CALLS:
            self._flattened[new] = tuple(old.shape)

    def _called(self, call: TorchCall) -> None:
        if not self.progress.close or not torch.is_grad_enabled() \
                or len(self._calls) >= _MOST_CALLS:
            return
        newest = self.records.pending.newest
        if newest is not None and not newest.training:
            return  # an evaluation with gradients, whose graphs must not be held
        position = _SIGNED.get(call.function, 1)
        z, y = call.argument(0, "input", None), call.argument(position, "target", None)
        z = call.kwargs.get("log_probs", call.kwargs.get("input1", z))
        y = call.kwargs.get("targets", y)
        if isinstance(z, torch.Tensor) and isinstance(y, torch.Tensor) and z.requires_grad \
                and z.is_floating_point():
            layout = tuple(y.shape) if y.ndim == 2 else self._flattened.of(y)
            one = _Call(call.function, z, y, dict(call.kwargs), caller_location(), layout,
                        last_operation(z))
            one.follow_gradient()
            self._calls.append(one)

    def _multiplied(self, call: TorchCall) -> None:
        """Soft labels times log-probabilities: a cross-entropy that is written by hand."""
        if not self.progress.close or self.progress.in_backward or len(call.args) < 2:
            return
        for y, log_p in (call.args[:2], call.args[1::-1]):
            if isinstance(y, torch.Tensor) and isinstance(log_p, torch.Tensor) and y.ndim == 2 \
                    and y.shape == log_p.shape and not y.requires_grad and y.is_floating_point() \
                    and log_p.grad_fn is not None and node_kind(log_p.grad_fn) == "LogSoftmax":
                record = self.by_line.setdefault((caller_location(), "cross_entropy"), CallRecord())
                if record.looks < _MOST_LOOKS:
                    record.looks += 1
                    with torch._C.DisableTorchFunction(), torch.no_grad():
                        record.inputs.append(_by_hand(y.abs()))  # -y * log_p, too

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        self._passing, self._calls = self._calls, []

    def after_backward(self) -> None:
        self._passes += 1
        passing, self._passing = self._passing, []
        for call in passing:
            record = self.by_line.setdefault((call.line, call.function.__name__), CallRecord())
            if call.slopes and record.looks < _MOST_LOOKS:
                record.looks += 1
                with torch._C.DisableTorchFunction(), torch.no_grad():
                    self._look(call, record)
        self._calls = []
        self._flattened.clear()

    def gradients_cleared(self, optimizer: torch.optim.Optimizer) -> None:
        self._window = []

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """How the micro-batches of this step were weighed against each other."""
        window, self._window = self._window, []
        by_record: dict[int, list[tuple[int, CallRecord, float, int]]] = {}
        for entry in window:
            by_record.setdefault(id(entry[1]), []).append(entry)
        for entries in by_record.values():
            passes = {number for number, *_ in entries}
            if len(passes) < 2 or len(passes) != len(entries):
                continue
            record = entries[0][1]
            # a mean over the targets of a micro-batch: weight of a target x number of targets
            means = [weight * count for _, _, weight, count in entries]
            counts = [count for *_, count in entries]
            alike = max(means) - min(means) <= _EQUAL * max(means)
            record.spreads.append(max(counts) / min(counts) if alike else 1.0)
            record.micro_batches = len(entries)

    # one look

    def _look(self, call: _Call, record: CallRecord) -> None:
        slope = sum(call.slopes[1:], call.slopes[0]).float() / self.records.grad_scaler.factor
        z, y = call.z.detach().float(), call.y.detach()
        if call.function in _OF_CLASSES and z.ndim > 1 and not y.is_floating_point():
            self._look_at_classes(call, record, z, y, slope)
        elif call.function in _OF_CLASSES and y.is_floating_point() and y.shape == z.shape:
            record.inputs.append(_soft_labels(call, y))
        elif call.function in _ELEMENTWISE:
            self._look_at_numbers(call, record, z, y, slope)
        elif call.function in _SIGNED:
            only = bool(((y == 0) | (y == 1)).all())
            record.inputs.append(
                LossInputs("signed", name=call.function.__name__, low=float(y.min()),
                           high=float(y.max()), binary=only))
        elif call.function is F.kl_div:
            record.inputs.append(_divergence(call, z, y))
        elif call.function is F.ctc_loss:
            record.inputs.append(LossInputs("ctc", exp_gap=_gap_from_one(z.logsumexp(-1).exp())))
        elif call.function is F.poisson_nll_loss and call.options.get("log_input", True):
            record.inputs.append(LossInputs("poisson", made_by=call.made_by))

    def _look_at_classes(self, call: _Call, record: CallRecord, z: torch.Tensor, y: torch.Tensor,
                         slope: torch.Tensor) -> None:
        classes = z.shape[1]
        most = max(1, _MOST_NUMBERS // classes)
        ignored = int(call.options.get("ignore_index", -100))
        rows = z.movedim(1, -1).reshape(-1, classes)[:most]  # (M, K)
        slopes = slope.movedim(1, -1).reshape(-1, classes)[:most]
        labels = y.reshape(-1)[:most].long()
        reached = slopes.abs().amax(1) > 0
        counted = reached & (labels != ignored) & (labels >= 0) & (labels < classes)
        if not bool(counted.any()):
            return
        whole = y.numel() <= most
        targets = int(counted.sum()) if whole else int((y != ignored).sum())
        multiples = _row_multiples(call, rows[counted], slopes[counted], labels[counted])
        if classes <= _MOST_CLASSES:
            _count_classes(call, record, labels[counted], classes, multiples)
        weight = call.options.get("weight")
        if multiples is not None and weight is None and _spread(multiples) < _EQUAL:
            self._window.append((self._passes, record, float(multiples.median()), targets))
        if call.layout is not None and classes > 2 and whole and y.numel() == math.prod(call.layout):
            record.padding.append(padding_that_counts(labels.reshape(call.layout), counted.reshape(call.layout)))

    def _look_at_numbers(self, call: _Call, record: CallRecord, z: torch.Tensor, y: torch.Tensor,
                         slope: torch.Tensor) -> None:
        if y.shape != z.shape or not y.is_floating_point() or not y.numel():
            return
        flat = y.reshape(-1)[:_MOST_NUMBERS].float()
        kind = _ELEMENTWISE[call.function]
        record.inputs.append(
            LossInputs(kind, name=call.function.__name__, low=float(flat.min()),
                       high=float(flat.max()), made_by=call.made_by,
                       above_one=float((flat > 1.001).float().mean()),
                       below_zero=float((flat < -0.001).float().mean()),
                       below_minus_one=float((flat < -1.001).float().mean()),
                       smoothed=_smoothed(y, single=False) if kind != "regression" and y.ndim == 2
                       else None, classes=y.shape[-1] if y.ndim else 0))
        pos_weight = call.options.get("pos_weight")
        if kind == "bce_logits" and isinstance(pos_weight, torch.Tensor):
            columns = y.reshape(-1, y.shape[-1]) if pos_weight.numel() > 1 else y.reshape(-1, 1)
            if pos_weight.numel() == columns.shape[1]:
                sums = columns.float().sum(0).cpu()  # (columns,)
                record.positives = sums if record.positives is None else record.positives + sums
                record.labels += len(columns)
                record.pos_weight = pos_weight.detach().float().reshape(-1).cpu()
        if kind == "regression" and y.ndim in (2, 3) and y.numel() <= _MOST_NUMBERS:
            empty = y == 0 if y.ndim == 2 else (y == 0).all(-1)  # (N, T)
            reached = slope != 0 if y.ndim == 2 else (slope != 0).any(-1)
            record.padding.append(padding_that_counts(empty.long(), reached, fill=1, shown=0.0))


def _row_multiples(call: _Call, z: torch.Tensor, slope: torch.Tensor,
                   labels: torch.Tensor) -> torch.Tensor | None:
    """(M,) gradient of each row as a multiple of that of its textbook loss; None where it is none.
    z, slope (M, K).
    """
    smoothing = float(call.options.get("label_smoothing", 0.0) or 0.0)
    target = torch.zeros_like(z).scatter_(1, labels[:, None], 1 - smoothing) + smoothing / z.shape[1]
    form = z.softmax(1) - target if call.function is F.cross_entropy else -target
    squares = (form * form).sum(1)
    sure = squares < 1e-6  # a row that is learnt has no gradient to speak of
    multiples = (slope * form).sum(1) / squares.clamp(min=1e-12)
    rest = (slope - multiples[:, None] * form).norm(dim=1)
    fits = bool((rest[~sure] <= _TOLERANCE * slope[~sure].norm(dim=1)).all())
    return multiples[~sure] if fits and not bool(sure.any()) else None


def _spread(values: torch.Tensor) -> float:
    """Relative range of all but the outermost hundredths."""
    low, high = float(values.quantile(0.01)), float(values.quantile(0.99))
    return (high - low) / max(1e-12, abs(high))


def _count_classes(call: _Call, record: CallRecord, labels: torch.Tensor, classes: int,
                   multiples: torch.Tensor | None) -> None:
    """Counts the classes, and keeps their weights: those of the call, or else as the gradients of
    the rows tell them.
    """
    counts = torch.bincount(labels.cpu(), minlength=classes)
    if record.counts is not None and len(record.counts) != classes:
        return
    record.counts = counts if record.counts is None else record.counts + counts
    weight = call.options.get("weight")
    if isinstance(weight, torch.Tensor):
        record.weights = weight.detach().float().cpu()
    elif multiples is not None and len(multiples) == len(labels) and _spread(multiples) > 0.2:
        by_class = torch.full((classes, ), math.nan)
        for k in torch.unique(labels).tolist():
            of_class = multiples[labels == k]
            if _spread(of_class) > _EQUAL:
                return  # the weight is no matter of the class
            by_class[k] = of_class.median()
        # the sum of the weights, by which a mean divides, differs from batch to batch
        by_class = by_class / by_class[~by_class.isnan()].mean()
        known = record.weights if record.weights is not None else by_class
        record.weights = torch.where(by_class.isnan(), known, by_class)


def _gap_from_one(sums: torch.Tensor) -> float:
    return float((sums - 1).abs().max())


def _soft_labels(call: _Call, y: torch.Tensor) -> LossInputs:
    """Targets (N, K, ...) of a cross-entropy that are numbers: rows of probabilities?"""
    axis, last = y.float().sum(1 if y.ndim > 1 else 0), y.float().sum(-1)
    binary = bool(((y == 0) | (y == 1)).all())
    smoothed = _smoothed(y) if y.ndim == 2 else None
    return LossInputs("soft_labels", name=call.function.__name__, binary=binary,
                      exp_gap=_gap_from_one(axis), other_gap=_gap_from_one(last),
                      high=float(axis.max()), dimensions=y.ndim, smoothed=smoothed,
                      classes=y.shape[-1])


def _smoothed(y: torch.Tensor, single: bool = True) -> tuple[float, float] | None:
    """The two values of targets (N, K) that are made of zeros and ones and lifted a little; None
    where there are others. single: one of the larger ones in each row, one at most.
    """
    low, high = float(y.min()), float(y.max())
    peaks = (y - high).abs() < _SAME
    even = bool((peaks | ((y - low).abs() < _SAME)).all()) and 0 < low < high - 0.1
    alone = not single or bool((peaks.sum(1) == 1).all())
    return (low, high) if even and alone and y.shape[1] > 2 else None


def _by_hand(y: torch.Tensor) -> LossInputs:
    """Soft labels (N, K) of a cross-entropy that is written by hand: only smoothed ones are looked at,
    as others may be weights.
    """
    smoothed = _smoothed(y)
    gap = _gap_from_one(y.float().sum(1)) if smoothed is not None else 0.0
    return LossInputs("soft_labels", name="a cross-entropy", exp_gap=gap, smoothed=smoothed,
                      classes=y.shape[1])


def _divergence(call: _Call, z: torch.Tensor, y: torch.Tensor) -> LossInputs:
    target = y.float().exp() if call.options.get("log_target") else y.float()
    axes = range(z.ndim)
    sums = [float(z.logsumexp(axis).exp().max()) for axis in axes]
    nearest = min(axes, key=lambda axis: _gap_from_one(z.logsumexp(axis).exp()))
    return LossInputs("kl_div", exp_gap=min(abs(one - 1) for one in sums), high=min(sums),
                      target_sum=min(float(target.sum(axis).max()) for axis in axes),
                      reduction=str(call.options.get("reduction", "mean")),
                      classes=z.shape[nearest], low=float(z.min()))


# evidence


def _of(run: WatchedRun, keep: Callable[[CallRecord], Any]) -> Iterable[tuple[CallRecord, Line]]:
    for (line, _), record in run.observer(LossCalls).by_line.items():
        if keep(record):
            yield record, line


@builds(MicroBatchMeans)
def micro_batch_means(run: WatchedRun) -> Built:
    for record, line in _of(run, lambda one: one.spreads):
        yield MicroBatchMeans(tuple(record.spreads), record.micro_batches), line


@builds(PaddedTargets)
def padded_targets(run: WatchedRun) -> Built:
    for record, line in _of(run, lambda one: one.padding):
        found = [one for one in record.padding if one is not None]
        if found:
            values, shares = zip(*found, strict=True)
            yield PaddedTargets(tuple(values), tuple(shares), len(record.padding)), line


@builds(ClassWeights)
def class_weights(run: WatchedRun) -> Built:
    for (line, _), record in run.observer(LossCalls).by_line.items():
        counts, weights = record.counts, record.weights
        if counts is not None and weights is not None and len(counts) == len(weights):
            yield ClassWeights(np.asarray(counts), np.asarray(weights)), line


@builds(PositiveWeight)
def positive_weights(run: WatchedRun) -> Built:
    for (line, _), record in run.observer(LossCalls).by_line.items():
        positives, weight = record.positives, record.pos_weight
        if positives is not None and weight is not None:
            yield PositiveWeight(np.asarray(positives), record.labels, np.asarray(weight)), line


@builds(tuple[LossInputs, ...])
def loss_inputs(run: WatchedRun) -> Built:
    for record, line in _of(run, lambda one: len(one.inputs) >= 2):
        yield tuple(record.inputs), line
