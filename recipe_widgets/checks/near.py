"""Near copies among images: other brightness or contrast, shifted, mirrored, compressed.

Candidates are neighbours in whitened 8x8 pictures (plain ones find any two smooth skies alike); each is then laid over
its partner at full size. The thresholds were set on CIFAR-10, where the pairs were looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional as F
from tqdm import tqdm

Tensor = torch.Tensor
_SIDE, _FULL = 8, 32  # pixels of a descriptor; of the pictures that are compared
_NEIGHBOURS, _BLOCK, _MOST = 8, 1000, 80_000
SURE = 0.73  # from here on two photographs are the same: 4 % of the test images of CIFAR-10 have one in train


def near_pairs(x: Tensor, *, mirrored: bool | None = None, progress: bool = False) -> tuple[Tensor, Tensor]:
    """Pairs of rows (n, 2), the smaller first, that look like copies, and their similarity (n,), the highest first.

    Args:
        x: images (N,C,H,W), bytes or floats.
        mirrored: whether a mirror image counts as a copy; by default for colour images (mirrored digits are others).
    """
    mirrored = x.shape[1] == 3 if mirrored is None else mirrored
    small, flat = _descriptors(x)
    if len(x) < 2 or int((~flat).sum()) < 2:
        return torch.zeros(0, 2, dtype=torch.int64), torch.zeros(0)
    rows = (~flat).nonzero().flatten()
    value, partner = _neighbours(small[rows], mirrored, progress)
    pairs, value = _distinct(rows, partner, value, _floor(value[:, 0], 0.5, 1.5))
    pictures = _sized(x)
    similarity = torch.cat([0.5 * v + 0.25 * laid_over(pictures[p[:, 0]], pictures[p[:, 1]], mirrored).sum(1)
                            for p, v in _chunks(pairs, value, progress)] or [torch.zeros(0)])
    best = torch.full((len(x),), 0.0).scatter_reduce(0, pairs.flatten(), similarity.repeat_interleave(2), "amax")
    found = similarity >= _floor(best[rows], SURE, 5.0)
    pairs, similarity = pairs[found], similarity[found]
    order = similarity.argsort(descending=True, stable=True)
    return pairs[order], similarity[order]


def _floor(best: Tensor, least: float, spreads: float) -> float:
    """Where similarity stops being the usual one between neighbours: digits are alike by nature, photographs are not."""
    middle = float(best.median())
    spread = 1.4826 * float((best - middle).abs().median())
    return min(0.97, max(least, middle + spreads * spread))


def _chunks(pairs: Tensor, value: Tensor, progress: bool) -> Iterator[tuple[Tensor, Tensor]]:
    parts = list(zip(pairs.split(_BLOCK), value.split(_BLOCK), strict=True))
    yield from tqdm(parts, desc="comparing", disable=not progress, leave=False)


def _sized(x: Tensor) -> Tensor:
    """Images of at most 32 pixels a side, uint8 where they were and fit."""
    if max(x.shape[2:]) <= _FULL:
        return x
    size = (min(_FULL, x.shape[2]), min(_FULL, x.shape[3]))
    return torch.cat([F.adaptive_avg_pool2d(part.float(), size) for part in x.split(_BLOCK)])


def _descriptors(x: Tensor) -> tuple[Tensor, Tensor]:
    """Small pictures (N,C,h,w) without their mean, and which have no content."""
    size = (min(_SIDE, x.shape[2]), min(_SIDE, x.shape[3]))
    small = torch.cat([F.adaptive_avg_pool2d(part.float(), size) for part in x.split(4096)])
    small = small - small.mean((2, 3), keepdim=True)
    norm = small.flatten(1).norm(dim=1)
    return small, norm <= 1e-4 * norm.median().clamp(min=1e-12)


def _neighbours(small: Tensor, mirrored: bool, progress: bool) -> tuple[Tensor, Tensor]:
    """Cosine and row (n, k) of the nearest in whitened coordinates, either way round."""
    flat = small.flatten(1)
    sample = flat[torch.linspace(0, len(flat) - 1, min(len(flat), 10_000)).long()]
    values, vectors = torch.linalg.eigh(sample.T @ sample / len(sample))
    whiten = vectors * (values.clamp(min=0) + 0.02 * values.mean()).rsqrt()
    kind = torch.bfloat16 if len(flat) > 5000 else torch.float32
    ways = [F.normalize(way @ whiten, dim=1).to(kind) for way in (flat, small.flip(3).flatten(1))[: 1 + mirrored]]
    base, k = ways[0].T.contiguous(), min(_NEIGHBOURS, len(flat) - 1)
    found = []
    for start in tqdm(range(0, len(flat), _BLOCK), desc="searching", disable=not progress, leave=False):
        cosine = ways[0][start:start + _BLOCK] @ base
        if mirrored:
            cosine = torch.maximum(cosine, ways[1][start:start + _BLOCK] @ base)
        cosine.diagonal(start).fill_(-2)
        found.append(cosine.float().topk(k, 1))
    return torch.cat([f.values for f in found]), torch.cat([f.indices for f in found])


def _distinct(rows: Tensor, partner: Tensor, value: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """Each pair once, the most alike ones where there are too many to compare."""
    wanted = value >= least
    one = torch.arange(len(partner))[:, None].expand_as(partner)[wanted]
    other, value = partner[wanted], value[wanted]
    key, where = torch.unique(torch.minimum(one, other) * len(partner) + torch.maximum(one, other), return_inverse=True)
    best = torch.full((len(key),), -2.0).scatter_reduce(0, where, value, "amax")
    top = best.topk(min(_MOST, len(best))).indices
    key, best = key[top], best[top]
    return torch.stack([rows[key // len(partner)], rows[key % len(partner)]], 1), best


def laid_over(a: Tensor, b: Tensor, mirrored: bool) -> Tensor:
    """Correlation (n, 2) of images and of their gradients where a, perhaps mirrored, lies best over b, both (n,C,H,W).

    The place is found by cross-correlation of the gradients, within an eighth of the side.
    """
    a, b = a.float(), b.float()
    most = max(1, max(a.shape[2:]) // 8)
    peaks = torch.stack([_shifts(way, b, most) for way in (a, a.flip(3))[: 1 + mirrored]], 1)  # (n, ways, places)
    best = peaks.flatten(1).argmax(1)
    way, place = best // peaks.shape[2], best % peaks.shape[2]
    side = 2 * most + 1
    a = torch.where((way == 1)[:, None, None, None], a.flip(3), a)
    moved, inside = _moved(b, place // side - most, place % side - most)
    edges = inside & _moved(inside[:, None].float(), torch.ones_like(place), torch.ones_like(place))[0][:, 0].bool()
    return torch.stack([_correlation(a, moved, inside), _correlation(_gradients(a), _gradients(moved), edges)], 1)


def _gradients(x: Tensor) -> Tensor:
    """Differences of neighbours (n, 2C, H, W), zero at the last row and column."""
    return torch.cat([F.pad(x[..., 1:] - x[..., :-1], (0, 1)), F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))], 1)


def _shifts(a: Tensor, b: Tensor, most: int) -> Tensor:
    """Cross-correlation (n, (2 most + 1)²) of the grey gradients: how well a(p) fits b(p + shift)."""
    size = [s + most for s in a.shape[2:]]
    fa, fb = (torch.fft.rfft2(_gradients(z.mean(1, keepdim=True)), s=size) for z in (a, b))
    full: Tensor = torch.fft.irfft2((fa.conj() * fb).sum(1), s=size)
    places = torch.arange(-most, most + 1)
    return full[:, places % size[0]][:, :, places % size[1]].flatten(1)


def _moved(x: Tensor, dy: Tensor, dx: Tensor) -> tuple[Tensor, Tensor]:
    """x(p + shift) (n,C,H,W) and where that lies inside (n,H,W)."""
    n, _, H, W = x.shape
    rows, columns = torch.arange(H) + dy[:, None], torch.arange(W) + dx[:, None]
    inside = ((rows >= 0) & (rows < H))[:, :, None] & ((columns >= 0) & (columns < W))[:, None, :]
    at = torch.arange(n)[:, None, None]
    return x.permute(0, 2, 3, 1)[at, rows.clamp(0, H - 1)[:, :, None], columns.clamp(0, W - 1)[:, None, :]].permute(
        0, 3, 1, 2), inside


def _correlation(a: Tensor, b: Tensor, inside: Tensor) -> Tensor:
    """Pearson correlation (n,) over the pixels inside, the mean of each channel taken off."""
    weight = inside[:, None].float()
    count = weight.sum((2, 3), keepdim=True).clamp(min=1)
    a, b = ((z - (z * weight).sum((2, 3), keepdim=True) / count) * weight for z in (a, b))
    power = (a * a).sum((1, 2, 3)) * (b * b).sum((1, 2, 3))
    return torch.where(power > 1e-12, (a * b).sum((1, 2, 3)) / power.clamp(min=1e-12).sqrt(), 0.0)
