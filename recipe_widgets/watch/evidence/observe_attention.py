"""Attention that a script writes itself: over which axis its weights sum to one, and over which
they are added up.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.rules.attention_axis import AttentionWeights
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.autograd_graph import node_kind
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.tensor_notes import TensorNotes
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_NODES = 12  # scaling, masks and views between a product and its soft-max


class AttentionScores(Observer):
    """found: line of the soft-max -> how its weights are used."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.found: dict[SourceLocation | None, AttentionWeights] = {}
        # axis of the soft-max and its line, of weights of the call that goes on
        self._weights = TensorNotes[tuple[int, SourceLocation | None]]()

    def torch_calls(self) -> dict[Any, CallHandler]:
        tensor: Any = torch.Tensor
        groups: tuple[tuple[tuple[Any, ...], CallHandler], ...] = (
            ((F.softmax, torch.softmax, tensor.softmax), self._softmax),
            ((F.dropout, tensor.contiguous), self._same_axes),
            ((tensor.transpose, torch.transpose), self._transposed),
            ((tensor.permute, torch.permute), self._permuted),
            ((torch.matmul, tensor.matmul, tensor.__matmul__, torch.bmm, tensor.bmm),
             self._multiplied),
            ((torch.einsum, ), self._einsum),
        )
        return {function: handler for functions, handler in groups for function in functions}

    def before_forward(self, model: nn.Module) -> None:
        self._weights.clear()

    def script_ended(self) -> None:
        self._weights.clear()

    def _softmax(self, call: TorchCall) -> None:
        axis, result = call.argument(1, "dim"), call.result
        if isinstance(axis, int) and result.ndim >= 3 and _is_of_product(result):
            self._weights[result] = axis % result.ndim, caller_location()

    def _moved(self, call: TorchCall, order: list[int] | None = None) -> None:
        known = self._weights.of(call.argument(0, "input"))
        if known is not None:
            axis = known[0] if order is None else order.index(known[0])
            self._weights[call.result] = axis, known[1]

    def _same_axes(self, call: TorchCall) -> None:
        self._moved(call)

    def _transposed(self, call: TorchCall) -> None:
        order = list(range(call.result.ndim))
        one, other = call.argument(1, "dim0"), call.argument(2, "dim1")
        if isinstance(one, int) and isinstance(other, int):
            order[one], order[other] = order[other], order[one]
            self._moved(call, order)

    def _permuted(self, call: TorchCall) -> None:
        axes = call.kwargs.get("dims", call.args[1:])
        axes = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        self._moved(call, [int(axis) % call.result.ndim for axis in axes])

    def _multiplied(self, call: TorchCall) -> None:
        if len(call.args) < 2:
            return
        left, right = call.args[:2]
        if self._weights.of(left) is not None:
            self._used(left, (left.ndim - 1, ))
        elif self._weights.of(right) is not None:
            self._used(right, (right.ndim - 2, ))

    def _einsum(self, call: TorchCall) -> None:
        equation, *operands = call.args
        if not isinstance(equation, str) or "->" not in equation or "." in equation:
            return
        inputs, output = equation.replace(" ", "").split("->")
        for letters, operand in zip(inputs.split(","), operands, strict=False):
            summed = tuple(i for i, letter in enumerate(letters) if letter not in output)
            if summed:
                self._used(operand, summed)

    def _used(self, tensor: torch.Tensor, summed: tuple[int, ...]) -> None:
        known = self._weights.of(tensor)
        if known is not None and known[0] not in summed:
            axis, line = known
            self.found[line] = AttentionWeights(axis, summed, tuple(tensor.shape))


def _is_of_product(weights: torch.Tensor) -> bool:
    """Do the scores come from a product of two activations? A layer's would be an Addmm or Mm."""
    node = weights.grad_fn
    for _ in range(_MOST_NODES):
        if node is None:
            return False
        if node_kind(node) == "Bmm":
            return all(child is not None for child, _ in node.next_functions)
        if node_kind(node) in ("Mm", "Addmm", "Convolution"):
            return False
        node = next((child for child, _ in node.next_functions if child is not None), None)
    return False


@builds(AttentionWeights)
def attention_weights(run: WatchedRun) -> Built:
    for line, found in run.observer(AttentionScores).found.items():
        yield found, line
