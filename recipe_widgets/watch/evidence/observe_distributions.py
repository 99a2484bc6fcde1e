"""Random draws within a network: whether they have a gradient, and what weighs their
log-probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from recipe_widgets.rules.policy_gradient import WeightedLogProbability
from recipe_widgets.rules.reparametrisation import CutSample, NoiseScale
from recipe_widgets.watch.evidence.loss_graphs import (
    children_of,
    nodes_behind,
    spread_of_divergence,
)
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.autograd_graph import constant_factor, made_numel, node_kind
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_NODES = 3000  # of a graph that is looked at for noise
_MOST_NEAR, _MOST_WEIGHT = 400, 3000  # products near the loss; nodes behind a weight
_MOST_HELD = 2000  # log-probabilities of one backward pass: an episode has a few hundred steps
# between a product and the log-probability in it
_ON_THE_WAY = {
    "Add",
    "Sub",
    "Rsub",
    "Neg",
    "Mul",
    "Div",
    "Exp",
    "Stack",
    "Cat",
    "View",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Sum",
    "Mean",
    "Clamp",
    "Select",
    "Slice",
    "Index",
    "Expand",
    "T",
    "Transpose",
    "Unbind",
    "Split",
    "ToCopy",
    "Clone",
    "Minimum",
}
Line = SourceLocation | None


@dataclass
class _Samples:
    call: str
    times: int = 0


class DistributionCalls(Observer):
    """Attributes:
    samples: line -> draws without a graph from parameters that have one.
    scored: class names of distributions whose log-probability was taken.
    weighted: line of the backward -> what was seen of weighted log-probabilities.
    noise: line of the backward -> what was seen of noise and divergence.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.samples: dict[Line, _Samples] = {}
        self.scored: set[str] = set()
        self.weighted: dict[Line, list[bool]] = {}
        self.noise: dict[Line, list[str]] = {}
        self._log_probabilities: set[Any] = set()  # their nodes, since the last backward pass

    def torch_calls(self) -> dict[Any, CallHandler]:
        return {torch.normal: self._normal}

    def distribution_sampled(self, distribution: Any, sample: Any) -> None:
        if (
            torch.is_grad_enabled()
            and not self.progress.in_backward
            and distribution.has_rsample
            and isinstance(sample, torch.Tensor)
            and not sample.requires_grad
            and any(p.requires_grad for p in _parameters(distribution))
        ):
            self._count(f"{type(distribution).__name__}.sample()")

    def log_probability_taken(self, distribution: Any, result: Any) -> None:
        self.scored.update(type(one).__name__ for one in _nested(distribution))
        node = getattr(result, "grad_fn", None)
        if self.progress.close and node is not None and len(self._log_probabilities) < _MOST_HELD:
            self._log_probabilities.add(node)

    def _normal(self, call: TorchCall) -> None:
        """Its backward pass is there, and gives zeros."""
        if call.result.grad_fn is not None and not self.progress.in_backward:
            self._count("torch.normal(mean, std)")

    def _count(self, call: str) -> None:
        self.samples.setdefault(caller_location(), _Samples(call)).times += 1

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        if not self.progress.close:
            return
        nodes = [root.grad_fn for root in roots if root.grad_fn is not None]
        if self._log_probabilities:
            attached = [
                self._is_attached(one)
                for node in nodes
                for one in nodes_behind(node, _MOST_NEAR)
                if node_kind(one) == "Mul"
            ]
            known = [one for one in attached if one is not None]
            if known:
                self.weighted.setdefault(caller_location(), []).append(any(known))
        if self.progress.full:
            for node in nodes:
                if (found := _noise_and_divergence(node)) is not None:
                    self.noise.setdefault(caller_location(), []).append(found)

    def after_backward(self) -> None:
        self._log_probabilities.clear()

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._log_probabilities.clear()

    def script_ended(self) -> None:
        self._log_probabilities.clear()

    def _is_attached(self, product: Any) -> bool | None:
        """Has the weight of a log-probability parameters behind it? None where this is no such
        product.
        """
        sides = [child for child, _ in product.next_functions]
        scored = [child is not None and self._is_score(child) for child in sides]
        if sum(scored) != 1:
            return None
        weight = sides[1 - scored.index(True)]
        if weight is None:
            return False
        behind = list(nodes_behind(weight, _MOST_WEIGHT))
        of_itself = any(one in self._log_probabilities for one in behind)  # as in an entropy
        return (
            made_numel(weight) > 1
            and not of_itself
            and any(hasattr(one, "variable") for one in behind)
        )

    def _is_score(self, node: Any) -> bool:
        """A log-probability, or a ratio of two probabilities; no product of densities."""
        todo, visited = [node], set[Any]()
        while todo and len(visited) < _MOST_NEAR:
            one = todo.pop()
            if one is None or one in visited:
                continue
            visited.add(one)
            if one in self._log_probabilities:
                return True
            kind, children = node_kind(one), children_of(one)
            ratio = kind != "Exp" or (
                not self._log_probabilities & {*children}
                and all(node_kind(child) in ("Sub", "Clamp") for child in children)
            )
            if kind in _ON_THE_WAY and ratio:
                todo += children
        return False


def _nested(distribution: Any) -> Iterator[Any]:
    """The distribution, and what it wraps."""
    yield distribution
    for name in ("base_dist", "_component_distribution", "_mixture_distribution"):
        inner = vars(distribution).get(name)
        if inner is not None:
            yield from _nested(inner)


def _parameters(distribution: Any) -> Iterator[torch.Tensor]:
    for one in _nested(distribution):
        yield from (value for value in vars(one).values() if isinstance(value, torch.Tensor))


def _noise_and_divergence(root: Any) -> str | None:
    """What is wrong with the spread of a variational autoencoder; "" where nothing is, None where
    there is no noise or no divergence.
    """
    scaled, divergences = set[Any](), list[tuple[set[Any], set[Any]]]()
    for node in nodes_behind(root, _MOST_NODES):
        kind = node_kind(node)
        if kind == "Mul" and (exponent := _scale_of_noise(node)) is not None:
            scaled.add(exponent)
        elif kind in ("Add", "Sub", "Rsub") and (spread := spread_of_divergence(node)) is not None:
            divergences.append(spread)
    if not scaled or not divergences:
        return None
    for exponents, plain in divergences:
        if exponents & scaled & plain:
            return "variance_as_std"
        halved = {_behind_half(one) for one in exponents if one not in plain}
        if halved & plain:
            return "std_as_variance"
    return ""


def _scale_of_noise(product: Any) -> Any:
    """The exponent's edge, where noise without a graph is multiplied by an exponential."""
    known = [(i, edge) for i, edge in enumerate(product.next_functions) if edge[0] is not None]
    if len(known) != 1 or node_kind(known[0][1][0]) != "Exp":
        return None
    place, (exponential, _) = known[0]
    try:
        noise = product._saved_other if place == 0 else product._saved_self
    except (RuntimeError, AttributeError):  # freed by an earlier pass
        return None
    drawn = isinstance(noise, torch.Tensor) and noise.numel() > 1 and bool((noise < 0).any())
    return exponential.next_functions[0] if drawn else None


def _behind_half(edge: Any) -> Any:
    """x where the edge leads to 0.5 x."""
    node = edge[0]
    if node is not None and node_kind(node) in ("Mul", "Div") and constant_factor(node) == 0.5:
        return next(one for one in node.next_functions if one[0] is not None)
    return None


@builds(CutSample)
def cut_samples(run: WatchedRun) -> Built:
    seen = run.observer(DistributionCalls)
    for line, one in seen.samples.items():
        scored = one.call.partition(".")[0] in seen.scored
        # torch.normal is seen in close steps only
        steps = run.records.progress.step if "sample" in one.call else 1
        yield CutSample(one.call, one.times, steps, scored), line


@builds(WeightedLogProbability)
def weighted_log_probabilities(run: WatchedRun) -> Built:
    for line, looks in run.observer(DistributionCalls).weighted.items():
        yield WeightedLogProbability(len(looks), sum(looks)), line


@builds(NoiseScale)
def noise_scales(run: WatchedRun) -> Built:
    for line, looks in run.observer(DistributionCalls).noise.items():
        yield NoiseScale(looks.count("variance_as_std"), looks.count("std_as_variance")), line
