"""Samples with labels, made from whatever a reader has: our `Data`, arrays, a `DataLoader`, a
list of batches.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from recipe_widgets.checks.check_decorator import CannotTellError
from recipe_widgets.checks.check_subject import restored_generators
from recipe_widgets.core import RecipeError, rng_guard
from recipe_widgets.data import Data, Split
from recipe_widgets.data.arrays import as_array

_FORMS = ("Data, a split, (x, y), {name: (x, y)}, (train, validation), a DataLoader or a list of "
          "batches")


@dataclass(frozen=True, eq=False)
class SampleSet:
    """Samples of one split, on the CPU.

    Attributes:
        x: (N, ...); images have their channels first. y: (N, ...) or None; texts were numbered by
            `names`.
        batches: where each batch began, when the samples came as batches; their order is the order
            of training.
        complete: False when only the first samples of an iterable were taken.
        of_images: x holds images (N,C,H,W). given: x as it was handed in.
    """

    name: str
    x: torch.Tensor
    y: torch.Tensor | None = None
    names: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    complete: bool = True
    of_images: bool = False
    given: Any = None

    @property
    def size(self) -> int:
        return len(self.x)

    @property
    def labels(self) -> torch.Tensor | None:
        """Class numbers int64 (N,), or None where the labels are something else (numbers,
        sequences, soft labels).
        """
        if self.y is None or self.y.ndim != 1 or self.y.is_floating_point() or self.y.is_complex():
            return None
        return self.y.long()


@dataclass(frozen=True, eq=False)
class DataSubject:
    """What a data check looks at. `fed` are the samples as they enter the model, where that is
    known.

    `quick`: one of many checks of a model, so little time; `shared` keeps what the next check
        needs, too.
    """

    parts: tuple[SampleSet, ...]
    fed: tuple[SampleSet, ...] = ()
    num_classes: int | None = None
    quick: bool = False
    shared: dict[str, Any] = field(default_factory=dict)

    def part(self, name: str) -> SampleSet | None:
        return next((part for part in self.parts if part.name == name), None)


def sets_of(data: Any, labels: Any = None, *, why: str = "a check of the samples",
             most: int | None = None, seconds: float | None = None) -> tuple[SampleSet, ...]:
    """The splits of `data`; empty ones are left out.

    Args:
        data: our `Data` (its test set is audited, with `why` in the log), a split, (x, y), x alone,
            a dict of splits, a pair (train, validation), a `Dataset`, a `DataLoader` or another
            iterable of batches (x, y).
        labels: y (N,), where `data` is x.
        most, seconds: how much is taken of an iterable.

    Raises:
        RecipeError: nothing in it, shapes that do not fit, or something else altogether.
    """
    named = [("data", (data, labels))] if labels is not None else _named(data, why)
    with rng_guard():
        several = len(named) > 1
        found = [_sample_set_of(name, value, several, most, seconds) for name, value in named]
        parts = tuple(part for part in found if part is not None)
    if not parts or not any(part.size for part in parts):
        raise RecipeError(
            "Samples", found="none", expected="at least one sample",
            mend="An iterator that was used up gives nothing: hand in a list or a DataLoader.")
    return tuple(replace(part, names=data.classes)
                 for part in parts) if isinstance(data, Data) else parts


def _named(data: Any, why: str) -> list[tuple[str, Any]]:
    if isinstance(data, Data):
        held = [data.audit_test(why)] if data.vault.size else []
        return [(split.name, split) for split in (data.train, data.validation, *held) if split.size]
    if isinstance(data, Split):
        return [(data.name, data)]
    if isinstance(data, Mapping):
        return [(str(name), value) for name, value in data.items()]
    if isinstance(data, tuple) and len(data) == 2 and not any(map(_is_array, data)):
        return [("train", data[0]), ("validation", data[1])]
    return [("data", data)]


def _is_array(value: Any) -> bool:
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return True
    return isinstance(value, list) and bool(value) and isinstance(
        value[0], (int, float, str, list, np.generic))


def _sample_set_of(name: str, value: Any, several: bool, most: int | None,
          seconds: float | None) -> SampleSet | None:
    """One split; None when it is empty beside others."""
    if value is None:
        return None
    if isinstance(value, Split):
        return sample_set(name, value.x.detach().cpu(), value.y.detach().cpu())
    if isinstance(value, tuple) and len(value) == 2 and _is_array(value[0]):
        return sample_set(name, *value)
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return sample_set(name, value, None)
    if isinstance(value, (str, bytes)) or not isinstance(value, (Iterable, Dataset)):
        raise RecipeError("Samples", found=type(value).__name__, expected=_FORMS)
    loader: Any = DataLoader(value, 256) if isinstance(value, Dataset) else value
    return _collected(name, loader, several, most, seconds)


def sample_set(name: str, x: Any, y: Any, batches: tuple[int, ...] = (),
               complete: bool = True) -> SampleSet:
    """A part of arrays, checked. y may be None."""
    array = as_array(x, f"Samples of {name}, x")
    labels, names = (None, ()) if y is None else _labels(y, name)
    if array.ndim == 0 or not len(array) or 0 in array.shape:
        raise RecipeError(f"Samples of {name}, x", found=f"shape {array.shape}",
                          expected="at least one sample, (N, ...)")
    if labels is not None and (labels.ndim == 0 or len(labels) != len(array)):
        raise RecipeError(f"Samples of {name}",
                          found=f"x {array.shape} and y {tuple(labels.shape)}",
                          expected="the same first length")
    array, of_images = _as_images(array)
    return SampleSet(name, _tensor(array), labels, names, batches, complete, of_images, x)


def _labels(y: Any, name: str) -> tuple[torch.Tensor, tuple[str, ...]]:
    array = as_array(y, f"Samples of {name}, y", text=True)
    if array.dtype.kind == "U":
        names, array = np.unique(array, return_inverse=True)
        return torch.from_numpy(array.reshape(-1)), tuple(map(str, names))
    return _tensor(array), ()


def _tensor(array: Any) -> torch.Tensor:
    if array.dtype.kind == "u" and array.dtype != np.uint8:  # torch knows no larger unsigned type
        array = array.astype(np.int64)
    backwards = any(stride < 0 for stride in array.strides)
    if not array.dtype.isnative or not array.flags.writeable or backwards:
        array = np.array(array, dtype=array.dtype.newbyteorder("="))
    if array.dtype == np.longdouble:  # 80 bits, which torch lacks
        array = array.astype(np.float64)
    return torch.from_numpy(array)


def _as_images(x: Any) -> tuple[Any, bool]:
    """(N,C,H,W) where x holds images, else x as it is."""
    if x.ndim == 4:
        # channels last, as files and TensorFlow have them
        last = x.shape[3] in (1, 3, 4) and x.shape[1] not in (1, 3)
        x = x.transpose(0, 3, 1, 2) if last else x
        return x, min(x.shape[2:]) >= 2
    # (N, H, W) of bytes, or square, are grey images; else sequences
    grey = x.ndim == 3 and min(x.shape[1:]) >= 4
    if grey and (x.dtype == np.uint8 or (x.dtype.kind == "f" and x.shape[1] == x.shape[2])):
        return x[:, None], True
    return x, False


def _collected(name: str, batches: Any, several: bool, most: int | None,
               seconds: float | None) -> SampleSet | None:
    """The samples of an iterable of batches, in its order."""
    inputs: list[torch.Tensor] = []
    targets: list[torch.Tensor | None] = []
    end = None if seconds is None else time.monotonic() + seconds
    complete, count = True, 0
    with restored_generators(batches), contextlib.closing(_checked(name, batches)) as pairs:
        for x, y in pairs:
            inputs.append(x)
            targets.append(y)
            count += len(x)
            if (most is not None and count >= most) or (end is not None and time.monotonic() > end):
                complete = False
                break
    if not inputs:
        if several:
            return None
        raise RecipeError(
            "Samples", found="no batches", expected="at least one pair (x, y)",
            mend="An iterator that was used up gives nothing: hand in a list or a DataLoader.")
    # where each batch begins in the joined samples
    starts = tuple(int(size) for size in np.cumsum([0, *map(len, inputs[:-1])]))
    joined, labels = _joined(inputs), _joined(targets)
    if joined is None:
        raise RecipeError(f"Samples of {name}, x", found="batches of different shapes",
                          expected="samples of one shape", mend="Pad or crop them to one size.")
    return sample_set(name, joined, labels, starts, complete)


def _joined(parts: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    """One tensor of all; None where one is missing or of another shape or type."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or len({(part.shape[1:], part.dtype) for part in known}) > 1:
        return None
    return torch.cat(known)


def _checked(name: str, batches: Any) -> Generator[tuple[torch.Tensor, torch.Tensor | None]]:
    for number, pair in enumerate(batches):
        if not isinstance(pair, (tuple, list)) or len(pair) < 2:
            raise RecipeError(f"Batch {number} of {name}", found=type(pair).__name__,
                              expected="a pair (x, y)", mend=f"What can be looked at: {_FORMS}.")
        x = _tensor(as_array(pair[0], f"Batch {number} of {name}, x"))
        y: torch.Tensor | None = None
        # labels of another kind (dicts, texts): the samples alone
        with contextlib.suppress(RecipeError):
            y = _tensor(as_array(pair[1], f"Batch {number} of {name}, y"))
        if x.ndim == 0 or (y is not None and (y.ndim == 0 or len(y) != len(x))):
            shown = None if y is None else tuple(y.shape)
            raise RecipeError(f"Batch {number} of {name}", found=f"x {tuple(x.shape)}, y {shown}",
                              expected="the same first length",
                              mend="Both begin with the batch axis N.")
        if len(x):
            yield x, y


def finite(part: SampleSet) -> None:
    """Raises a `RecipeError` that names the rows with NaN or infinity."""
    rows = broken_rows(part.x)
    if len(rows):
        raise RecipeError(
            f"Samples of {part.name}, x",
            found=f"NaN or infinity in {len(rows)} rows, the first is "
            f"{int(rows[0])}", expected="finite numbers", mend="checks.input_range lists them.")


def broken_rows(x: torch.Tensor) -> torch.Tensor:
    """Rows with NaN or infinity."""
    if not x.is_floating_point():
        return torch.zeros(0, dtype=torch.int64)
    return (~x.flatten(1).isfinite().all(1)).nonzero().flatten() if x.ndim > 1 else (
        ~x.isfinite()).nonzero().flatten()


def classes_of(part: SampleSet, num_classes: int | None = None) -> torch.Tensor:
    """Class numbers (N,), -100 (to be ignored) included.

    Raises:
        RecipeError: labels out of range. CannotTellError: no class labels.
    """
    labels = part.labels
    if labels is None:
        raise CannotTellError("needs one class label per sample, y (N,) of whole numbers")
    known = labels[labels != -100]
    if not len(known):
        raise CannotTellError("there are no labels")
    low, high = int(known.min()), int(known.max())
    if low < 0 or (num_classes is not None and high >= num_classes):
        raise RecipeError(f"Samples of {part.name}, y", found=f"labels {low} to {high}",
                          expected=f"0 to {num_classes - 1}" if num_classes else "0 and up",
                          mend="Classes count from 0.")
    if high >= max(1000, 20 * len(known)):  # ids or numbers, no classes
        raise RecipeError(f"Samples of {part.name}, y",
                          found=f"labels up to {high} in {len(known)} samples",
                          expected="class numbers 0, 1, 2, ...",
                          mend="Number the classes with np.unique(y, "
                          "return_inverse=True)[1].")
    return labels
