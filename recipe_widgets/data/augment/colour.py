"""Changing the colours of a batch of images, each image by a factor of its own. Nothing random
here.

x: uint8 (N,C,H,W), or floats in [0, 1]. factor: float (N,); 1 changes nothing, 0 leaves black, grey
or colourless images. Results are clipped to the range of the type; bytes are cut off, not rounded,
as torchvision does.
"""

from __future__ import annotations

import torch

from recipe_widgets.data.augment.kinds import FloatPerImage, Images

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
