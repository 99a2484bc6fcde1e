"""Probes of the samples that were kept: neighbours, a small net of our own, and a second look at
a data set.
"""

from __future__ import annotations

import operator
import random
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.watch.evidence.forward_pass import tensors_in
from recipe_widgets.watch.evidence.loader_record import LoaderRecord
from recipe_widgets.watch.evidence.script_objects import CheckTime, ask

_NEIGHBOURS = 7
_ALIKE = 0.3  # share of the other class among neighbours, from which on two classes count as one
_TELLING = 0.12  # difference from chance at which neighbours tell two classes apart
_MOST_ITEMS = 24  # of a data set that are read twice
_MOST_PARTS = 50  # of a container that are searched

_ROWS_AT_ONCE = 256  # of a matrix of distances, or of features
_PATCHES, _PATCH = 64, 5  # number and side of patches of pictures
_LARGEST_SIDE = 32  # of a picture that patches are cut from; larger ones are made smaller

Samples = tuple[torch.Tensor, torch.Tensor]  # x (N, ...), y (N,)


def neighbours(x: torch.Tensor, check_time: CheckTime) -> torch.Tensor:
    """(N, k) indices of the k nearest other samples; features standardised."""
    flat = x.flatten(1).float()  # (N, D)
    flat = (flat - flat.mean(0)) / flat.std(0).clamp(min=1e-6 + 1e-3 * float(flat.std()))
    nearest = []
    for first in range(0, len(flat), _ROWS_AT_ONCE):
        check_time()
        distance = torch.cdist(flat[first:first + _ROWS_AT_ONCE], flat)
        rows = torch.arange(len(distance))
        distance[rows, first + rows] = float("inf")
        distance[distance < 1e-5] = float("inf")  # copies of a sample say nothing of their labels
        nearest.append(distance.topk(_NEIGHBOURS, largest=False).indices)
    return torch.cat(nearest)


def label_noise(nearest: torch.Tensor, y: torch.Tensor) -> tuple[float, float, float, int]:
    """How far labels differ from those of the neighbours.

    Args:
        nearest: (N, k) indices of neighbours. y: (N,)

    Returns:
        rate: of labels that differ from those of all k neighbours, where these agree.
        anywhere: rate at which labels differ from most neighbours.
        even: how evenly wrong labels spread over the other classes (entropy, 0 to 1).
        places: samples whose neighbours agree.
    """
    near = y[nearest]  # (N, k) labels
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


def class_confusions(nearest: torch.Tensor,
                     y: torch.Tensor) -> tuple[dict[tuple[int, int], float], float]:
    """(a, b) -> how much classes a and b lie among one another; accuracy of neighbours when such
    pairs count as one. nearest (N, k): indices of neighbours. y (N,).
    """
    classes = int(y.max()) + 1
    near = F.one_hot(y[nearest], classes).double().mean(1)  # (N, K) shares
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


class _PatchFeatures(nn.Module):
    """(N, C, H, W) -> (N, 5F): how much of each of F patches, cut from pictures, is in the whole
    and in each quarter. Learns nothing, so it costs one pass over the data (A. Coates, H. Lee,
    A. Y. Ng, An Analysis of Single-Layer Networks in Unsupervised Feature Learning, 2011).
    """

    def __init__(self, x: torch.Tensor) -> None:
        super().__init__()
        x = self._at_most(x)
        rows = torch.randint(len(x), (8 * _PATCHES, ))
        top, left = (torch.randint(side - _PATCH + 1, (8 * _PATCHES, )) for side in x.shape[2:])
        cut = torch.stack([x[n, :, i:i + _PATCH, j:j + _PATCH]
                           for n, i, j in zip(rows, top, left, strict=True)])
        cut = cut - cut.mean((1, 2, 3), keepdim=True)
        size = cut.flatten(1).norm(dim=1)
        kept = size.topk(_PATCHES).indices  # not the empty border
        self.filters = cut[kept] / size[kept, None, None, None].clamp(min=1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self._at_most(x)
        stride = 2 if min(x.shape[2:]) >= 16 else 1
        found = F.conv2d(x, self.filters, stride=stride, padding=_PATCH // 2).relu()
        return torch.cat([found.amax((2, 3)), F.adaptive_avg_pool2d(found, 2).flatten(1)], 1)

    @staticmethod
    def _at_most(x: torch.Tensor) -> torch.Tensor:
        height, width = (min(side, _LARGEST_SIDE) for side in x.shape[2:])
        same = x.shape[2:] == (height, width)
        return x if same else F.adaptive_avg_pool2d(x, (height, width))


class _Standardised(nn.Module):
    """Each feature with mean 0 and standard deviation 1 on the data it was made from (N, D)."""

    def __init__(self, x: torch.Tensor) -> None:
        super().__init__()
        self.mean, self.std = x.mean(0), x.std(0).clamp(min=1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.std


def _fit(x: torch.Tensor, y: torch.Tensor, classes: int, check_time: CheckTime,
         steps: int = 150) -> nn.Module:
    """A net of one hidden layer, fitted by Adam; before it, of pictures, patch features.

    x (N, ...) floats.
    """
    torch.manual_seed(0)  # the caller puts the generators back
    picture = x.ndim == 4 and min(x.shape[2:]) >= 7
    features: nn.Module = _PatchFeatures(x) if picture else nn.Flatten()
    parts = []
    with torch.no_grad():
        for rows in x.split(_ROWS_AT_ONCE):
            check_time()
            parts.append(features(rows))
    flat = torch.cat(parts)  # (N, D)
    standardised: nn.Module = _Standardised(flat) if picture else nn.Identity()
    flat, width = standardised(flat), flat.shape[1]
    head = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, classes))
    optimizer = torch.optim.Adam(head.parameters(), lr=5e-3)
    for _ in range(steps):
        check_time()
        rows = torch.randint(len(flat), (64, ))
        optimizer.zero_grad()
        F.cross_entropy(head(flat[rows]), y[rows]).backward()
        optimizer.step()
    return nn.Sequential(features, standardised, head).eval()


def _accuracy(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    with torch.no_grad():
        return float((net(x).argmax(1) == y).double().mean())


def _standardised(x: torch.Tensor) -> torch.Tensor:
    x = x.float()
    return (x - x.mean()) / x.std().clamp(min=1e-9)


def _shuffled(x: torch.Tensor, y: torch.Tensor) -> Samples:
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return _standardised(x)[order], y[order]


def probe_accuracy(x: torch.Tensor, y: torch.Tensor,
                   check_time: CheckTime) -> tuple[float, float, int]:
    """Accuracy of probes (a small net, and neighbours) on held-out samples; that of the
    commonest class; their number.
    """
    x, y = _shuffled(x, y)
    cut, classes = int(0.7 * len(x)), int(y.max()) + 1
    of_net = _accuracy(_fit(x[:cut], y[:cut], classes, check_time), x[cut:], y[cut:])
    votes = F.one_hot(y[neighbours(x, check_time)[:, :5]], classes).sum(1).argmax(1)
    of_neighbours = float((votes == y).double().mean())
    return max(of_net, of_neighbours), float(torch.bincount(y).max() / len(y)), len(x) - cut


def mirrored(x: torch.Tensor, y: torch.Tensor, axis: int, train: Samples,
             check_time: CheckTime) -> tuple[dict[tuple[int, int], float], float]:
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
    net = _fit(x[:cut], y[:cut], classes, check_time, steps=250)
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
    ask(operator.getitem, loader.dataset, 0)
    return any(_state_of(one) != old for one, old in zip(generators, before, strict=True))


def changing_items(loader: LoaderRecord, check_time: CheckTime) -> tuple[float, int]:
    """Share of items whose input differs when they are read twice while their label does not;
    their number.
    """
    changed = looked = 0
    for i in range(min(_MOST_ITEMS, ask(len, loader.dataset))):
        check_time()
        first, second = (ask(operator.getitem, loader.dataset, i) for _ in range(2))
        if not all(isinstance(one, (tuple, list)) and len(one) == 2 and tensors_in(one[0])
                   for one in (first, second)):
            return 0.0, 0
        # labels may be of any kind, and of any length
        label, label_again = (ask(np.asarray, one[1]) for one in (first, second))
        x, again = (tensors_in(one[0])[0] for one in (first, second))
        looked += 1
        same_input = x.dtype == again.dtype and torch.equal(x, again)
        changed += np.array_equal(label, label_again) and not same_input
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
    indices = range(ask(len, dataset)) if loader.indices is None else loader.indices
    chosen = ask(lambda: [int(i) for i in indices])
    while hasattr(dataset, "indices") and hasattr(dataset, "dataset"):
        chosen = ask(_taken_out_of, dataset.indices, chosen)
        dataset = dataset.dataset
    return dataset, chosen


def _taken_out_of(indices: Any, chosen: list[int]) -> list[int]:
    return [int(indices[i]) for i in chosen]


def same_samples(a: Any, b: Any) -> bool:
    """Do two data sets hold the same samples in the same order?"""
    if a is b:
        return True
    if type(a) is not type(b) or ask(len, a) != ask(len, b):
        return False
    mine, theirs = getattr(a, "__dict__", {}), getattr(b, "__dict__", {})
    for name, value in mine.items():
        other = theirs.get(name)
        arrays = isinstance(value, (torch.Tensor, np.ndarray)) and len(value.shape) > 0
        if arrays and len(value) == len(a) > 0:
            return bool(np.array_equal(ask(np.asarray, value), ask(np.asarray, other)))
        if isinstance(value, list) and len(value) == len(a) > 1 and ask(operator.eq, value, other):
            return True
    return False
