"""Labels of any kind become numbers 0, 1, ... and a name for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recipe_widgets.core import RecipeError

_WHAT = "Data.from_arrays(y)"
Labels = dict[str, npt.NDArray[Any]]


def numbered(
        labels: Labels,
        classes: Sequence[str] | None) -> tuple[dict[str, npt.NDArray[np.int64]], tuple[str, ...]]:
    """Labels int64 (N,) of each part, and the classes' names, which are the same for all parts."""
    kinds = {array.dtype.kind == "U" for array in labels.values()}
    if len(kinds) > 1:
        raise RecipeError(_WHAT, found="texts in one part and numbers in another",
                          expected="one kind of label")
    names = None if classes is None else _names(classes)
    return _from_texts(labels, names) if kinds.pop() else _from_numbers(labels, names)


def _names(classes: Any) -> tuple[str, ...]:
    listed = np.ndim(classes) > 0 if isinstance(classes, np.ndarray) else isinstance(
        classes, Sequence)
    names = tuple(classes) if listed and not isinstance(classes, str) else ()
    if not names or not all(isinstance(name, str)
                            for name in names) or len(set(names)) < len(names):
        raise RecipeError("Data.from_arrays(classes=)", found=repr(classes)[:80],
                          expected="different texts, one per class",
                          mend='For example classes=["cat", "dog"].')
    return tuple(str(name) for name in names)


def _from_texts(
    labels: Labels, names: tuple[str, ...] | None
) -> tuple[dict[str, npt.NDArray[np.int64]], tuple[str, ...]]:
    present = sorted({str(text) for array in labels.values() for text in np.unique(array)})
    names = tuple(present) if names is None else names
    strange = [text for text in present if text not in set(names)]
    if strange:
        raise RecipeError(_WHAT, found=f"the label {strange[0]!r}",
                          expected="one of " + ", ".join(names[:20]),
                          mend="Mend the label or add it to classes=.")
    order = np.argsort(names, kind="stable")
    ordered = np.array(names)[order]
    return {
        part: order[np.searchsorted(ordered, array)].astype(np.int64)
        for part, array in labels.items()
    }, names


def _from_numbers(
    labels: Labels, names: tuple[str, ...] | None
) -> tuple[dict[str, npt.NDArray[np.int64]], tuple[str, ...]]:
    for part, array in labels.items():
        if array.dtype.kind == "f":
            raise RecipeError(
                _WHAT, found=f"labels of type {array.dtype} in {part}",
                expected="whole numbers or texts",
                mend="Classes that are stored as floats become numbers with y.astype(int).")
        if array.min() < 0:
            raise RecipeError(_WHAT,
                              found=f"the label {array.min()} in row {array.argmin()} of {part}",
                              expected="labels from 0",
                              mend="Drop such rows, or number the classes from 0.")
    largest = max(int(array.max()) for array in labels.values())
    total = sum(len(array) for array in labels.values())
    # A label far above what the samples could fill is a year or an id; a name for each number would
    # fill the memory.
    most = len(names) if names is not None else max(total, 10)
    if largest >= most:
        known = f"0 to {most - 1}, as there are {most} classes" if names else f"classes 0, 1, ..., below {most}"
        raise RecipeError(
            _WHAT, found=f"the label {largest}", expected=known, mend=
            "Number the classes 0, 1, ... (np.unique(y, return_inverse=True)[1]), or give classes=."
        )
    names = names or tuple(str(number) for number in range(largest + 1))
    return {part: array.astype(np.int64) for part, array in labels.items()}, names
