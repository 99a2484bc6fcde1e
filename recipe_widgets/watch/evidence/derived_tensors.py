"""Which tensors were computed from which, without a graph: what autograd does not know."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import torch
from torch.nn import functional as F

from recipe_widgets.watch.instrument.torch_call_monitor import TorchCall

_MOST_KNOWN = 2000
_NAMES = (
    "abs", "add", "add_", "__iadd__", "sub", "sub_", "__isub__", "__rsub__", "mul", "mul_", "__imul__",
    "div", "div_", "true_divide", "__itruediv__", "__rdiv__", "__rtruediv__", "neg", "pow", "__rpow__",
    "square", "sqrt", "rsqrt", "exp", "log", "log1p", "mean", "sum", "norm", "clamp", "clamp_min", "relu",
    "sigmoid", "tanh", "softplus", "softmax", "log_softmax", "logsumexp", "logsigmoid", "var", "std", "max",
    "min", "amax", "amin", "maximum", "minimum", "reshape", "view", "flatten", "squeeze", "unsqueeze",
    "transpose", "permute", "t", "matmul", "__matmul__", "mm", "bmm", "einsum", "stack", "cat", "float",
    "__add__", "__radd__", "__sub__", "__mul__", "__rmul__", "__pow__", "__ipow__", "__truediv__", "__idiv__",
    "__neg__", "__abs__", "double", "to", "clone", "__getitem__", "where", "lerp", "lerp_", "addcmul", "addcmul_", "addcdiv",
    "addcdiv_", "copy_", "normalize", "cosine_similarity", "linear", "conv1d", "conv2d", "conv_transpose2d",
    "interpolate", "dropout", "layer_norm", "batch_norm", "diff", "cumsum", "prod", "pdist", "cdist", "dot")
_LOSSES = (F.cross_entropy, F.nll_loss, F.kl_div, F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss,
           F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.cosine_embedding_loss,
           F.triplet_margin_loss, F.margin_ranking_loss)


def functions_named(*names: str) -> frozenset[Any]:
    """Of torch and its tensors."""
    owners: tuple[Any, ...] = (torch, torch.Tensor, F, torch.linalg)
    return frozenset(
        getattr(owner, name) for owner in owners for name in names if hasattr(owner, name))


# Functions of torch whose result holds something of each tensor that they are given.
FOLLOWED = functions_named(*_NAMES, "vector_norm") | set(_LOSSES)
Root = TypeVar("Root")


class DerivedTensors(Generic[Root]):
    """Tensor -> what it was computed from. Held weakly: a result that nobody keeps is forgotten."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], frozenset[Root]]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, tensor: torch.Tensor) -> frozenset[Root]:
        known = self._known.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else frozenset()

    def add(self, tensor: torch.Tensor, roots: frozenset[Root]) -> None:
        if len(self._known) < _MOST_KNOWN:
            self._known[id(tensor)] = weakref.ref(tensor), roots | self.of(tensor)

    def of_arguments(self, call: TorchCall) -> frozenset[Root]:
        roots: frozenset[Root] = frozenset()
        for one in arguments_of(call):
            roots |= self.of(one)
        return roots

    def clear(self) -> None:
        self._known.clear()


def arguments_of(call: TorchCall) -> Iterator[torch.Tensor]:
    """Its tensors; those in a list, too."""
    for one in (*call.args, *call.kwargs.values()):
        if isinstance(one, torch.Tensor):
            yield one
        elif isinstance(one, (list, tuple)):
            yield from (inner for inner in one if isinstance(inner, torch.Tensor))
