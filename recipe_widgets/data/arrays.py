"""A reader's own arrays, checked and brought into the one form that the package uses."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.core.describe import describe_value
from recipe_widgets.data.split import ORIGINS, Samples

_WHO = "Data.from_arrays"
_LABELS = "Data.from_arrays(y)"
_SHAPES = "images (N,H,W), (N,H,W,1|3) or (N,C,H,W), or a table (N,D)"
Array = npt.NDArray[Any]
Labels = dict[str, Array]


def is_pair(value: Any, key: str) -> bool:
    """Whether `value` is samples of their own rather than a fraction."""
    if value is None or isinstance(value, numbers.Real):
        return False
    if isinstance(value, tuple | list) and len(value) == 2:
        return True
    raise RecipeError(f"{_WHO}({key}=)", found=describe_value(value),
                      expected="a fraction or a pair (x, y)",
                      mend="For example test=0.2 or test=(x_test, y_test).")


def checked(
    parts: dict[str, Any], classes: Sequence[str] | None, channels_last: bool | None
) -> tuple[dict[str, Samples], tuple[str, ...], tuple[str, ...]]:
    """Samples of each part of `{"train": (x, y), ...}`, the names of the classes, and notes on what
    was converted.

    The parts are looked at together, so that one decision (bytes or floats, which axis is which)
    holds for all.
    """
    arrays = {part: as_array(x, f"{_WHO}({_label(part, 'x')})") for part, (x, _) in parts.items()}
    labels = {
        part: as_array(y, f"{_WHO}({_label(part, 'y')})", text=True)
        for part, (_, y) in parts.items()
    }
    for part, array in arrays.items():
        _fit(part, array, labels[part])
        _same_kind(part, array, arrays["train"])
        _finite(part, array)
    sizes = np.cumsum([len(array) for array in arrays.values()])[:-1]  # where the parts begin
    x, note = _converted(np.concatenate(list(arrays.values())), channels_last)
    y, names = numbered_labels(labels, classes)
    tensors = {
        part: torch.from_numpy(piece)
        for part, piece in zip(arrays, np.split(x, sizes), strict=True)
    }
    samples = {part: Samples.numbered(tensor, torch.from_numpy(y[part]), ORIGINS.index(part))
               for part, tensor in tensors.items()}
    return samples, names, (note,) if note else ()


def as_array(value: Any, what: str, text: bool = False) -> Array:
    """`value` as a numpy array of numbers (or, with `text`, of texts); not a copy."""
    try:
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu()
            value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise RecipeError(what, found=f"{type(value).__name__} ({str(error).splitlines()[0]})",
                          expected="an array or tensor of numbers",
                          mend="All rows need the same length.") from None
    if text and array.dtype.kind in "OT" and all(isinstance(item, str) for item in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in ("biufU" if text else "biuf"):
        raise RecipeError(
            what, found=f"an array of type {array.dtype}", expected="numbers",
            mend="Object arrays and the like hide what they hold: convert with "
            ".astype(np.float32) first." if not text else "Give whole numbers or texts.")
    return array


def _label(part: str, name: str) -> str:
    return name if part == "train" else f"{part}= {name}"


def _fit(part: str, x: Array, y: Array) -> None:
    what = f"{_WHO}({_label(part, 'x')})"
    if x.ndim < 2 or x.ndim > 4:
        raise RecipeError(
            what, found=f"shape {x.shape}", expected=_SHAPES,
            mend="One value per sample is x.reshape(-1, 1)." if x.ndim == 1 else "Reshape it.")
    if 0 in x.shape:
        raise RecipeError(what, found=f"shape {x.shape}, which is empty", expected=_SHAPES)
    if y.ndim != 1:
        column = y.ndim == 2 and y.shape[1] == 1
        raise RecipeError(
            f"{_WHO}({_label(part, 'y')})", found=f"shape {y.shape}",
            expected="one label per sample, (N,)", mend="Try y.reshape(-1)."
            if column else "One-hot labels become numbers with y.argmax(1).")
    if len(x) != len(y):
        raise RecipeError(what, found=f"{len(x)} samples and {len(y)} labels",
                          expected="as many labels as samples")
    if part == "train" and len(x) < 2:
        raise RecipeError(
            what, found="one sample", expected="at least 2, better some of every class",
            mend="A single image goes in as x[None] only for prediction, not as data.")


def _same_kind(part: str, x: Array, train: Array) -> None:
    # signed and unsigned go together
    kinds = {array.dtype.kind.replace("i", "u") for array in (x, train)}
    if x.shape[1:] != train.shape[1:] or len(kinds) > 1:
        raise RecipeError(f"{_WHO}({part}=)", found=f"samples {x.dtype} {x.shape[1:]}",
                          expected=f"the same as in x: {train.dtype} {train.shape[1:]}",
                          mend="Prepare all parts in the same way.")


def _finite(part: str, x: Array) -> None:
    if x.dtype.kind != "f":  # whole numbers are finite
        return
    with np.errstate(over="ignore"):  # a float64 that float32 cannot hold becomes infinite here
        good = np.isfinite(x.astype(np.float32))
    if not good.all():
        rows = np.flatnonzero(~good.reshape(len(x), -1).all(1))
        raise RecipeError(
            f"{_WHO}({_label(part, 'x')})",
            found=f"NaN, infinity or more than float32 holds in {len(rows)} rows, "
                  f"the first is {rows[0]}",
            expected="finite numbers", mend="Drop these rows or fill the gaps first.")


def _converted(x: Array, channels_last: bool | None) -> tuple[Array, str]:
    """Pooled samples as (N,C,H,W) or (N,D), uint8 or float32, and what was done to their values."""
    if x.ndim == 2:
        return x.astype(np.float32), ""
    x = x[:, None] if x.ndim == 3 else _channels_first(x, channels_last)
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x), ""
    return _as_bytes(np.ascontiguousarray(x))


def _channels_first(x: Array, channels_last: bool | None) -> Array:
    """(N,C,H,W) from 4-d images; where the shape does not tell which axis is the colour, the
    reader must.
    """
    if channels_last is None:
        first, last = x.shape[1] in (1, 3), x.shape[3] in (1, 3)
        if first == last:
            raise RecipeError(
                f"{_WHO}(x)",
                found=f"images of shape {x.shape}, where the channels may be first or last",
                expected="(N,H,W,1|3) or (N,1|3,H,W)", mend="Say channels_last=True or False.")
        channels_last = last
    return x.transpose(0, 3, 1, 2) if channels_last else x


def _as_bytes(x: Array) -> tuple[Array, str]:
    """Bytes where not a bit of float32 is lost by it, else float32."""
    if x.dtype.kind == "b":
        return x.astype(np.uint8) * np.uint8(255), "black and white as bytes 0 and 255"
    low, high = x.min(), x.max()
    if low < 0 or high > 255:
        return x.astype(np.float32), ""
    if x.dtype.kind == "f" and high <= 1:
        values = x.astype(np.float32)
        levels = np.rint(values * np.float32(255)).astype(np.uint8)
        # k/255 and back, as ToTensor makes it: kept as bytes only if not a bit is lost
        exact = np.array_equal(levels.astype(np.float32) / np.float32(255), values)
        return (levels, "images in [0,1] as bytes, exactly") if exact else (values, "")
    levels = x.astype(np.uint8)
    if np.array_equal(levels, x):
        return levels, "whole numbers as bytes"
    return x.astype(np.float32), ""


# --- labels of any kind become numbers 0, 1, ... and a name for each ------------------------------


def numbered_labels(
        labels: Labels,
        classes: Sequence[str] | None) -> tuple[dict[str, npt.NDArray[np.int64]], tuple[str, ...]]:
    """Labels int64 (N,) of each part, and the classes' names, which are the same for all parts."""
    kinds = {array.dtype.kind == "U" for array in labels.values()}
    if len(kinds) > 1:
        raise RecipeError(_LABELS, found="texts in one part and numbers in another",
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
        raise RecipeError(_LABELS, found=f"the label {strange[0]!r}",
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
                _LABELS, found=f"labels of type {array.dtype} in {part}",
                expected="whole numbers or texts",
                mend="Classes that are stored as floats become numbers with y.astype(int).")
        if array.min() < 0:
            raise RecipeError(_LABELS,
                              found=f"the label {array.min()} in row {array.argmin()} of {part}",
                              expected="labels from 0",
                              mend="Drop such rows, or number the classes from 0.")
    largest = max(int(array.max()) for array in labels.values())
    total = sum(len(array) for array in labels.values())
    # A label far above what the samples could fill is a year or an id; a name for each number would
    # fill the memory.
    most = len(names) if names is not None else max(total, 10)
    if largest >= most:
        known = (f"0 to {most - 1}, as there are {most} classes" if names
                 else f"classes 0, 1, ..., below {most}")
        raise RecipeError(_LABELS, found=f"the label {largest}", expected=known,
                          mend="Number the classes 0, 1, ... (np.unique(y, return_inverse=True)"
                               "[1]), or give classes=.")
    names = names or tuple(str(number) for number in range(largest + 1))
    return {part: array.astype(np.int64) for part, array in labels.items()}, names
