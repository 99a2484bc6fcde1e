"""Reads the autograd graph of a loss or an output; nothing is computed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

_MOST = 30_000
_VIEWS = {
    "View", "UnsafeView", "Reshape", "ReshapeAlias", "Transpose", "Permute", "Squeeze", "Unsqueeze",
    "T", "Alias", "ToCopy", "Clone", "Contiguous", "Slice", "Select", "MulBackwardScalar",
    "Flatten", "Expand"
}
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


@dataclass
class Graph:
    """leaves: parameters that get a gradient. names: kinds of nodes. functions: classes of the
    user's own Functions.
    weighted: number of matrix products and convolutions; linear: nothing but linear operations."""

    leaves: dict[int, torch.Tensor] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    functions: set[type] = field(default_factory=set)
    weighted: int = 0
    complete: bool = True

    @property
    def linear(self) -> bool:
        return self.complete and not self.functions and self.names <= _LINEAR


def kind(node: Any) -> str:
    """AddmmBackward0 -> Addmm."""
    name: str = node.name().rpartition("::")[2]
    return name.partition("Backward")[0] or name


def walk(root: torch.Tensor, skip_head: tuple[str, ...] = ()) -> Graph:
    """All nodes behind `root`. skip_head: kinds that do not count when they are the very last
    operation.
    """
    found, start = Graph(), root.grad_fn
    while start is not None and kind(start) in skip_head:
        start = start.next_functions[0][0] if start.next_functions else None
    todo, seen = [start], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if len(seen) > _MOST:
            found.complete = False
            break
        name = kind(node)
        found.names.add(name)
        found.weighted += name in _WEIGHTED
        own = getattr(node, "_forward_cls", None)
        if own is not None:
            found.functions.add(own)
        if hasattr(node, "variable"):
            found.leaves[id(node.variable)] = node.variable
        todo.extend(child for child, _ in node.next_functions)
    return found


def last_operation(z: torch.Tensor) -> str:
    """What made z, views apart: "Relu", "Softmax", "Addmm", ..."""
    node = z.grad_fn
    for _ in range(20):
        if node is None:
            return ""
        name = kind(node)
        if name not in _VIEWS or len(node.next_functions) != 1:
            return name
        node = node.next_functions[0][0]
    return ""


def scalar_chain(root: torch.Tensor, most: int = 6) -> list[str]:
    """The operations between the reduction of a loss and its root: what was done to the finished
    number.
    """
    names, node = [], root.grad_fn
    for _ in range(most):
        if node is None:
            break
        name = kind(node)
        names.append(name)
        real = [child for child, _ in node.next_functions if child is not None]
        if len(real) != 1 or name in ("Mean", "Sum", "NllLoss", "MseLoss"):
            break
        node = real[0]
    return names
