"""Reads samples of picture and mask several times: does the mask move as the picture does?"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from recipe_widgets.rules.augmentation_keeps_label import PairedMoves
from recipe_widgets.watch.evidence.script_objects import CheckTime, ScriptObjectError, ask
from recipe_widgets.watch.evidence.watched_run import READS_SAMPLES, Built, WatchedRun, builds

_SAMPLES, _READINGS = 6, 8
_PATCH, _FEWEST_VALUES = 12, 0.5  # side of a patch that is looked for; share of its values that differ
_SMALLEST, _LARGEST = 10, 320  # side of a picture
_MOST_MASK_VALUES, _MOST_PLACES = 32, 100
_WRONG = 0.004  # share of a mask that lies otherwise, beside its borders

# mirror and quarter turns of the last two axes
_MOVES: list[Callable[[torch.Tensor], torch.Tensor]] = [
    lambda x, k=k, mirror=mirror: torch.rot90(x.flip(-1) if mirror else x, k, (-2, -1))  # type: ignore[misc]
    for mirror in (False, True) for k in range(4)
]


@builds(PairedMoves, READS_SAMPLES)
def paired_moves(run: WatchedRun) -> Built:
    for loader in run.records.loaders.records if run.own_process else ():
        dataset = loader.dataset
        if not hasattr(dataset, "__getitem__") or not loader.trained or loader.workers:
            continue
        with run.tolerating(f"reading pairs of {type(dataset).__name__}"), \
                contextlib.suppress(ScriptObjectError):
            seen = look_at(dataset, run.check_time)
            if seen is not None:
                yield seen, loader.line


def look_at(dataset: Any, check_time: CheckTime) -> PairedMoves | None:
    """None where the items are no pairs of picture and mask."""
    readings = apart = 0
    for index in range(min(_SAMPLES, ask(len, dataset))):
        first = _pair(dataset, index, 0)
        if first is None:
            return None
        for seed in range(1, _READINGS):
            check_time()
            again = _pair(dataset, index, seed)
            if again is None or again[0].shape != first[0].shape:
                continue
            moved = _how_moved(first[0], again[0])
            if moved is not None:
                readings += 1
                apart += not _lies_so(first[1], again[1], *moved)
    return PairedMoves(readings, apart) if readings else None


def _pair(dataset: Any, index: int, seed: int) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Picture and mask (H, W) of a sample."""
    torch.manual_seed(1000 * index + seed)
    np.random.seed(1000 * index + seed)  # noqa: NPY002 - what a data set of the script may draw from
    random.seed(1000 * index + seed)
    item = ask(dataset.__getitem__, index)
    if isinstance(item, dict):
        item = list(item.values())
    if not isinstance(item, (tuple, list)) or len(item) < 2:
        return None
    both = [torch.as_tensor(one) for one in item[:2] if isinstance(one, torch.Tensor)
            or (isinstance(one, np.ndarray) and one.dtype.kind in "fiub")]
    if len(both) != 2:
        return None
    picture, mask = both
    picture = picture.float().sum(0) if picture.ndim == 3 and picture.shape[0] <= 4 else \
        picture.float().sum(-1) if picture.ndim == 3 and picture.shape[-1] <= 4 else picture.float()
    mask = mask.squeeze()
    sides = [*picture.shape, *mask.shape]
    alike = picture.ndim == mask.ndim == 2 and picture.shape == mask.shape
    if not alike or min(sides) < _SMALLEST or max(sides) > _LARGEST:
        return None
    values = len(mask.unique())
    return (picture, mask) if values <= _MOST_MASK_VALUES and values < len(picture.unique()) else None


def _how_moved(one: torch.Tensor, other: torch.Tensor) -> tuple[int, int, int] | None:
    """(number of the move, rows, columns) by which a picture became the other one; None where that is
    not certain.
    """
    side = min(_PATCH, min(one.shape) // 2)
    found = []
    for number, move in enumerate(_MOVES):
        turned = move(one)
        if turned.shape != other.shape:
            continue
        top, left = ((length - side) // 2 for length in turned.shape)
        patch = turned[top:top + side, left:left + side]
        if len(patch.unique()) < _FEWEST_VALUES * patch.numel():
            return None
        # by a pixel first: few places have its value
        rows, columns = (other[:other.shape[0] - side + 1, :other.shape[1] - side + 1] == patch[0, 0]).nonzero(
            as_tuple=True)
        if len(rows) > _MOST_PLACES:
            return None
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
            if torch.equal(other[i:i + side, j:j + side], patch):
                found.append((number, i - top, j - left))
    return found[0] if len(found) == 1 else None


def _lies_so(mask: torch.Tensor, other: torch.Tensor, number: int, rows: int, columns: int) -> bool:
    """Was the mask moved in the same way? What came in from beyond the border is left out."""
    turned = _MOVES[number](mask)
    height, width = turned.shape
    here = turned[max(0, -rows):height - max(0, rows), max(0, -columns):width - max(0, columns)]
    there = other[max(0, rows):height + min(0, rows), max(0, columns):width + min(0, columns)]
    return float((here != there).float().mean()) <= _WRONG
