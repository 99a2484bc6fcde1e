"""Over which axis a soft-max runs, and in which order outputs and targets are flattened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional as F

from recipe_widgets.rules.class_axis import FlattenedOutputs, ImplicitAxis, OneClassSoftmax
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.autograd_graph import node_kind
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.tensor_notes import TensorNotes
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_HELD = 64
_MOST_VIEWS = 6  # views, a scaling, a bend, between a layer and its soft-max
_LAYERS = {"Addmm", "Mm", "Linear", "Convolution"}
Line = SourceLocation | None


@dataclass
class _SoftmaxCalls:
    """Calls of one line. single: over an axis of length 1. implicit: over axis 0 of three, as no
    axis was given. in_model: within a model's forward. outputs: those that are what a model returns.
    scores: over the one number that a layer gave for each of several positions.
    """

    calls: int = 0
    single: int = 0
    implicit: int = 0
    in_model: bool = True
    outputs: int = 0
    scores: int = 0


@dataclass
class _Losses:
    """Losses of one line over flattened outputs. torn: of outputs whose classes were not the last
    axis. crossed: (shape of the outputs, shape of the targets) before they were flattened.
    """

    calls: int = 0
    torn: list[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    crossed: list[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)


class ClassAxes(Observer):
    """Attributes:
        softmaxes, losses: by their lines.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.softmaxes: dict[Line, _SoftmaxCalls] = {}
        self.losses: dict[Line, _Losses] = {}
        self._flattened = TensorNotes[tuple[int, ...]]()  # shapes before; of this step
        self._softmax_of = TensorNotes[_SoftmaxCalls]()  # over one class, of this step

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        softmax = (F.softmax, torch.softmax, tensor.softmax, F.log_softmax, torch.log_softmax,
                   tensor.log_softmax)
        flatten = (tensor.view, tensor.reshape, torch.reshape, tensor.flatten, torch.flatten)
        return {**dict.fromkeys(softmax, self._softmax), **dict.fromkeys(flatten, self._flatten),
                F.cross_entropy: self._loss, F.nll_loss: self._loss}

    def _softmax(self, call: TorchCall) -> None:
        result, axis = call.result, call.argument(1, "dim")
        if not self.progress.close or not result.requires_grad or not result.ndim:
            return
        record = self.softmaxes.setdefault(caller_location(), _SoftmaxCalls())
        record.calls += 1
        record.in_model &= self.progress.in_call
        implicit = axis is None
        if implicit:  # what F.softmax takes without a word
            axis = 0 if result.ndim in (0, 1, 3) else 1
        record.single += result.shape[axis] == 1
        if record.in_model and result.shape[axis] == 1:
            self._softmax_of[result] = record
            record.scores += _are_scores(result, axis % result.ndim)
        record.implicit += implicit and result.ndim == 3 and result.shape[0] > 1
        # a soft-max does not change the order of its input
        before = self._flattened.of(call.args[0])
        if before is not None:
            self._flattened[result] = before

    def _flatten(self, call: TorchCall) -> None:
        old, new = call.args[0], call.result
        flat = isinstance(old, torch.Tensor) and new.ndim < old.ndim and 1 <= new.ndim <= 2
        if self.progress.close and flat and old.ndim >= 2 and len(self._flattened) < _MOST_HELD:
            self._flattened[new] = tuple(old.shape)

    def _loss(self, call: TorchCall) -> None:
        z, y = call.argument(0, "input"), call.argument(1, "target")
        if not self.progress.close or z.ndim != 2 or y.ndim != 1 or not z.requires_grad:
            return
        record = self.losses.setdefault(caller_location(), _Losses())
        record.calls += 1
        classes = z.shape[1]
        outputs, targets = (self._flattened.of(one) or () for one in (z, y))
        # as many rows as samples: there is one position, as after global pooling
        if len(outputs) >= 3 and outputs[-1] != classes and outputs[1] == classes \
                and len(z) != outputs[0]:
            record.torn.append((outputs, tuple(z.shape)))
        elif len(outputs) == 3 and outputs[-1] == classes and len(targets) == 2 \
                and outputs[0] != outputs[1] and targets == (outputs[1], outputs[0]):
            record.crossed.append((outputs, targets))

    def after_forward(self, model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        record = self._softmax_of.of(output)
        if record is not None:
            record.outputs += 1

    def after_backward(self) -> None:
        self._flattened.clear()
        self._softmax_of.clear()

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._flattened.clear()


def _are_scores(weights: torch.Tensor, axis: int) -> bool:
    """(N, T, 1), one score for each of T positions, which a layer with one output computed? Scores
    of queries and keys are a product of two activations: there may be one key.
    """
    last = axis == weights.ndim - 1 and weights.ndim == 3 and weights.shape[1] > 1
    node = weights.grad_fn.next_functions[0][0] if weights.grad_fn is not None else None
    for _ in range(_MOST_VIEWS):
        if node is None or node_kind(node) in _LAYERS or not node.next_functions:
            break
        node = node.next_functions[0][0]
    return last and node is not None and node_kind(node) in _LAYERS


@builds(OneClassSoftmax)
def one_class_softmaxes(run: WatchedRun) -> Built:
    for line, seen in run.observer(ClassAxes).softmaxes.items():
        inner = seen.in_model and seen.outputs < seen.calls and seen.scores < seen.calls
        yield OneClassSoftmax(seen.calls, seen.single, inner), line


@builds(ImplicitAxis)
def implicit_axes(run: WatchedRun) -> Built:
    for line, seen in run.observer(ClassAxes).softmaxes.items():
        yield ImplicitAxis(seen.implicit), line


@builds(FlattenedOutputs)
def flattened_outputs(run: WatchedRun) -> Built:
    for line, seen in run.observer(ClassAxes).losses.items():
        yield FlattenedOutputs(seen.calls, tuple(seen.torn), tuple(seen.crossed)), line
