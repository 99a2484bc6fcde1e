"""What enters a model: sums over many samples, and a few hundred samples with their labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

_MOST_STORED = 2000  # samples
_MOST_STORED_NUMBERS = 4_000_000


@dataclass
class RunningStatistics:
    """Running sums over what enters, per channel of pictures or feature of tables (axis 1).

    Attributes:
        shape: of one sample. count: numbers per channel. samples: N.
        low, high: smallest and largest number of each channel (C,).
    """

    shape: tuple[int, ...] = ()
    count: int = 0
    samples: int = 0
    total: torch.Tensor | None = None  # (C,)
    square: torch.Tensor | None = None  # (C,)
    low: torch.Tensor | None = None  # (C,)
    high: torch.Tensor | None = None  # (C,)

    def add(self, x: torch.Tensor) -> None:
        """x (N, C, ...); another number of channels than before is left out, and sparse ones are."""
        shape = tuple(x.shape[1:])
        other = self.total is not None and shape[:1] != self.shape[:1]
        if other or x.layout != torch.strided:
            return
        channels = x.detach().double().transpose(0, 1).reshape(x.shape[1], -1)  # (C, N * ...)
        self.shape = self.shape or shape
        total, square = channels.sum(1), channels.square().sum(1)
        low, high = channels.amin(1), channels.amax(1)
        self.total = total if self.total is None else self.total + total
        self.square = square if self.square is None else self.square + square
        self.low = low if self.low is None else torch.minimum(self.low, low)
        self.high = high if self.high is None else torch.maximum(self.high, high)
        self.count += channels.shape[1]
        self.samples += len(x)

    @property
    def is_picture(self) -> bool:
        """(N, C, H, W)"""
        return len(self.shape) == 3

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """(C,)"""
        assert self.total is not None
        return (self.total / self.count).cpu().numpy()

    @property
    def std(self) -> npt.NDArray[np.float64]:
        """(C,)"""
        assert self.total is not None
        assert self.square is not None
        variance = self.square / self.count - (self.total / self.count)**2
        return variance.clamp(min=0).sqrt().cpu().numpy()


@dataclass
class SampleStore:
    """Some samples with their labels, on the CPU. count: of samples; numbers: of all of x."""

    x: list[torch.Tensor] = field(default_factory=list)
    y: list[torch.Tensor] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    count: int = 0
    numbers: int = 0

    def add(self, x: torch.Tensor, y: torch.Tensor) -> None:
        if x.layout != torch.strided or self.count >= _MOST_STORED or self.numbers + x.numel() > _MOST_STORED_NUMBERS:
            return
        if x.ndim < 2 or (self.shape and tuple(x.shape[1:]) != self.shape):
            return  # one number a sample, as that of an entity, is nothing to learn from
        self.shape = tuple(x.shape[1:])
        half = x.dtype in (torch.float16, torch.bfloat16)  # numpy has no bfloat16
        self.x.append(x.detach().to("cpu", torch.float32 if half else x.dtype, copy=True))
        self.y.append(y.detach().to("cpu", copy=True))
        self.count, self.numbers = self.count + len(x), self.numbers + x.numel()

    def distinct(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """x and y of each sample once, though it may have come in several epochs."""
        if not self.x:
            return None
        x, y = torch.cat(self.x), torch.cat(self.y)
        rows: Any = enumerate(x.flatten(1).numpy())
        first = {row.tobytes(): i for i, row in reversed(list(rows))}
        keep = sorted(first.values())
        return x[keep], y[keep]
