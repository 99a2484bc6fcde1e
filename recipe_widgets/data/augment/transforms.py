"""Functions that change a batch of images, each image in its own way. Their parameters are given:
nothing is random here.

x is uint8 or float (N,C,H,W); colours and mixing of floats take values in [0, 1]. Results of
changed colours are clipped to the range of the type; bytes are cut off, not rounded, as torchvision
does.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias

import torch
from torch.nn import functional as F

from recipe_widgets.core.validation import tensor, whole

# kinds of tensors that the functions take, as annotations
Images: TypeAlias = Annotated[torch.Tensor, tensor("N", "C", "H", "W")]  # bytes or floats
FloatImages: TypeAlias = Annotated[torch.Tensor, tensor("N", "C", "H", "W", kind="float")]
Mask: TypeAlias = Annotated[torch.Tensor, tensor("N", "1", "H", "W", kind="bool")]
Targets: TypeAlias = Annotated[torch.Tensor, tensor("N", "K", kind="float")]  # probabilities
FloatPerImage: TypeAlias = Annotated[torch.Tensor, tensor("N", kind="float")]
WholePerImage: TypeAlias = Annotated[torch.Tensor, tensor("N", kind="int")]
BoolPerImage: TypeAlias = Annotated[torch.Tensor, tensor("N", kind="bool")]
Side: TypeAlias = Annotated[int, whole(1, 2**15)]  # pixels


# --- pixels move ----------------------------------------------------------------------------------


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
    # a number is filled in where x is: copied there it would wait for a GPU
    filling = value.to(x) if isinstance(value, torch.Tensor) else x.new_full((), value)
    return torch.where(where, filling, x)


# --- colours change; factor 1 changes nothing, 0 leaves black, grey or colourless -----------------


GREY = (0.2989, 0.587, 0.114)  # of red, green, blue: ITU-R 601-2, as in PIL and torchvision


def brightness(x: Images, factor: FloatPerImage) -> torch.Tensor:
    """`factor` times as bright."""
    return _blend(x, torch.zeros_like(x, dtype=torch.float32), factor)


def contrast(x: Images, factor: FloatPerImage) -> torch.Tensor:
    """`factor` times as far from the mean grey of the image."""
    return _blend(x, grey(x).mean((1, 2, 3), keepdim=True), factor)


def saturation(x: Images, factor: FloatPerImage) -> torch.Tensor:
    """`factor` times as far from the grey image. Grey images (C = 1) stay as they are."""
    return x if x.shape[1] == 1 else _blend(x, grey(x), factor)


def grey(x: torch.Tensor) -> torch.Tensor:
    """Luma as float32 (N,1,H,W); of bytes in whole numbers from 0 to 255."""
    if x.shape[1] != 3:
        return x.to(torch.float32)
    red, green, blue = x.to(torch.float32).unbind(1)
    luma = (red * GREY[0] + green * GREY[1] + blue * GREY[2])[:, None]
    return luma if x.is_floating_point() else luma.floor_()


def _blend(x: torch.Tensor, other: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    share = factor.to(x.device, torch.float32).view(-1, 1, 1, 1)
    mixed = share * x + (1.0 - share) * other
    return mixed.clamp_(0, 1.0 if x.is_floating_point() else 255.0).to(x.dtype)


# --- images mix -----------------------------------------------------------------------------------


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
