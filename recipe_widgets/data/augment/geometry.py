"""Moving the pixels of a batch of images, each image in its own way. Parameters are given: nothing random here."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F


def flip(x: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
    """Left and right exchanged where `which` (N,) bool says so. x: (N,C,H,W) of any type."""
    return torch.where(which.view(-1, 1, 1, 1), x.flip(3), x)


def crop(x: torch.Tensor, top: torch.Tensor, left: torch.Tensor, padding: int, mode: str = "constant") -> torch.Tensor:
    """The window of the old size that begins at row `top` and column `left` of each image padded by `padding` pixels.

    Args:
        x: (N,C,H,W) of any type. top, left: int64 (N,), 0 to 2·padding; both equal to `padding` change nothing.
        mode: "constant" pads with zeros, "reflect" with the mirrored image.
    """
    height, width = x.shape[2:]
    padded = F.pad(x, (padding,) * 4) if mode == "constant" else _mirrored(x, padding)
    rows = (top[:, None] + torch.arange(height, device=x.device)) * padded.shape[3]  # (N, H)
    pixels = rows[:, :, None] + (left[:, None] + torch.arange(width, device=x.device))[:, None, :]  # (N, H, W)
    flat = pixels.flatten(1)[:, None].expand(-1, x.shape[1], -1)
    return padded.flatten(2).gather(2, flat).view(x.shape)


def _mirrored(x: torch.Tensor, padding: int) -> torch.Tensor:
    height, width = x.shape[2:]
    rows, columns = (_reflect(torch.arange(-padding, side + padding, device=x.device), side) for side in (height, width))
    return x[:, :, rows][:, :, :, columns]


def _reflect(index: torch.Tensor, side: int) -> torch.Tensor:
    """0 1 2 3 for side 4 goes on 2 1 0 at the right and 1 2 3 at the left: the border itself is not repeated."""
    turned: torch.Tensor = (side - 1) - (index.abs() - (side - 1)).abs()
    return turned


def rotate(x: torch.Tensor, degrees: torch.Tensor) -> torch.Tensor:
    """Each image turned anticlockwise by `degrees` (N,) around its centre, bilinear; what comes in from outside is 0.

    x: (N,C,H,W); bytes stay bytes, rounded. Same as torchvision's `rotate` with bilinear interpolation.
    """
    height, width = x.shape[2:]
    angle = degrees.to(x.device, torch.float32) * (math.pi / 180)
    cos, sin, none = angle.cos(), angle.sin(), torch.zeros_like(angle)
    # Output pixel to input pixel, in pixels from the centre; rows of theta are in units of half a side.
    theta = torch.stack([cos, -sin * height / width, none, sin * width / height, cos, none], 1).view(-1, 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    turned = F.grid_sample(x.to(torch.float32), grid, align_corners=False)
    return turned if x.is_floating_point() else turned.round_().to(x.dtype)


def box(top: torch.Tensor, left: torch.Tensor, height: torch.Tensor, width: torch.Tensor,
        size: tuple[int, int]) -> torch.Tensor:
    """Bool (N,1,H,W): True in each image's rectangle. All arguments but `size` (H, W): int64 (N,), in pixels."""
    rows, columns = (torch.arange(side, device=top.device) for side in size)
    high = (rows >= top[:, None]) & (rows < (top + height)[:, None])
    wide = (columns >= left[:, None]) & (columns < (left + width)[:, None])
    return (high[:, :, None] & wide[:, None, :])[:, None]


def erase(x: torch.Tensor, where: torch.Tensor, value: float | torch.Tensor = 0.0) -> torch.Tensor:
    """`value` where `where` (N,1,H,W), as `box` makes it, is True (Zhong et al. 2020)."""
    filling = torch.as_tensor(value, dtype=x.dtype, device=x.device)
    return torch.where(where, filling, x)
