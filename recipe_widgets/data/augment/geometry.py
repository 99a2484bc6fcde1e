"""Moving the pixels of a batch of images, each image in its own way. Parameters are given:
nothing random here.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from torch.nn import functional as F

from recipe_widgets.core.validation import whole
from recipe_widgets.data.augment.kinds import (
    BoolPerImage,
    FloatPerImage,
    Images,
    Mask,
    Side,
    WholePerImage,
)


def flip(x: Images, which: BoolPerImage) -> torch.Tensor:
    """Left and right exchanged where `which` (N,) bool says so. x: (N,C,H,W) of any type."""
    both = torch.cat([x, x.flip(3)])  # choosing whole images is much faster than choosing pixels
    return both.index_select(0, torch.arange(len(x), device=x.device) + len(x) * which.long())


def crop(x: Images, top: WholePerImage, left: WholePerImage,
         padding: Annotated[int, whole(0, 4096)],
         mode: Literal["constant", "reflect"] = "constant") -> torch.Tensor:
    """The window of the old size that begins at row `top` and column `left` of each image padded by
    `padding` pixels.

    Args:
        x: (N,C,H,W) of any type. top, left: int64 (N,), 0 to 2·padding; both equal to `padding`
            change nothing.
        mode: "constant" pads with zeros, "reflect" with the mirrored image.
    """
    n, channels, height, width = x.shape
    padded = (F.pad(x,
                    (padding, ) * 4) if mode == "constant" else _mirrored(x, padding)).contiguous()
    high, wide = padded.shape[2:]
    # Each row of a window lies in one piece: an overlapping view has a row for every place where
    # such a piece can begin.
    pieces = padded.as_strided((padded.numel() - width + 1, width), (1, 1))
    images = torch.arange(n * channels, device=x.device).view(n, channels, 1) * high
    rows = images + (top[:, None] + torch.arange(height, device=x.device))[:, None, :]  # (N, C, H)
    return pieces.index_select(0, (rows * wide + left[:, None, None]).flatten()).view(x.shape)


def _mirrored(x: torch.Tensor, padding: int) -> torch.Tensor:
    """Padded by its mirror image, whose border is not repeated: 0 1 2 3 goes on 2 1 0. (`F.pad`
    does no bytes.)
    """
    for dim in (2, 3):
        side = x.shape[dim]
        before, behind = x.narrow(dim, 1, padding), x.narrow(dim, side - 1 - padding, padding)
        x = torch.cat([before.flip(dim), x, behind.flip(dim)], dim)
    return x


def rotate(x: Images, degrees: FloatPerImage) -> torch.Tensor:
    """Each image turned anticlockwise by `degrees` (N,) around its centre, bilinear; what comes in
    from outside is 0.

    x: (N,C,H,W); bytes stay bytes, rounded. Same as torchvision's `rotate` with bilinear
        interpolation.
    """
    height, width = x.shape[2:]
    angle = degrees.to(x.device, torch.float32) * (math.pi / 180)
    cos, sin, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
    # Output pixel to input pixel, in pixels from the centre; rows of theta are in units of half a
    # side.
    theta = torch.stack([cos, -sin * height / width, none, sin * width / height, cos, none],
                        1).view(-1, 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    turned = F.grid_sample(x.to(torch.float32), grid, align_corners=False)
    return turned if x.is_floating_point() else turned.round_().to(x.dtype)


def box(top: WholePerImage, left: WholePerImage, height: WholePerImage, width: WholePerImage,
        size: tuple[Side, Side]) -> torch.Tensor:
    """Bool (N,1,H,W): True in each image's rectangle. All arguments but `size` (H, W): int64
    (N,), in pixels.
    """
    rows, columns = (torch.arange(side, device=top.device) for side in size)
    high = (rows >= top[:, None]) & (rows < (top + height)[:, None])
    wide = (columns >= left[:, None]) & (columns < (left + width)[:, None])
    return (high[:, :, None] & wide[:, None, :])[:, None]


def erase(x: Images, where: Mask, value: float | torch.Tensor = 0.0) -> torch.Tensor:
    """`value` where `where` (N,1,H,W), as `box` makes it, is True (Zhong et al. 2020)."""
    filling = torch.as_tensor(value, dtype=x.dtype, device=x.device)
    return torch.where(where, filling, x)
