"""A digit that a reader has drawn, made into a sample like those of MNIST."""

from __future__ import annotations

import torch
from torch.nn import functional

INK = 20  # grey values below count as paper
BOX, SIDE = 20, 28  # pixels: of the digit's longer side, and of the sample


def as_sample(drawn: torch.Tensor) -> torch.Tensor:
    """uint8 (H,W), white on black, to a sample uint8 (1,28,28), as those of MNIST were made: the
    digit fills 20 pixels, its centre of mass is in the middle (LeCun et al. 1998).
    """
    rows, columns = (drawn > INK).nonzero(as_tuple=True)
    sample = torch.zeros(SIDE, SIDE)
    if not len(rows):
        return sample.byte()[None]
    cut = drawn[int(rows.min()):int(rows.max()) + 1, int(columns.min()):int(columns.max()) + 1]
    scale = BOX / max(cut.shape)
    size = [max(1, round(scale * side)) for side in cut.shape]
    small = functional.interpolate(cut[None, None].float(), size, mode="bilinear", antialias=True)[0, 0]
    small *= 255 / small.max().clamp_min(1)  # a thin line is not to become pale
    top, left = (_place(small.sum(1 - axis), size[axis]) for axis in (0, 1))
    sample[top:top + size[0], left:left + size[1]] = small
    return sample.round().byte()[None]


def _place(ink: torch.Tensor, size: int) -> int:
    """Where a row or column of sums begins, so that its centre of mass is in the middle."""
    centre = float((ink * torch.arange(size)).sum() / ink.sum())
    return min(SIDE - size, max(0, round((SIDE - 1) / 2 - centre)))


def can_be_drawn(shape: tuple[int, ...], classes: tuple[str, ...]) -> bool:
    """Whether samples of that shape and with those classes are digits as one draws them."""
    return shape == (1, SIDE, SIDE) and classes == tuple("0123456789")
