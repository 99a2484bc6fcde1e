"""Forms of losses that are told from the graph behind them; nothing is computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from recipe_widgets.watch.instrument.autograd_graph import constant_factor, made_numel, node_kind

_ELEMENTWISE = {"Add", "Sub", "Rsub", "Mul", "Neg", "Pow", "Exp", "Log", "Div"}
_VIEWS = {"View", "UnsafeView", "Reshape", "ReshapeAlias", "Squeeze", "Unsqueeze", "Slice", "Select",
          "Index", "IndexSelect", "Gather", "MaskedSelect", "MaskedFill", "Expand", "T", "Transpose",
          "Permute", "Diagonal", "Clone", "ToCopy", "Alias", "Sub", "Add", "Clamp", "ClampMin"}
_MOST_NODES, _DEEPEST = 60, 12  # of a loss, until the model begins
MOST_LEAF_NODES = 5000
_HALF = 0.25  # from this factor on a divergence counts in full: it has 0.5


def nodes_behind(node: Any, most: int) -> Iterator[Any]:
    """At most so many, the nearest first."""
    todo, visited = deque([node]), set[Any]()
    while todo and len(visited) < most:
        one = todo.popleft()
        if one is None or one in visited:
            continue
        visited.add(one)
        yield one
        todo += [child for child, _ in one.next_functions]


def leaves_behind(node: Any) -> set[int] | None:
    """Ids of the leaves that get a gradient; None where there are too many nodes to tell."""
    leaves = set[int]()
    for count, one in enumerate(nodes_behind(node, MOST_LEAF_NODES)):
        if hasattr(one, "variable"):
            leaves.add(id(one.variable))
        if count >= MOST_LEAF_NODES - 1:
            return None
    return leaves


def of_unit_vectors(node: Any) -> bool:
    """Is it a product of vectors of length one, or a cosine?"""
    kinds = [node_kind(one) for one in nodes_behind(node, 16)]
    product = kinds[:2] == ["Sum", "Mul"] or any(kind in ("Mm", "Bmm") for kind in kinds[:6])
    normed = any("VectorNorm" in kind or kind in ("Norm", "ClampMin") for kind in kinds)
    return product and normed


def children_of(node: Any) -> list[Any]:
    """The nodes that its gradient goes to."""
    return [child for child, _ in node.next_functions if child is not None]


# similarities and their temperatures


def similarity_factors(term: Any) -> tuple[float, float] | None:
    """(smallest, largest) factor of the cosines in one soft-max of this term; None where there are
    fewer than two that are known.
    """
    for node in nodes_behind(term, _MOST_NODES):
        kind, children = node_kind(node), children_of(node)
        if kind in ("LogSoftmax", "Softmax", "Logsumexp"):
            found = list(_factors(children[0], 1.0, _DEEPEST)) if children else []
        elif kind == "Log" or (kind == "Div" and len(children) == 2):
            exponentials = _exponentials(node)
            found = [factor for one in exponentials for factor in _factors(children_of(one)[0], 1.0, _DEEPEST)]
        else:
            continue
        if len(found) > 1:
            return min(found), max(found)
    return None


def _exponentials(node: Any) -> list[Any]:
    """Those that a quotient or a logarithm is made of, and that lie in no other one's argument."""
    todo, found = children_of(node), []
    for _ in range(_MOST_NODES):
        one = todo.pop() if todo else None
        if one is not None and node_kind(one) == "Exp":
            found.append(one)
        elif one is not None and node_kind(one) in _VIEWS | {"Sum", "Mul", "Div", "Cat", "Mean"}:
            todo += children_of(one)
    return found


def _factors(node: Any, factor: float, depth: int) -> Iterator[float]:
    """What cosines are multiplied by on their way to this node, parts that are joined each by itself."""
    kind, children = node_kind(node), children_of(node)
    if kind in ("Mm", "Bmm", "Mv", "Dot") or (kind == "Sum" and children
                                              and node_kind(children[0]) == "Mul"):
        if of_unit_vectors(node):
            yield abs(factor)
    elif depth and kind == "Cat":
        for child in children:
            yield from _factors(child, factor, depth - 1)
    elif depth and kind in ("Mul", "Div", "Neg") and len(children) == 1:
        times = constant_factor(node)
        if times:
            yield from _factors(children[0], factor * times, depth - 1)
    elif depth and kind in _VIEWS and children:
        yield from _factors(children[0], factor, depth - 1)


# the divergence of a variational autoencoder


def is_divergence(node: Any) -> bool:
    """Was 1 + s - mu^2 - exp(s), or the like, computed here, element by element?"""
    edge, kinds = set[Any](), set[str]()
    todo = [node]
    for _ in range(30):  # 0.5 (mu^2 + exp(s) - s - 1) has some ten nodes
        one = todo.pop() if todo else None
        if one is not None and node_kind(one) in _ELEMENTWISE:
            kinds.add(node_kind(one))
            todo += [child for child, _ in one.next_functions]
        elif one is not None:
            edge.add(one)
    return bool(kinds & {"Exp", "Log"}) and "Pow" in kinds and 1 <= len(edge) <= 3


def spread_of_divergence(node: Any) -> tuple[set[Any], set[Any]] | None:
    """(edges that exponentials are taken of, edges of all that is added up) where 1 + s - mu^2 -
    exp(s), or the like, was computed here; an exponential that is squared is none of them.
    """
    exponents, plain, powers = set[Any](), set[Any](), 0
    todo: list[tuple[Any, int]] = list(node.next_functions)
    for _ in range(30):
        edge = todo.pop() if todo else (None, 0)
        one: Any = edge[0]
        kind = node_kind(one) if one is not None else ""
        if kind in ("Add", "Sub", "Rsub", "Neg"):
            todo += one.next_functions
        elif kind == "Pow" or (kind == "Mul" and len(children_of(one)) == 2):
            powers += 1
        elif kind == "Exp":
            exponents.add(one.next_functions[0])
        elif one is not None:
            plain.add(edge)
    return (exponents, plain) if exponents and plain and powers else None


def divergence_of_batch(terms: list[tuple[Any, float | None]],
                        values: Mapping[Any, torch.Tensor]) -> tuple[int, float] | None:
    """(samples, nats of one) where the divergence is a sum over the batch, and the reconstruction a
    mean over it; None otherwise. terms: (node, factor). values: of nodes that are single numbers.
    """
    parts = [part for node, factor in terms if factor
             for part in _addends(node, abs(factor), mean=False)]
    reconstructed, summed = set[int](), []
    for node, factor, mean in parts:
        inner, times, averaged, total = _reduced(node, factor)
        whole = children_of(inner)[0] if _is_error(inner) and made_numel(inner) == 1 else inner
        shape = tuple(whole._input_metadata[0].shape)
        if not shape:
            continue
        if _is_error(inner) and (mean or averaged):
            reconstructed.add(int(shape[0]))
        elif len(shape) >= 2 and is_divergence(inner) and not (mean or averaged) and times >= _HALF \
                and total is not None:
            value = values.get(total)
            summed.append((int(shape[0]), 0.5 * abs(float(value)) / int(shape[0])
                           if value is not None else float("nan")))
    return next((one for one in summed if one[0] in reconstructed), None)


def _addends(node: Any, factor: float, mean: bool) -> Iterator[tuple[Any, float, bool]]:
    """(node, factor, is it averaged?) of the parts of a mean or sum over single samples."""
    kind, children = node_kind(node), children_of(node)
    if kind in ("Mean", "Sum") and made_numel(node) == 1 and len(children) == 1 and made_numel(children[0]) > 1:
        below = children[0]
        if node_kind(below) in ("Add", "Sub"):
            for child in children_of(below):
                single = made_numel(child) == 1  # it stands beside each sample
                times = made_numel(below) if single and kind == "Sum" else 1
                yield child, factor * times, not single and kind == "Mean"
            return
    yield node, factor, mean


def _reduced(node: Any, factor: float) -> tuple[Any, float, bool, Any]:
    """What was reduced to this node: (it, factor of its elements, is it a mean over its samples?, the
    node of the whole sum).
    """
    averaged, total = False, None
    for _ in range(_DEEPEST):
        kind, children = node_kind(node), children_of(node)
        if len(children) != 1 or kind not in ("Sum", "Mean", "Mul", "Div", "Neg", "View", "Squeeze"):
            break
        times = constant_factor(node)
        if times is None:
            break
        if kind in ("Sum", "Mean"):
            before, after = (tuple(one._input_metadata[0].shape) for one in (children[0], node))
            over_samples = bool(before) and (not after or before[0] != after[0])
            averaged |= over_samples and kind == "Mean"
            total = node if over_samples and kind == "Sum" else total
        factor *= abs(times)
        node = children[0]
    return node, factor, averaged or getattr(node, "_saved_reduction", None) == 1, total


def _is_error(node: Any) -> bool:
    """An error of each element: of torch's losses, or a power of a difference with data."""
    kind, children = node_kind(node), children_of(node)
    if kind in ("MseLoss", "L1Loss", "SmoothL1Loss", "BinaryCrossEntropy", "BinaryCrossEntropyWithLogits"):
        return True
    return (kind in ("Pow", "Abs") and len(children) == 1 and node_kind(children[0]) in ("Sub", "Rsub")
            and len(children_of(children[0])) == 1)
