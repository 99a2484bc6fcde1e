"""Hashes of samples: the same sample gives the same number, whatever batch it comes in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

_MOST_POSITIONS = 64  # of a sample that enter its hash
_MOST_SAMPLES = 400_000
SampleHashes = npt.NDArray[np.int64]  # (N,)


class SampleHasher:
    """`of(tensors)` gives one int64 per sample from up to 64 positions of it, those that vary
    most in the first batch.
    """

    def __init__(self) -> None:
        # (width, dtype) -> positions and odd multipliers
        self._plans: dict[tuple[Any, ...], tuple[torch.Tensor, torch.Tensor]] = {}
        self.samples = 0

    def of(self, tensors: list[torch.Tensor]) -> SampleHashes | None:
        """tensors: (N, ...) each. None when there are too many by now, or nothing to look at."""
        if not tensors or self.samples > _MOST_SAMPLES:
            return None
        total: torch.Tensor | None = None
        for tensor in tensors:
            flat = tensor.detach().reshape(len(tensor), -1)  # (N, D)
            if not flat.shape[1]:
                continue
            key = (flat.shape[1], flat.dtype)
            if key not in self._plans:
                self._plans[key] = self._plan(flat)
            positions, multipliers = self._plans[key]
            chosen = flat.index_select(1, positions.to(flat.device))
            mixed = _bits(chosen) * multipliers.to(flat.device)
            mixed = (mixed ^ (mixed >> 29)).sum(1)  # high bits fall into the low ones, as in murmur
            total = mixed if total is None else total * 31 + mixed
        if total is None:
            return None
        self.samples += len(total)
        return total.cpu().numpy()

    @staticmethod
    def _plan(flat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The positions that are looked at, and the number that each is multiplied with."""
        width = flat.shape[1]
        if width > _MOST_POSITIONS:  # not the border of a picture, which is the same in all
            spread = flat[:256].double().std(0) if len(flat) > 1 else flat[0].double().abs()
            positions = spread.nan_to_num().topk(_MOST_POSITIONS).indices.sort().values.cpu()
        else:
            positions = torch.arange(width)
        rng = np.random.default_rng(12345)  # fixed: the same sample, the same hash in every run
        multipliers = rng.integers(1, 2**62, len(positions), dtype=np.int64) | 1
        return positions, torch.from_numpy(multipliers)


def _bits(values: torch.Tensor) -> torch.Tensor:
    """The bits of numbers as int64; -0.0 as 0.0."""
    if values.dtype == torch.float32:
        return (values.contiguous() + 0.0).view(torch.int32).long()
    if values.dtype == torch.float64:
        return (values.contiguous() + 0.0).view(torch.int64)
    if values.is_floating_point():
        return values.float().contiguous().view(torch.int32).long()
    if values.is_complex():
        return values.real.double().contiguous().view(torch.int64)
    return values.long()
