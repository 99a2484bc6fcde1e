"""Reads a few stored samples again, after the end of the script."""

from __future__ import annotations

import contextlib
import itertools
import math
import operator
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from recipe_widgets.rules.stored_samples import RereadSamples
from recipe_widgets.watch.evidence.forward_pass import tensors_in
from recipe_widgets.watch.evidence.script_objects import CheckTime, ScriptObjectError, ask
from recipe_widgets.watch.evidence.watched_run import READS_SAMPLES, Built, WatchedRun, builds

_SAMPLES = 6
_MOST_ARRAYS, _MOST_NUMBERS = 200, 1_000_000  # of an array; of a larger one the first rows
_FIRST_ROWS = 64
_DEEPEST = 3  # of data sets within data sets


@builds(RereadSamples, READS_SAMPLES)
def reread_samples(run: WatchedRun) -> Built:
    """Only in a process of its own: reading may change what is stored, which is what is sought."""
    for loader in run.records.loaders.records if run.own_process else ():
        dataset = loader.dataset
        if not hasattr(dataset, "__getitem__") or loader.workers \
                or not (loader.trained or loader.evaluated):
            continue
        with run.tolerating(f"reading {type(dataset).__name__} again"), \
                contextlib.suppress(ScriptObjectError):
            count = min(_SAMPLES, ask(len, dataset))
            before = _checksums(dataset)
            first, second = ([_item(dataset, i, run.check_time) for i in range(count)]
                             for _ in range(2))
            changed = sum(not _equal(a, b) for a, b in zip(first, second, strict=True))
            yield RereadSamples(type(dataset).__name__, count, changed,
                                before != _checksums(dataset)), loader.line


def _item(dataset: Any, index: int, check_time: CheckTime) -> list[torch.Tensor]:
    """Copies of the arrays of one sample, read with the same random numbers each time."""
    check_time()
    torch.manual_seed(index)
    np.random.seed(index)  # noqa: NPY002 - what a data set of the script may draw from
    random.seed(index)
    item = ask(operator.getitem, dataset, index)
    parts = item if isinstance(item, (tuple, list)) else [item]
    arrays = [_tensor(p) if isinstance(p, np.ndarray) and p.dtype.kind in "fiu" else p
              for p in parts]
    return [t.detach().clone() for t in tensors_in(arrays)]


def _equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(
        a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num())
        for a, b in zip(one, other, strict=True))


def _tensor(array: Any) -> torch.Tensor:
    """An array's numbers. Not in place: torch takes neither negative strides, as of a flipped
    picture, nor the byte order of another machine.
    """
    if isinstance(array, torch.Tensor):
        return array
    return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")))


def _checksums(dataset: Any) -> list[float]:
    """A number for each array that the data set stores."""
    sums = []
    for array in itertools.islice(_arrays(dataset, _DEEPEST), _MOST_ARRAYS):
        part = array if math.prod(array.shape) <= _MOST_NUMBERS else array[:_FIRST_ROWS]
        numbers = _tensor(part).detach().double().nan_to_num()
        sums.append(float(numbers.square().sum() + numbers.sum()))
    return sums


def _arrays(thing: Any, depth: int) -> Iterator[Any]:
    """The tensors and arrays of numbers in the attributes of a data set, and in those it holds."""
    values = vars(thing).values() if hasattr(thing, "__dict__") else ()
    for value in values:
        for one in value[:_MOST_ARRAYS] if isinstance(value, (list, tuple)) else (value, ):
            if isinstance(one, torch.Tensor) or (isinstance(one, np.ndarray)
                                                 and one.dtype.kind in "fiu"):
                yield one
            elif isinstance(one, (list, tuple)):  # a list of (x, y)
                yield from (t for t in one[:4] if isinstance(t, torch.Tensor))
            elif depth and hasattr(one, "__getitem__") and hasattr(one, "__dict__"):
                yield from _arrays(one, depth - 1)
