"""Near copies among images: other brightness or contrast, shifted, mirrored, compressed.

Candidates are neighbours in whitened 8x8 pictures (plain ones find any two smooth skies alike) and
in whitened spectra, which a shift leaves alone; each is then laid over its partner at full size.
The thresholds were set on CIFAR-10, where the pairs were looked at.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F
from tqdm import tqdm

from recipe_widgets.core import machine

Tensor = torch.Tensor
_SIDE, _FULL = 8, 32  # pixels of a descriptor; of the pictures that are compared
_NEIGHBOURS = 8  # nearest ones of each image that are looked at as candidates
_SOME = 2000  # images that tell how near neighbours are, so that fewer pairs become candidates
_BLOCK = 1024  # rows and columns of a product of similarities, so that it stays in the cache
_MOST = 60_000  # candidate pairs that are laid over one another at full size
# from here on two photographs are the same: 4 % of the test images of CIFAR-10 have one in train
SURE = 0.75


def near_pairs(x: Tensor, *, mirrored: bool | None = None,
               progress: bool = False) -> tuple[Tensor, Tensor]:
    """Pairs of rows (n, 2), the smaller first, that look like copies, and their similarity (n,),
    the highest first.

    Args:
        x: images (N,C,H,W), bytes or floats.
        mirrored: whether a mirror image counts as a copy; by default for colour images (mirrored
            digits are others).
    """
    mirrored = x.shape[1] == 3 if mirrored is None else mirrored
    pictures = _sized(x)
    small, flat = _descriptors(x)
    if len(x) < 2 or int((~flat).sum()) < 2:
        return torch.zeros(0, 2, dtype=torch.int64), torch.zeros(0)
    rows = (~flat).nonzero().flatten()
    views = _whitened(small[rows].flatten(1), *[small[rows].flip(3).flatten(1)] * mirrored)
    spectrum = _whitened(_spectra(pictures)[rows])  # finds shifted copies

    def some(most: int) -> Tensor:
        return torch.linspace(0, len(rows) - 1, min(len(rows), most)).long()

    def compared(pairs: Tensor, shown: bool) -> Tensor:
        parts = tqdm(pairs.split(_BLOCK), desc="comparing", disable=None if shown else True,
                     leave=False)
        return torch.cat(
            [_similarity(views, pictures, rows, part, mirrored) for part in parts if len(part)]
            or [torch.zeros(0)])

    # How alike neighbours are by nature, from 500 images: the bar lies above that.
    usual = torch.stack([
        compared(torch.stack([some(500), _nearest(ways, some(500))[1]], 1), False)
        for ways in (views, spectrum)
    ]).amax(0)
    candidates = [
        _candidates(ways, _floor(_nearest(ways, some(_SOME))[0], 0.5, 1.5), progress)
        for ways in (views, spectrum)
    ]
    pairs = torch.unique(torch.cat(candidates), dim=0)
    similarity = compared(pairs, progress)
    pairs = rows[pairs]  # from images with content to rows of x
    found = similarity >= _floor(usual, SURE, 2.5)
    pairs, similarity = pairs[found], similarity[found]
    order = similarity.argsort(descending=True, stable=True)
    return pairs[order], similarity[order]


def _floor(best: Tensor, least: float, spreads: float) -> float:
    """Where similarity stops being the usual one between neighbours: digits are alike by nature,
    photographs are not.
    """
    middle = float(best.median())
    spread = 1.4826 * float((best - middle).abs().median())  # robust standard deviation
    return min(0.97, max(least, middle + spreads * spread))


def _similarity(views: list[Tensor], pictures: Tensor, rows: Tensor, pairs: Tensor,
                mirrored: bool) -> Tensor:
    """(n,): 1 for the same picture. A close fit at full size may stand alone, a fair one needs
    the small picture's word.
    """
    a, b = pairs.T
    # cosine of the small pictures, the best of plain and mirrored
    small = torch.stack([(way[a].float() * views[0][b].float()).sum(1) for way in views]).amax(0)
    fit = laid_over(pictures[rows[a]], pictures[rows[b]], mirrored).mean(1)
    return torch.maximum(0.5 * small + 0.5 * fit, fit - 0.05)


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
    small = small - small.mean((2, 3), keepdim=True)  # brightness does not count
    norm = small.flatten(1).norm(dim=1)
    # blank images, beside the usual contrast
    return small, norm <= 1e-4 * norm.median().clamp(min=1e-12)


def _spectra(pictures: Tensor) -> Tensor:
    """Sizes of the lowest frequencies of each image under a window, (N, D): alike for shifted
    and for mirrored images.
    """
    side = min(16, *pictures.shape[2:])
    window = torch.hann_window(side + 2)[1:-1].sqrt()  # fades out what a shift moves off the edge
    found = []
    for part in pictures.split(4096):
        images = F.adaptive_avg_pool2d(part.float(), side)
        images = (images - images.mean((2, 3), keepdim=True)) * window[:, None] * window
        size = torch.fft.rfft2(images).abs()[..., :6]  # a shift changes phases, not sizes
        rising, down = size[:, :, 1:6], size[:, :, -5:].flip(2)  # a mirror exchanges these two
        parts = [size[:, :, :1], rising + down, (rising - down).abs()]
        found.append(torch.cat(parts, 2).flatten(1))
    spectra = F.normalize(torch.cat(found), dim=1)
    return spectra - spectra.mean(0)


def _whitened(*ways: Tensor) -> list[Tensor]:
    """Unit vectors (N, D) in coordinates in which those of all ways are uncorrelated."""
    rows = torch.linspace(0, len(ways[0]) - 1, min(len(ways[0]), 10_000)).long()
    sample = torch.cat([way[rows] for way in ways])
    # eigenvectors of the covariance; 2 % of the mean variance keeps noise from being blown up
    values, vectors = torch.linalg.eigh(sample.T @ sample / len(sample))
    whiten = vectors * (values.clamp(min=0) + 0.02 * values.mean()).clamp(min=1e-20).rsqrt()
    # half the memory and twice the speed where there are many; the order hardly changes
    many = len(rows) > 5000
    kind = torch.bfloat16 if many and machine.bf16_is_fast() else torch.float32
    return [F.normalize(way @ whiten, dim=1).to(kind) for way in ways]


def _nearest(ways: list[Tensor], rows: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and row (n,) of the nearest other one of some rows, for the best of all ways."""
    values, partners = [], []
    for some in rows.split(256):
        cosine = _cosines([way[some] for way in ways], ways[0]).float()
        cosine[torch.arange(len(some)), some] = -2  # an image is no neighbour of itself
        value, partner = cosine.max(1)
        values.append(value)
        partners.append(partner)
    return torch.cat(values), torch.cat(partners)


def _cosines(ways: list[Tensor], base: Tensor) -> Tensor:
    """(n, m) of n rows against m, for the best of all ways."""
    cosine = ways[0] @ base.T
    for way in ways[1:]:
        torch.maximum(cosine, way @ base.T, out=cosine)
    return cosine


def _candidates(ways: list[Tensor], floor: float, progress: bool) -> Tensor:
    """Pairs (n, 2), the smaller row first, each once: of the nearest neighbours of each row those
    that are nearer than the floor, the nearest of all where they are many.

    A mirrored a is as near to b as a to a mirrored b: half of the table is enough.
    """
    blocks = range(0, len(ways[0]), _BLOCK)
    tiles = [(row, column) for row in blocks for column in blocks if column >= row]
    found: list[Tensor] = []  # (n, 3) row, neighbour, cosine
    for row, column in tqdm(tiles, desc="searching", disable=None if progress else True,
                            leave=False):
        cosine = _cosines([way[row:row + _BLOCK] for way in ways], ways[0][column:column + _BLOCK])
        if row == column:
            cosine.fill_diagonal_(-2)  # an image is no neighbour of itself
            found += _near(cosine, row, column, floor)
        else:
            found += _near(cosine, row, column, floor) + _near(cosine.T, column, row, floor)
        if sum(map(len, found)) > 50 * _MOST:
            found = [_nearest_of_each(torch.cat(found))]
    near = _nearest_of_each(torch.cat(found)) if found else torch.zeros(0, 3)
    top = near[:, 2].topk(min(_MOST, len(near))).indices
    return near[top, :2].long().sort(1).values


def _near(cosine: Tensor, row: int, column: int, floor: float) -> list[Tensor]:
    """(n, 3) row, neighbour and cosine of what lies above the floor in a tile of the table, the
    nearest of each row; none or one.
    """
    rows = (cosine.amax(1) >= floor).nonzero().flatten()
    if not len(rows):
        return []
    value, at = cosine[rows].double().topk(min(_NEIGHBOURS, cosine.shape[1]), 1)
    near = torch.stack([(rows + row)[:, None].expand_as(at).double(), (at + column).double(),
                        value], 2)
    return [near[value >= floor]]


def _nearest_of_each(near: Tensor) -> Tensor:
    """Of each row only so many neighbours as are looked at."""
    near = near[near[:, 2].argsort(descending=True, stable=True)]
    near = near[near[:, 0].argsort(stable=True)]
    first = torch.searchsorted(near[:, 0].contiguous(), near[:, 0].contiguous())
    return near[torch.arange(len(near)) - first < _NEIGHBOURS]


def laid_over(a: Tensor, b: Tensor, mirrored: bool) -> Tensor:
    """Correlation (n, 2) of images and of their gradients where a, perhaps mirrored, lies best over
    b, both (n,C,H,W).

    The place is found by cross-correlation of the gradients, within an eighth of the side.
    """
    a, b = a.float(), b.float()
    most = max(1, max(a.shape[2:]) // 8)  # pixels of shift
    # (n, ways, places)
    peaks = torch.stack([_shifts(way, b, most) for way in (a, a.flip(3))[: 1 + mirrored]], 1)
    best = peaks.flatten(1).argmax(1)
    way, place = best // peaks.shape[2], best % peaks.shape[2]  # mirrored or not; which shift
    side = 2 * most + 1
    a = torch.where((way == 1)[:, None, None, None], a.flip(3), a)
    moved, inside = _moved(b, place // side - most, place % side - most)
    # gradients need the right and the lower neighbour inside, too
    edges = inside & _moved(inside[:, None].float(), torch.ones_like(place),
                            torch.ones_like(place))[0][:, 0].bool()
    return torch.stack(
        [_correlation(a, moved, inside),
         _correlation(_gradients(a), _gradients(moved), edges)], 1)


def _gradients(x: Tensor) -> Tensor:
    """Differences of neighbours (n, 2C, H, W), zero at the last row and column."""
    return torch.cat([
        F.pad(x[..., 1:] - x[..., :-1], (0, 1)),
        F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    ], 1)


def _shifts(a: Tensor, b: Tensor, most: int) -> Tensor:
    """Cross-correlation (n, (2 most + 1)²) of the grey gradients: how well a(p) fits b(p +
    shift).
    """
    size = [side + most for side in a.shape[2:]]  # padded, so that no shift wraps around
    grey = [_gradients(images.mean(1, keepdim=True)) for images in (a, b)]
    spectrum_a, spectrum_b = (torch.fft.rfft2(gradients, s=size) for gradients in grey)
    full: Tensor = torch.fft.irfft2((spectrum_a.conj() * spectrum_b).sum(1), s=size)
    places = torch.arange(-most, most + 1)
    return full[:, places % size[0]][:, :, places % size[1]].flatten(1)


def _moved(x: Tensor, dy: Tensor, dx: Tensor) -> tuple[Tensor, Tensor]:
    """x(p + shift) (n,C,H,W) and where that lies inside (n,H,W)."""
    n, _, H, W = x.shape
    rows, columns = torch.arange(H) + dy[:, None], torch.arange(W) + dx[:, None]
    inside = ((rows >= 0) & (rows < H))[:, :, None] & ((columns >= 0) & (columns < W))[:, None, :]
    at = torch.arange(n)[:, None, None]
    return x.permute(0, 2, 3, 1)[at,
                                 rows.clamp(0, H - 1)[:, :, None],
                                 columns.clamp(0, W - 1)[:, None, :]].permute(0, 3, 1, 2), inside


def _correlation(a: Tensor, b: Tensor, inside: Tensor) -> Tensor:
    """Pearson correlation (n,) over the pixels inside, the mean of each channel taken off."""
    weight = inside[:, None].float()
    count = weight.sum((2, 3), keepdim=True).clamp(min=1)  # pixels that both images have
    means = [(images * weight).sum((2, 3), keepdim=True) / count for images in (a, b)]
    a, b = (a - means[0]) * weight, (b - means[1]) * weight
    power = (a * a).sum((1, 2, 3)) * (b * b).sum((1, 2, 3))
    return torch.where(power > 1e-12, (a * b).sum((1, 2, 3)) / power.clamp(min=1e-12).sqrt(), 0.0)
