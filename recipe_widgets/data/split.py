"""A split: samples and labels on one device, and the path that makes a normalised batch of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import unchecked, validated

# What `Split.origin` counts: which of the original arrays a sample's `index` numbers.
ORIGINS = ("train", "test", "validation")
ORIGINAL_TEST = 1  # of `Split.origin`
_CHUNK = 2**16  # values per chunk of a statistic: small enough to stay in the cache


# labels (N,) to the rows of each part, int64 (n,), ascending
Deal = Callable[[torch.Tensor], Sequence[torch.Tensor]]


@dataclass(frozen=True)
class Samples:
    """Samples before they are dealt: x (N, ...), y int64 (N,), index int64 (N,), origin int8
    (N,).
    """

    x: torch.Tensor
    y: torch.Tensor
    index: torch.Tensor
    origin: torch.Tensor

    def take(self, rows: torch.Tensor) -> Samples:
        """A copy of some rows; `rows` is int64 (n,) on the CPU."""
        here = rows.to(self.x.device)
        on_cpu = here.device.type == "cpu"  # where numpy copies rows three times as fast
        x = torch.from_numpy(self.x.numpy()[rows.numpy()]) if on_cpu else self.x.index_select(
            0, here)
        return Samples(x, self.y.index_select(0, here), self.index[rows], self.origin[rows])

    def copy(self) -> Samples:
        """The same samples in memory of their own."""
        return Samples(self.x.clone(), self.y.clone(), self.index.clone(), self.origin.clone())

    @staticmethod
    def join(parts: Sequence[Samples]) -> Samples:
        return Samples(*(torch.cat([getattr(part, name)
                                    for part in parts])
                         for name in ("x", "y", "index", "origin")))

    @staticmethod
    def numbered(x: torch.Tensor, y: torch.Tensor, origin: int,
                 index: torch.Tensor | None = None) -> Samples:
        """Samples that are numbered 0, 1, 2, ... unless `index` says otherwise."""
        index = torch.arange(len(x)) if index is None else index
        return Samples(x, y, index, torch.full((len(x),), origin, dtype=torch.int8))


class Split(tuple[torch.Tensor, torch.Tensor]):
    """One split; it unpacks as `x, y = split`.

    Attributes:
        x: uint8 (N,C,H,W), or float32 (N,C,H,W) for images that are no bytes, or float32 (N,D) for
            tables.
        y: int64 (N,), a number of `Data.classes`.
        name: "train", "validation" or "test".
        mean, std: what `batch` normalises with: one number per channel or column, of the train
            split, in units of [0,1] for bytes. A constant column has std 0 and becomes 0 in a
            batch.
        index: int64 (N,), always on the CPU: each sample's number in the original set, so that
            published lists of duplicates and label errors apply.
        origin: int8 (N,), always on the CPU: 0 when `index` counts in the original training set, 1
            for the original test set, 2 for a validation set that came apart from both.
    """

    x: torch.Tensor
    y: torch.Tensor
    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    index: torch.Tensor  # type: ignore[assignment]  # hides tuple.index, of no use for two tensors
    origin: torch.Tensor
    # what `batch` multiplies by, and what it then adds: numbers, or tensors that broadcast over x
    _scale: Any
    _shift: Any

    def __new__(cls, samples: Samples, name: str, mean: tuple[float, ...],
                std: tuple[float, ...]) -> Split:
        self = super().__new__(cls, (samples.x, samples.y))
        self.x, self.y, self.index, self.origin = samples.x, samples.y, samples.index, samples.origin
        self.name, self.mean, self.std = name, mean, std
        self._scale, self._shift = _affine(samples.x, mean, std)
        return self

    @property
    def size(self) -> int:
        """Number of samples. (`len(split)` is 2, as of any pair.)"""
        return len(self.y)

    @property
    def samples(self) -> Samples:
        return Samples(self.x, self.y, self.index, self.origin)

    def batch(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Normalised samples float32 (n, ...) and labels (n,) of `index` int64 (n,), on the split's
        device.

        This runs in a loop of half a millisecond per step: nothing is checked here.
        """
        x, y = self
        # always a copy, so what follows may work in place
        x = x.index_select(0, index).to(torch.float32)
        return x.mul_(self._scale).add_(self._shift), y.index_select(0, index)

    def raw(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Copies of the samples as they are kept, bytes (n,C,H,W) in most cases, and labels (n,)
        of `index` int64 (n,).
        """
        return self.x.index_select(0, index), self.y.index_select(0, index)

    def normalise(self, x: torch.Tensor) -> torch.Tensor:
        """What `batch` does to the samples of `raw`: float32, mean 0 and std 1 per channel.
        Floats are changed in place.
        """
        return x.to(torch.float32).mul_(self._scale).add_(self._shift)

    @validated
    def batches(self, batch_size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The whole split in order, normalised; the last batch may be smaller."""
        if batch_size < 1:
            raise RecipeError("Split.batches", found=f"batch_size={batch_size!r}",
                              expected="a whole number from 1", mend="Try batch_size=256.")
        return self._batches(batch_size)

    def _batches(self, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for start in range(0, self.size, size):
            x = self.x[start:start + size].to(torch.float32, copy=True)
            yield x.mul_(self._scale).add_(self._shift), self.y[start:start + size]

    @validated
    def to(self, device: Annotated[torch.device | str, unchecked]) -> Split:
        """This split on `device`; the same object when it is there already."""
        where = resolved(device)
        if self.x.device == where:
            return self
        moved = Samples(self.x.to(where), self.y.to(where), self.index, self.origin)
        return Split(moved, self.name, self.mean, self.std)

    def digest(self) -> str:
        """sha256 (hex) of shape, samples and labels."""
        total = hashlib.sha256(f"{tuple(self.x.shape)} {self.x.dtype}".encode())
        for part in self:
            total.update(part.detach().cpu().contiguous().numpy().data)
        return total.hexdigest()

    def __repr__(self) -> str:
        kind = str(self.x.dtype).removeprefix("torch.")
        return f"Split({self.name}: x {kind} {tuple(self.x.shape)}, on {self.x.device})"

    # A tuple would compare and hash its tensors; a split is equal to itself only.
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return Split, (self.samples, self.name, self.mean, self.std)


def resolved(device: torch.device | str) -> torch.device:
    """`device` with its number: "cuda" becomes "cuda:0", the form that tensors report."""
    try:
        where = torch.device(device)
        return where if where.type == "cpu" else torch.empty(0, device=where).device
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        # AssertionError: this torch was built without CUDA
        raise RecipeError("Device", found=f"{device!r} ({str(error).splitlines()[0]})",
                          expected="a device that this torch can use", mend='Try "cpu".') from None


def moments(x: torch.Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation (dividing by N) per channel of (N,C,H,W) or per column of (N,D).

    Bytes are measured in units of [0,1]. Their sums are whole numbers small enough to be exact in
    any order, so the result is the same on every machine. A constant has std exactly 0.
    """
    if not len(x):
        width = x.shape[1]
        return (0.0,) * width, (0.0,) * width
    mean, std = _byte_moments(x) if x.dtype == torch.uint8 else _float_moments(x)
    return tuple(mean.tolist()), tuple(std.tolist())


def _chunks(x: torch.Tensor, dtype: npt.DTypeLike) -> Iterator[npt.NDArray[Any]]:
    """Pieces of `x` as (n, C, rest) on the CPU.

    By numpy, in one thread: torch's many small sums take ten times as long while another process
    keeps a core busy.
    """
    size = max(1, _CHUNK // max(1, x[0].numel()))
    for start in range(0, len(x), size):
        piece = x[start:start + size]
        yield piece.cpu().numpy().reshape(len(piece), x.shape[1], -1).astype(dtype)


def _byte_moments(x: torch.Tensor) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    per_channel = x[0, 0].numel()
    # must hold the squares of one image
    kind = np.uint32 if per_channel * 255**2 < 2**32 else np.uint64
    total = square = np.zeros(x.shape[1], np.uint64)
    for piece in _chunks(x, kind):
        total = total + piece.sum(2, dtype=kind).sum(0, dtype=np.uint64)
        square = square + np.einsum("ncp,ncp->nc", piece, piece).sum(0, dtype=np.uint64)
    count = len(x) * per_channel
    # count² · variance is a difference of whole numbers (Python's, without overflow): exactly 0 for
    # a constant.
    spread = [math.sqrt(count * int(squares) - int(values) ** 2)
              for values, squares in zip(total, square, strict=True)]
    return total / (255 * count), np.array(spread) / (255 * count)


def _float_moments(x: torch.Tensor) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    low, high = np.full(x.shape[1], np.inf), np.full(x.shape[1], -np.inf)
    total = square = np.zeros(x.shape[1])
    for piece in _chunks(x, np.float64):
        low, high = np.minimum(low, piece.min((0, 2))), np.maximum(high, piece.max((0, 2)))
        total = total + piece.sum((0, 2))
    count = x.numel() // x.shape[1]
    # two passes, as sums of squares lose the digits of a small spread; a constant is exact
    mean = np.where(low == high, low, total / count)
    for piece in _chunks(x, np.float64):
        square = square + ((piece - mean[:, None]) ** 2).sum((0, 2))
    return mean, np.where(low == high, 0.0, np.sqrt(square / count))


def _affine(x: torch.Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> tuple[Any, Any]:
    """`(x - mean) / std` as a factor and a summand: plain numbers for one channel, else tensors
    that broadcast.
    """
    centre, spread = torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64)
    # A constant has nothing to scale; it becomes 0. The bound is where 1/std would leave float32.
    inverse = torch.where(spread > 1e-37, spread, 1.0).reciprocal()
    shift, scale = -centre * inverse, inverse / 255 if x.dtype == torch.uint8 else inverse
    if len(mean) == 1:
        return scale.item(), shift.item()
    view = (1, -1) + (1,) * (x.ndim - 2)
    return tuple(part.to(torch.float32).view(view).to(x.device)
                 for part in (scale, shift))  # type: ignore[return-value]
