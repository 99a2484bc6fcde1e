"""Probes of the samples that were kept: neighbours, a small net of our own, and a second look at
a data set.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.watch.evidence.forward_pass import tensors_in
from recipe_widgets.watch.evidence.loader_record import LoaderRecord

_NEIGHBOURS = 7
_ALIKE = 0.3  # share of the other class among neighbours, from which on two classes count as one
_TELLING = 0.12  # difference from chance at which neighbours tell two classes apart
_MOST_ITEMS = 24  # of a data set that are read twice
_MOST_PARTS = 50  # of a container that are searched

Samples = tuple[torch.Tensor, torch.Tensor]  # x (N, ...), y (N,)


def neighbours(x: torch.Tensor, k: int = _NEIGHBOURS) -> torch.Tensor:
    """(N, k) indices of the nearest other samples; features standardised."""
    flat = x.flatten(1).float()  # (N, D)
    flat = (flat - flat.mean(0)) / flat.std(0).clamp(min=1e-6 + 1e-3 * float(flat.std()))
    distance = torch.cdist(flat, flat)  # (N, N)
    distance.fill_diagonal_(float("inf"))
    distance[distance < 1e-5] = float("inf")  # copies of a sample say nothing about their labels
    return distance.topk(k, largest=False).indices


def label_noise(x: torch.Tensor, y: torch.Tensor) -> tuple[float, float, float, int]:
    """How far labels differ from those of the neighbours.

    Returns:
        rate: of labels that differ from those of all k neighbours, where these agree.
        anywhere: rate at which labels differ from most neighbours.
        even: how evenly wrong labels spread over the other classes (entropy, 0 to 1).
        places: samples whose neighbours agree.
    """
    near = y[neighbours(x)]  # (N, k) labels
    agree = (near == near[:, :1]).all(1)
    anywhere = float((near.mode(1).values != y).double().mean())
    own, others = y[agree], near[agree, 0]
    wrong = own != others
    if not bool(wrong.any()):
        return 0.0, anywhere, 0.0, int(agree.sum())
    classes = int(y.max()) + 1
    offsets = (own[wrong] - others[wrong]) % classes
    share = torch.bincount(offsets, minlength=classes)[1:].double()
    share = share[share > 0] / share.sum()
    even = float(-(share * share.log()).sum() / max(1e-9, np.log(max(2, classes - 1))))
    return float(wrong.double().mean()), anywhere, even, int(agree.sum())


def class_confusions(x: torch.Tensor,
                     y: torch.Tensor) -> tuple[dict[tuple[int, int], float], float]:
    """(a, b) -> how much classes a and b lie among one another; accuracy of neighbours when such
    pairs count as one.
    """
    classes = int(y.max()) + 1
    near = F.one_hot(y[neighbours(x)], classes).double().mean(1)  # (N, K) shares
    frequent = [k for k in range(classes) if int((y == k).sum()) >= 10]
    mean = {k: near[y == k].mean(0) for k in frequent}
    count = {k: int((y == k).sum()) for k in frequent}
    pairs = {(a, b): _mutual_share(mean[a], mean[b], a, b, count[a], count[b])
             for a in frequent for b in frequent if a < b}
    merged = torch.arange(classes)
    for (a, b), share in pairs.items():
        if share > _ALIKE:
            merged[b] = merged[a]
    votes = torch.zeros(len(y), classes, dtype=torch.float64).index_add_(1, merged, near)
    return pairs, float((votes.argmax(1) == merged[y]).double().mean())


def _mutual_share(near_a: torch.Tensor, near_b: torch.Tensor, a: int, b: int, count_a: int,
                  count_b: int) -> float:
    """How much two classes lie among one another; 0 when neighbours tell anything about which of
    the two it is.
    """
    by_chance = count_a / (count_a + count_b)
    told = [float(near[a] / (near[a] + near[b]).clamp(min=1e-9)) for near in (near_a, near_b)]
    if min(count_a, count_b) < 15 or max(abs(share - by_chance) for share in told) > _TELLING:
        return 0.0
    return float((near_a[b] + near_b[a]) / 2)


# a small net of our own


class _GlobalPool(nn.Module):
    """(N, C, H, W) -> (N, 2C): largest and mean value of each channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.amax((2, 3)), x.mean((2, 3))], 1)


def _small_net(shape: tuple[int, ...], classes: int) -> nn.Module:
    if len(shape) == 3 and min(shape[1:]) >= 7:  # a picture that a 5 × 5 filter fits into
        return nn.Sequential(nn.Conv2d(shape[0], 16, 5, padding=2), nn.ReLU(),
                             nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), _GlobalPool(),
                             nn.Linear(64, classes))
    size = int(np.prod(shape))
    return nn.Sequential(nn.Flatten(), nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, classes))


def _fit(x: torch.Tensor, y: torch.Tensor, classes: int, steps: int = 150) -> nn.Module:
    """A small net, fitted by Adam. x (N, ...) floats."""
    torch.manual_seed(0)  # the caller puts the generators back
    net = _small_net(tuple(x.shape[1:]), classes)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(steps):
        rows = torch.randint(len(x), (64, ))
        optimizer.zero_grad()
        F.cross_entropy(net(x[rows]), y[rows]).backward()
        optimizer.step()
    return net.eval()


def _accuracy(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    with torch.no_grad():
        return float((net(x).argmax(1) == y).double().mean())


def _standardised(x: torch.Tensor) -> torch.Tensor:
    x = x.float()
    return (x - x.mean()) / x.std().clamp(min=1e-9)


def _shuffled(x: torch.Tensor, y: torch.Tensor) -> Samples:
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return _standardised(x)[order], y[order]


def probe_accuracy(x: torch.Tensor, y: torch.Tensor) -> tuple[float, float, int]:
    """Accuracy of probes (a small net, and neighbours) on held-out samples; that of the
    commonest class; their number.
    """
    x, y = _shuffled(x, y)
    cut, classes = int(0.7 * len(x)), int(y.max()) + 1
    of_net = _accuracy(_fit(x[:cut], y[:cut], classes), x[cut:], y[cut:])
    votes = F.one_hot(y[neighbours(x, 5)], classes).sum(1).argmax(1)
    of_neighbours = float((votes == y).double().mean())
    return max(of_net, of_neighbours), float(torch.bincount(y).max() / len(y)), len(x) - cut


def mirrored(x: torch.Tensor, y: torch.Tensor, axis: int,
             train: Samples) -> tuple[dict[tuple[int, int], float], float]:
    """What a probe that knows the pictures takes the mirror images of a class for.

    Args:
        train: augmented samples with the labels they are trained on: a pair of classes counts only
            where training samples with that label look so, too.

    Returns:
        (a, b) -> share of mirrored samples of class a that are taken for b; accuracy on pictures
        that are not mirrored.
    """
    x, y = _shuffled(x, y)
    cut, classes = int(0.6 * len(x)), int(y.max()) + 1
    net = _fit(x[:cut], y[:cut], classes, steps=250)
    plain = _accuracy(net, x[cut:], y[cut:])
    with torch.no_grad():
        of_mirrors = net(x[cut:].flip(axis)).argmax(1)
        of_training = net(_standardised(train[0])).argmax(1)
    moved = {}
    for a in range(classes):
        mirrors, trained = of_mirrors[y[cut:] == a], of_training[train[1] == a]
        if min(len(mirrors), len(trained)) < 8:
            continue
        for b in range(classes):
            if float((trained == b).double().mean()) > 0.15:
                moved[a, b] = float((mirrors == b).double().mean())
    return moved, plain


# the data set itself


def _private_generators(thing: Any, depth: int = 4, seen: set[int] | None = None) -> list[Any]:
    """Random generators that an object carries with it."""
    seen = set() if seen is None else seen
    if depth < 0 or id(thing) in seen or isinstance(
            thing, (str, bytes, int, float, torch.Tensor, np.ndarray, type)):
        return []
    seen.add(id(thing))
    if isinstance(thing, (np.random.Generator, np.random.RandomState,
                          torch.Generator)) or type(thing) is random.Random:
        return [thing]
    parts: list[Any] = []
    if isinstance(thing, (list, tuple)) and len(thing) <= _MOST_PARTS:
        parts = list(thing)
    elif isinstance(thing, dict) and len(thing) <= _MOST_PARTS:
        parts = list(thing.values())
    elif hasattr(thing, "__dict__"):
        parts = list(vars(thing).values())
    return [found for part in parts for found in _private_generators(part, depth - 1, seen)]


def _state_of(generator: Any) -> str:
    if isinstance(generator, np.random.Generator):
        return str(generator.bit_generator.state)
    if isinstance(generator, np.random.RandomState):
        return str([str(part) for part in generator.get_state()])
    if isinstance(generator, torch.Generator):
        return str(generator.get_state().tolist())
    return str(generator.getstate())


def draws_from_own_generator(loader: LoaderRecord) -> bool:
    """Does reading an item advance a generator which the data set carries with it?"""
    generators = _private_generators(loader.dataset)
    if not generators:
        return False
    before = [_state_of(one) for one in generators]
    loader.dataset[0]
    return any(_state_of(one) != old for one, old in zip(generators, before, strict=True))


def changing_items(loader: LoaderRecord) -> tuple[float, int]:
    """Share of items whose input differs when they are read twice while their label does not;
    their number.
    """
    changed = looked = 0
    for i in range(min(_MOST_ITEMS, len(loader.dataset))):
        first, second = loader.dataset[i], loader.dataset[i]
        if not (isinstance(first, (tuple, list)) and len(first) == 2 and tensors_in(first[0])):
            return 0.0, 0
        same_label = bool(np.array_equal(np.asarray(first[1]), np.asarray(second[1])))
        looked += 1
        changed += same_label and not torch.equal(tensors_in(first[0])[0],
                                                  tensors_in(second[0])[0])
    return changed / max(1, looked), looked


def contains_part(thing: Any, name: str, depth: int = 5, seen: set[int] | None = None) -> bool:
    """Is there a part of a class with this name?"""
    seen = set() if seen is None else seen
    if depth < 0 or id(thing) in seen or isinstance(
            thing, (str, bytes, int, float, torch.Tensor, np.ndarray)):
        return False
    seen.add(id(thing))
    if type(thing).__name__ == name:
        return True
    sequence = isinstance(thing, (list, tuple))
    parts = list(thing)[:_MOST_PARTS] if sequence else vars(thing).values() if hasattr(
        thing, "__dict__") else ()
    return any(contains_part(part, name, depth - 1, seen) for part in list(parts))


def dataset_and_indices(loader: LoaderRecord) -> tuple[Any, list[int]]:
    """The data set at the bottom of all Subsets, and the indices of it that the loader reads."""
    dataset = loader.dataset
    indices = range(len(dataset)) if loader.indices is None else loader.indices
    chosen = [int(i) for i in indices]
    while hasattr(dataset, "indices") and hasattr(dataset, "dataset"):
        chosen = [int(dataset.indices[i]) for i in chosen]
        dataset = dataset.dataset
    return dataset, chosen


def same_samples(a: Any, b: Any) -> bool:
    """Do two data sets hold the same samples in the same order?"""
    if a is b:
        return True
    if type(a) is not type(b) or len(a) != len(b):
        return False
    mine, theirs = getattr(a, "__dict__", {}), getattr(b, "__dict__", {})
    for name, value in mine.items():
        other = theirs.get(name)
        arrays = isinstance(value, (torch.Tensor, np.ndarray)) and len(value.shape) > 0
        if arrays and len(value) == len(a) > 0:
            return bool(np.array_equal(np.asarray(value), np.asarray(other)))
        if isinstance(value, list) and len(value) == len(a) and value == other and len(value) > 1:
            return True
    return False
