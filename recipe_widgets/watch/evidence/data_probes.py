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

from recipe_widgets.watch.evidence.records import LoaderRecord, tensors

_K = 7


def neighbours(x: torch.Tensor, k: int = _K) -> torch.Tensor:
    """(N, k) indices of the nearest other samples; features standardised."""
    flat = x.flatten(1).float()
    flat = (flat - flat.mean(0)) / flat.std(0).clamp(min=1e-6 + 1e-3 * float(flat.std()))
    far = torch.cdist(flat, flat)
    far.fill_diagonal_(float("inf"))
    far[far < 1e-5] = float("inf")  # copies of the same sample say nothing about their labels
    return far.topk(k, largest=False).indices


def noise(x: torch.Tensor, y: torch.Tensor) -> tuple[float, float, float, int]:
    """Rate of labels that differ from those of all k neighbours, where these agree; the rate at
    which labels differ from most neighbours anywhere; how evenly the wrong ones spread over the
    other classes (entropy, 0 to 1); number of places where neighbours agree."""
    near = y[neighbours(x)]
    pure = (near == near[:, :1]).all(1)
    anywhere = float((near.mode(1).values != y).double().mean())
    own, others = y[pure], near[pure, 0]
    wrong = own != others
    if not bool(wrong.any()):
        return 0.0, anywhere, 0.0, int(pure.sum())
    classes = int(y.max()) + 1
    share = torch.bincount((own[wrong] - others[wrong]) % classes, minlength=classes)[1:].double()
    share = share[share > 0] / share.sum()
    even = float(-(share * share.log()).sum() / max(1e-9, np.log(max(2, classes - 1))))
    return float(wrong.double().mean()), anywhere, even, int(pure.sum())


def confusions(x: torch.Tensor, y: torch.Tensor) -> tuple[dict[tuple[int, int], float], float]:
    """(a, b) -> how much classes a and b lie among one another; accuracy of neighbours when such
    pairs count as one.
    """
    classes = int(y.max()) + 1
    near = F.one_hot(y[neighbours(x)], classes).double().mean(1)
    seen = [k for k in range(classes) if int((y == k).sum()) >= 10]
    mean = {k: near[y == k].mean(0) for k in seen}
    pairs = {(a, b): _alike(mean[a], mean[b], a, b, int((y == a).sum()), int((y == b).sum()))
             for a in seen for b in seen if a < b}
    merged = torch.arange(classes)
    for (a, b), share in pairs.items():
        if share > 0.3:
            merged[b] = merged[a]
    votes = torch.zeros(len(y), classes, dtype=torch.float64).index_add_(1, merged, near)
    return pairs, float((votes.argmax(1) == merged[y]).double().mean())


def _alike(of_a: torch.Tensor, of_b: torch.Tensor, a: int, b: int, many_a: int,
           many_b: int) -> float:
    """How much two classes lie among one another; 0 when neighbours tell anything about which of
    the two it is.
    """
    by_chance = many_a / (many_a + many_b)
    told = [float(near[a] / (near[a] + near[b]).clamp(min=1e-9)) for near in (of_a, of_b)]
    if min(many_a, many_b) < 15 or max(abs(share - by_chance) for share in told) > 0.12:
        return 0.0
    return float((of_a[b] + of_b[a]) / 2)


def _net(shape: tuple[int, ...], classes: int) -> nn.Module:
    if len(shape) == 3 and min(shape[1:]) >= 7:
        class Pool(nn.Module):
            def forward(self, h: torch.Tensor) -> torch.Tensor:
                return torch.cat([h.amax((2, 3)), h.mean((2, 3))], 1)

        return nn.Sequential(nn.Conv2d(shape[0], 16, 5, padding=2), nn.ReLU(),
                             nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), Pool(),
                             nn.Linear(64, classes))
    size = int(np.prod(shape))
    return nn.Sequential(nn.Flatten(), nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, classes))


def fitted(x: torch.Tensor, y: torch.Tensor, classes: int, steps: int = 150) -> nn.Module:
    """A small net, fitted by Adam. x (N, ...) floats."""
    torch.manual_seed(0)
    net = _net(tuple(x.shape[1:]), classes)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(steps):
        rows = torch.randint(len(x), (64,))
        optimizer.zero_grad()
        F.cross_entropy(net(x[rows]), y[rows]).backward()
        optimizer.step()
    return net.eval()


def accuracy(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    with torch.no_grad():
        return float((net(x).argmax(1) == y).double().mean())


def standardised(x: torch.Tensor) -> torch.Tensor:
    x = x.float()
    return (x - x.mean()) / x.std().clamp(min=1e-9)


def told(x: torch.Tensor, y: torch.Tensor) -> tuple[float, float, int]:
    """Accuracy of probes (a small net, and neighbours) on held-out samples; that of the
    commonest class; their number.
    """
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = standardised(x)[order], y[order]
    cut, classes = int(0.7 * len(x)), int(y.max()) + 1
    best = accuracy(fitted(x[:cut], y[:cut], classes), x[cut:], y[cut:])
    near = F.one_hot(y[neighbours(x, 5)], classes).sum(1).argmax(1)
    best = max(best, float((near == y).double().mean()))
    return best, float(torch.bincount(y).max() / len(y)), len(x) - cut


def flipped(x: torch.Tensor, y: torch.Tensor, axis: int, train: tuple[torch.Tensor, torch.Tensor]
            ) -> tuple[dict[tuple[int, int], float], float]:
    """What a probe that knows the pictures takes the mirror images of a class for, where training
    samples with that label look so, too; its accuracy on the pictures. train: augmented samples
    with the labels they are trained on."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = standardised(x)[order], y[order]
    cut, classes = int(0.6 * len(x)), int(y.max()) + 1
    net = fitted(x[:cut], y[:cut], classes, 250)
    plain = accuracy(net, x[cut:], y[cut:])
    with torch.no_grad():
        mirror, seen = net(x[cut:].flip(axis)).argmax(1), net(standardised(train[0])).argmax(1)
    moved = {}
    for a in range(classes):
        mine, trained = mirror[y[cut:] == a], seen[train[1] == a]
        for b in range(classes):
            if len(mine) >= 8 and len(trained) >= 8 and float(
                (trained == b).double().mean()) > 0.15:
                moved[a, b] = float((mine == b).double().mean())
    return moved, plain


# the data set itself


def private_generators(thing: Any, depth: int = 4, seen: set[int] | None = None) -> list[Any]:
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
    if isinstance(thing, (list, tuple)) and len(thing) <= 50:
        parts = list(thing)
    elif isinstance(thing, dict) and len(thing) <= 50:
        parts = list(thing.values())
    elif hasattr(thing, "__dict__"):
        parts = list(vars(thing).values())
    return [g for part in parts for g in private_generators(part, depth - 1, seen)]


def state_of(generator: Any) -> str:
    if isinstance(generator, np.random.Generator):
        return str(generator.bit_generator.state)
    if isinstance(generator, np.random.RandomState):
        return str([str(part) for part in generator.get_state()])
    return str(generator.get_state().tolist()) if isinstance(generator, torch.Generator) else str(
        generator.getstate())


def drawn_by_items(loader: LoaderRecord) -> bool:
    """Does reading an item advance a generator which the data set carries with it?"""
    found = private_generators(loader.dataset)
    if not found:
        return False
    before = [state_of(g) for g in found]
    loader.dataset[0]
    return any(state_of(g) != old for g, old in zip(found, before, strict=True))


def changing_items(loader: LoaderRecord, most: int = 24) -> tuple[float, int]:
    """Share of items whose input differs when they are read twice while their label does not;
    their number.
    """
    changed = looked = 0
    for i in range(min(most, len(loader.dataset))):
        a, b = loader.dataset[i], loader.dataset[i]
        if not (isinstance(a, (tuple, list)) and len(a) == 2 and tensors(a[0])):
            return 0.0, 0
        same_label = bool(np.array_equal(np.asarray(a[1]), np.asarray(b[1])))
        looked += 1
        changed += same_label and not torch.equal(tensors(a[0])[0], tensors(b[0])[0])
    return changed / max(1, looked), looked


def carries(thing: Any, name: str, depth: int = 5, seen: set[int] | None = None) -> bool:
    """Is there a part of a class with this name?"""
    seen = set() if seen is None else seen
    if depth < 0 or id(thing) in seen or isinstance(
            thing, (str, bytes, int, float, torch.Tensor, np.ndarray)):
        return False
    seen.add(id(thing))
    if type(thing).__name__ == name:
        return True
    parts = list(thing)[:50] if isinstance(thing, (list, tuple)) else list(
        getattr(thing, "__dict__", {}).values())
    return any(carries(part, name, depth - 1, seen) for part in parts)


def indices_of(loader: LoaderRecord) -> tuple[Any, list[int]]:
    """The data set at the bottom, and the indices of it that the loader reads."""
    data = loader.dataset
    chosen = list(range(len(data))) if loader.chosen is None else [int(i) for i in loader.chosen]
    while hasattr(data, "indices") and hasattr(data, "dataset"):
        chosen = [int(data.indices[i]) for i in chosen]
        data = data.dataset
    return data, chosen


def same_samples(a: Any, b: Any) -> bool:
    """Do two data sets hold the same samples in the same order?"""
    if a is b:
        return True
    if type(a) is not type(b) or len(a) != len(b):
        return False
    mine, theirs = getattr(a, "__dict__", {}), getattr(b, "__dict__", {})
    for name, value in mine.items():
        other = theirs.get(name)
        if isinstance(value,
                      (torch.Tensor, np.ndarray)) and len(value.shape) and len(value) == len(a) > 0:
            return bool(np.array_equal(np.asarray(value), np.asarray(other)))
        if isinstance(value, list) and len(value) == len(a) and value == other and len(value) > 1:
            return True
    return False
