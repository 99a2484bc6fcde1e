"""Mixing images with one another and with backgrounds. Nothing random here."""

from __future__ import annotations

import torch

from recipe_widgets.data.augment.geometry import box
from recipe_widgets.data.augment.kinds import (
    FloatImages,
    FloatPerImage,
    Images,
    Targets,
    WholePerImage,
)


def mixup(x: FloatImages, targets: Targets, partner: WholePerImage,
          share: FloatPerImage) -> tuple[torch.Tensor, torch.Tensor]:
    """`share` of each image and `1 - share` of its partner, and the same of their targets (Zhang et
    al. 2018).

    Args:
        x: float (N,C,H,W). targets: float (N,K), rows sum to 1. partner: int64 (N,). share: float
            (N,), 0 to 1.
    """
    mine = share.to(x.dtype).view(-1, 1, 1, 1)
    return mine * x + (1 - mine) * x.index_select(0, partner), _mixed(targets, partner, share)


def cutmix(x: Images, targets: Targets, partner: WholePerImage,
           corner: tuple[WholePerImage, WholePerImage],
           side: tuple[WholePerImage, WholePerImage]) -> tuple[torch.Tensor, torch.Tensor]:
    """A rectangle of each image replaced by its partner's, and that share of the target (Yun et al.
    2019).

    Args:
        x: (N,C,H,W) of any type. targets, partner: as in `mixup`. corner: top row and left column,
            side: height and width, int64 (N,) each, in pixels; the rectangle must lie inside the
            image.
    """
    where = box(*corner, *side, size=(x.shape[2], x.shape[3]))
    kept = 1 - (side[0] * side[1]).to(targets.dtype) / (x.shape[2] * x.shape[3])
    return torch.where(where, x.index_select(0, partner), x), _mixed(targets, partner, kept)


def backgrounds(x: FloatImages, background: FloatImages) -> torch.Tensor:
    """Bright strokes on a background: the stroke covers as much of it as it is bright.

    x, background: floats in [0, 1], (N,C,H,W). Black pixels show the background, white ones stay
        white.
    """
    return x + (1 - x) * background


def _mixed(targets: torch.Tensor, partner: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    mine = share.to(targets.dtype).view(-1, 1)
    return mine * targets + (1 - mine) * targets.index_select(0, partner)
