"""Reads the autograd graph of a loss or an output; nothing is computed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

_MOST_NODES = 30_000  # a larger graph is read in part: GPT-2 small has about 2,000 nodes
# Operations that rearrange numbers or multiply them by one constant.
_VIEWS = {
    "View", "UnsafeView", "Reshape", "ReshapeAlias", "Transpose", "Permute", "Squeeze", "Unsqueeze",
    "T", "Alias", "ToCopy", "Clone", "Contiguous", "Slice", "Select", "MulBackwardScalar",
    "Flatten", "Expand"
}
# Operations that are linear in their input; norms and dropout count, as they add no bend either.
_LINEAR = _VIEWS | {
    "Addmm", "Mm", "Bmm", "Convolution", "Add", "Sub", "Neg", "Mean", "Sum", "Cat", "Stack",
    "Split", "Unbind", "AvgPool2D", "AvgPool1D", "AdaptiveAvgPool2D", "MkldnnConvolution",
    "ThnnConv2D", "SlowConv2D", "AccumulateGrad", "NativeDropout", "NativeBatchNorm",
    "CudnnBatchNorm", "Index", "UpsampleNearest2D", "UpsampleBilinear2D", "ConstantPadNd", "Linear",
    "MeanBackward1"
}
_WEIGHTED = {
    "Addmm", "Mm", "Convolution", "MkldnnConvolution", "ThnnConv2D", "SlowConv2D", "Linear"
}
_REDUCTIONS = ("Mean", "Sum", "NllLoss", "MseLoss")
_MOST_ADDENDS = 200  # nodes between a loss and its terms
_ADDITIONS = {"Add", "Sub", "Rsub"}
_SCALINGS = {"Mul", "Div", "Neg", "ToCopy", "View", "Squeeze", "Unsqueeze", "Reshape", "Alias",
             "Clone", "Sum", "Mean"}  # of one number: a sum of it, too


@dataclass
class AutogradGraph:
    """What lies behind a tensor.

    Attributes:
        leaves: tensors that get a gradient, by id.
        operations: kinds of nodes, such as "Addmm".
        functions: classes of the script's own `torch.autograd.Function`s.
        weighted: number of matrix products and convolutions.
        complete: False when the graph was too large to be read to its end.
    """

    leaves: dict[int, torch.Tensor] = field(default_factory=dict)
    operations: set[str] = field(default_factory=set)
    functions: set[type] = field(default_factory=set)
    weighted: int = 0
    complete: bool = True

    @property
    def linear(self) -> bool:
        """Is there nothing but linear operations?"""
        return self.complete and not self.functions and self.operations <= _LINEAR


def node_kind(node: Any) -> str:
    """AddmmBackward0 -> Addmm."""
    name: str = node.name().rpartition("::")[2]
    return name.partition("Backward")[0] or name


def walk_graph(root: torch.Tensor, skip_last: tuple[str, ...] = ()) -> AutogradGraph:
    """All nodes behind `root`. skip_last: kinds that do not count as the very last operation."""
    graph, start = AutogradGraph(), root.grad_fn
    while start is not None and node_kind(start) in skip_last:
        start = start.next_functions[0][0] if start.next_functions else None
    todo, visited = [start], set()
    while todo:
        node = todo.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        if len(visited) > _MOST_NODES:
            graph.complete = False
            break
        kind = node_kind(node)
        graph.operations.add(kind)
        graph.weighted += kind in _WEIGHTED
        function = getattr(node, "_forward_cls", None)
        if function is not None:
            graph.functions.add(function)
        if hasattr(node, "variable"):  # AccumulateGrad: the leaf that gets the gradient
            graph.leaves[id(node.variable)] = node.variable
        todo.extend(child for child, _ in node.next_functions)
    return graph


def last_operation(tensor: torch.Tensor) -> str:
    """What made a tensor, views apart: "Relu", "Softmax", "Addmm", ..."""
    node = tensor.grad_fn
    for _ in range(20):  # more views in a row than any layer has
        if node is None:
            return ""
        kind = node_kind(node)
        if kind not in _VIEWS or len(node.next_functions) != 1:
            return kind
        node = node.next_functions[0][0]
    return ""


def scalar_operations(loss: torch.Tensor, most: int = 6) -> list[str]:
    """The operations from the finished loss back to its reduction: what was done to the number."""
    kinds, node = [], loss.grad_fn
    for _ in range(most):
        if node is None:
            break
        kind = node_kind(node)
        kinds.append(kind)
        children = [child for child, _ in node.next_functions if child is not None]
        if len(children) != 1 or kind in _REDUCTIONS:
            break
        node = children[0]
    return kinds


@dataclass(frozen=True)
class Term:
    """One addend of a loss. factor: what it is multiplied by; None where that is no constant."""

    node: Any
    factor: float | None


def constant_factor(node: Any) -> float | None:
    """The one number by which a Mul or Div multiplies; None where both sides have a graph."""
    kind = node_kind(node)
    children = [child for child, _ in node.next_functions if child is not None]
    if len(children) != 1:
        return None
    if kind == "Neg":
        return -1.0
    if kind not in ("Mul", "Div"):
        return 1.0
    first = node.next_functions[0][0] is not None
    try:
        other = node._saved_other if first else node._saved_self
    except (RuntimeError, AttributeError):  # freed by an earlier pass
        return None
    if isinstance(other, torch.Tensor):
        if other.numel() != 1:
            return None
        other = float(other)
    if other is None or (kind == "Div" and not first):
        return None
    return float(other) if kind == "Mul" else 1 / float(other) if other else None


def made_numel(node: Any) -> int:
    """How many numbers the tensor has that the node made."""
    count = 1
    for length in node._input_metadata[0].shape:
        count *= int(length)
    return count


def terms_of(root: Any) -> tuple[list[Term], set[Any]]:
    """The addends of one number, which this node made, and the nodes that add them up."""
    terms, sums = list[Term](), set[Any]()
    todo: list[tuple[Any, float | None]] = [(root, 1.0)]
    for _ in range(_MOST_ADDENDS):
        if not todo:
            break
        node, factor = todo.pop()
        kind = node_kind(node)
        children = [child for child, _ in node.next_functions if child is not None]
        if kind in _ADDITIONS and made_numel(node) == 1:
            sums.add(node)
            todo += [(child, factor) for child in children]
        elif kind in ("Sum", "Mean") and _is_stack(children):
            sums.add(children[0])
            share = 1 / made_numel(children[0]) if kind == "Mean" else 1.0
            todo += [(child, None if factor is None else factor * share)
                     for child, _ in children[0].next_functions if child is not None]
        elif kind in _SCALINGS and len(children) == 1 and made_numel(children[0]) == 1:
            times = constant_factor(node)
            todo.append((children[0], None if factor is None or times is None else factor * times))
        else:
            terms.append(Term(node, factor))
    return terms, sums


def _is_stack(children: list[Any]) -> bool:
    """Are they single numbers that were stacked, or put one behind the other?"""
    return (len(children) == 1 and node_kind(children[0]) in ("Stack", "Cat")
            and all(child is None or made_numel(child) == 1 for child, _ in children[0].next_functions))
