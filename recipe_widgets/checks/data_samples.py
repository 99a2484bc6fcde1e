"""Checks of samples without regard to their labels: copies, outliers, range of values."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch

from recipe_widgets.checks.check_decorator import CannotTellError
from recipe_widgets.checks.data_subject import data_check
from recipe_widgets.checks.near_copies import near_pairs
from recipe_widgets.checks.sample_sets import DataSubject, SampleSet, broken_rows, finite
from recipe_widgets.core.validation import real
from recipe_widgets.rules.duplicates import CopiedSamples
from recipe_widgets.rules.input_range import InputStatistics
from recipe_widgets.rules.outliers import SampleScores

Array = npt.NDArray[Any]
_QUICK = 4096  # images that are searched for near copies when it must be quick
_DETAIL = 16  # pixels a side from which on two images cannot look alike by chance


@data_check(stage="data", place=4)
def duplicates(source: DataSubject, *, near: bool = True, mirrored: bool | None = None,
               progress: bool = True) -> CopiedSamples:
    """Which samples occur more than once, inside a split or across splits?

    Args:
        near: whether to look for near copies, too: other brightness or contrast, shifted,
            compressed (images only).
        mirrored: whether mirror images count; by default where the images are in colour.

    `details` holds the pairs (n, 4): split and row of one, split and row of the other, with
    `similarity` for near ones.
    Source: Barz and Denzler, Do We Train on Test Data? (ciFAIR), 2020.
    """
    groups = copies(source.parts)
    exact = _paired(groups)
    pairs, similarity = np.zeros((0, 4), np.int64), np.zeros(0)
    if near:
        pairs, similarity = near_copies(source, mirrored, progress)
    return CopiedSamples(exact, pairs, {part.name: part.size for part in source.parts},
                         similarity=similarity, by_chance=few_values(source.parts[0]),
                         clash=_clashes(exact, source.parts),
                         only_exact=not (near and searchable(source)))


def copies(parts: Sequence[SampleSet]) -> list[list[tuple[int, int]]]:
    """Groups of (split, row) whose samples are equal to the bit; samples without any content are
    left out.
    """
    seen: dict[bytes, list[tuple[int, int]]] = {}
    for split, part in enumerate(parts):
        finite(part)
        rows = part.x.reshape(part.size, -1)
        if rows.is_floating_point():
            rows = rows + 0.0  # so that -0 equals 0
        blank = (rows == rows[:, :1]).all(1).numpy() if rows.shape[1] > 1 else np.zeros(
            part.size, bool)
        values = np.ascontiguousarray(rows.numpy())  # (N, values of a sample)
        # the key keeps samples of other types or shapes apart, whose bytes may be equal
        head = f"{values.dtype} {tuple(part.x.shape[1:])}".encode()
        for row in np.flatnonzero(~blank):
            digest = hashlib.blake2b(values[row].data, digest_size=16, key=head[:64]).digest()
            seen.setdefault(digest, []).append((split, int(row)))
    return [group for group in seen.values() if len(group) > 1]


def _paired(groups: Sequence[Sequence[tuple[int, int]]]) -> Array:
    """The first of each group beside each other one, (n, 4)."""
    pairs = [(*group[0], *other) for group in groups for other in group[1:]]
    return np.array(pairs, np.int64).reshape(-1, 4)


def near_copies(source: DataSubject, mirrored: bool | None, progress: bool) -> tuple[Array, Array]:
    """Near copies (n, 4) that are no exact ones, and their similarity (n,); of the parts that
    hold images of one kind.
    """
    first = source.parts[0]
    parts = [
        part for part in source.parts if part.of_images and part.x.shape[1:] == first.x.shape[1:]
    ]
    if not searchable(source):
        return np.zeros((0, 4), np.int64), np.zeros(0)
    key = f"near {mirrored}"
    if key not in source.shared:
        number = [index for index, part in enumerate(source.parts) if any(part is p for p in parts)]
        # split and row of each pooled image, (N,)
        split = np.repeat(number, [part.size for part in parts])
        row = np.concatenate([np.arange(part.size) for part in parts])
        x = torch.cat(
            [part.x.float() if part.x.dtype != parts[0].x.dtype else part.x for part in parts])
        found = near_pairs(x, mirrored=mirrored, progress=progress and not source.quick)
        pairs, similarity = found[0].numpy(), found[1].numpy()
        # exact copies are told elsewhere
        other = ~(x[pairs[:, 0]] == x[pairs[:, 1]]).flatten(1).all(1).numpy() if len(
            pairs) else np.zeros(0, bool)
        a, b = pairs[other].T if len(pairs) else (pairs[:, 0], pairs[:, 1])
        source.shared[key] = np.stack([split[a], row[a], split[b], row[b]],
                                      1).astype(np.int64), similarity[other]
    return source.shared[key]  # type: ignore[no-any-return]


def searchable(source: DataSubject) -> bool:
    """Are there images with detail enough for near copies, and time to look for them?"""
    first = source.parts[0]
    return first.of_images and min(first.x.shape[2:]) >= _DETAIL and not (
        source.quick and sum(part.size for part in source.parts) > _QUICK)


def few_values(part: SampleSet) -> bool:
    """Have the samples so few possible values that equal ones come by chance?"""
    some = torch.linspace(0, part.size - 1, min(part.size, 1000)).long()
    rows = part.x[some].reshape(-1, part.x[0].numel() or 1)
    columns = rows[:, torch.linspace(0, rows.shape[1] - 1, min(rows.shape[1], 256)).long()]
    # bits of a sample, were its columns independent; equal pairs come by chance below 2 log2 N
    bits = sum(float(np.log2(len(np.unique(column)))) for column in columns.numpy().T)
    return bits < 2 * math.log2(max(2, part.size)) + 10


def _clashes(exact: Array, parts: Sequence[SampleSet]) -> int:
    """Pairs of equal samples whose class labels differ."""
    labels = [part.labels for part in parts]
    count = 0
    for split, row, other_split, other_row in exact.tolist():
        one, other = labels[split], labels[other_split]
        known = one is not None and other is not None
        count += known and int(one[row]) != int(other[other_row])
    return count


@data_check(stage="data", place=5)
def outliers(source: DataSubject, *, cutoff: Annotated[float, real(0)] = 8.0,
             most: Annotated[int, real(0)] = 50) -> SampleScores:
    """Which samples stand out along simple axes: brightness, contrast, sharpness, ink, colour;
    columns of tables?

    `details["rows"]` holds the most extreme (n, 2): split and row. Source: Karpathy, "become one
    with the data".
    """
    scores, blank, rows = [], [], []
    for split, part in enumerate(source.parts):
        if not part.x.is_floating_point() and not part.of_images:
            raise CannotTellError("needs images or numbers, not words or class numbers")
        finite(part)
        axes = image_axes(part.x) if part.of_images else _table_axes(part.x)
        scores.append(axes)
        rows.append(np.stack([np.full(part.size, split), np.arange(part.size)], 1))
        blank.append(_blank(part))
    if len({tuple(axes) for axes in scores}) > 1:
        raise CannotTellError("the splits hold samples of different kinds")
    pooled = {axis: robust(np.concatenate([axes[axis] for axes in scores])) for axis in scores[0]}
    return SampleScores(pooled, np.concatenate(rows), blank=np.flatnonzero(np.concatenate(blank)),
                        cutoff=cutoff, most=most, names=[part.name for part in source.parts])


def _blank(part: SampleSet) -> Array:
    if not part.of_images:
        return np.zeros(part.size, bool)
    rows = part.x.flatten(1)
    return (rows == rows[:, :1]).all(1).numpy()


def image_axes(x: torch.Tensor) -> dict[str, Array]:
    """Numbers (N,) per image (N,C,H,W): mean, spread, size of the differences of neighbours
    relative to the spread, share of pixels far from the border's value, and in colour the spread
    between the channels."""
    found: dict[str, list[torch.Tensor]] = {}
    for part in x.split(2000):  # so that floats of all images need not fit into memory
        z = part.float()  # (n, C, H, W)
        contrast = z.flatten(1).std(1, correction=0)
        if min(z.shape[2:]) > 2:
            edges = (z[..., 1:, :] - z[..., :-1, :]).abs().mean(
                (1, 2, 3)) + (z[..., 1:] - z[..., :-1]).abs().mean((1, 2, 3))
            found.setdefault("sharpness", []).append(edges / contrast.clamp(min=1e-6))
        # the background: the median of the upper and lower border
        ground = torch.cat([z[..., 0, :], z[..., -1, :]], 2).mean(1).median(1).values[:, None, None]
        ink = ((z.mean(1) - ground).abs() > contrast[:, None, None]).float().mean((1, 2))
        for axis, value in (("brightness", z.mean(
            (1, 2, 3))), ("contrast", contrast), ("ink", ink)):
            found.setdefault(axis, []).append(value)
        if z.shape[1] > 1:
            found.setdefault("colour", []).append(z.mean((2, 3)).std(1, correction=0))
    return {axis: torch.cat(values).double().numpy() for axis, values in found.items()}


def _table_axes(x: torch.Tensor) -> dict[str, Array]:
    """Columns as axes; of wide tables the mean, the spread and the largest value of a row."""
    rows = x.reshape(len(x), -1).double()
    if rows.shape[1] <= 32:  # beyond, single columns say little of a row
        return {f"column {index}": rows[:, index].numpy() for index in range(rows.shape[1])}
    return {
        "mean": rows.mean(1).numpy(), "spread": rows.std(1, correction=0).numpy(), "largest":
        rows.abs().amax(1).numpy()
    }


def robust(values: Array) -> Array:
    """Distance from the median in units of 1.4826 median absolute deviations; 0 where nothing
    varies.
    """
    middle = np.median(values)
    # 1.4826: standard deviation of a normal distribution / its median absolute deviation
    spread = 1.4826 * float(np.median(np.abs(values - middle))) or float(values.std())
    return (values - middle) / spread if spread > 1e-12 else np.zeros(len(values))


@data_check(stage="data", place=2)
def input_range(source: DataSubject) -> InputStatistics:
    """Do the inputs have a size that a net can work with: finite, of about unit spread, near zero?

    Judges what enters the model where that is known. Source: Bengio, Practical Recommendations,
        2012.
    """
    part = (source.fed or source.parts)[0]  # what enters the model, where that is known
    broken = broken_rows(part.x)
    if len(broken):
        nothing = np.zeros(1)
        return InputStatistics(nothing, nothing, nothing, nothing, broken=broken.tolist())
    if not part.x.is_floating_point() and not part.of_images:
        raise CannotTellError("the inputs are whole numbers, such as words or class numbers")
    columns = channel_statistics(part.x)
    return InputStatistics(columns["mean"], columns["std"], columns["low"], columns["high"],
                           whole=not part.x.is_floating_point(), image=part.of_images)


def channel_statistics(x: torch.Tensor) -> dict[str, Array]:
    """mean, std, low, high, each (C,), per channel of images or column of tables."""
    # 5000 samples tell a standard deviation to 1 %
    z = x[torch.linspace(0, len(x) - 1, min(len(x), 5000)).long()].double()
    z = z.reshape(len(z), 1, 1) if z.ndim == 1 else z.reshape(len(z), z.shape[1], -1)  # (n, C, P)
    mean = z.mean((0, 2))
    centred = z - mean[:, None]
    return {
        "mean": mean.numpy(), "std": (centred**2).mean((0, 2)).sqrt().numpy(), "low": z.amin(
            (0, 2)).numpy(), "high": z.amax((0, 2)).numpy()
    }
