"""Convolutional networks after VGG, GoogLeNet and ResNet, at a scale that trains on a laptop."""

from __future__ import annotations

import torch
from torch import nn

from recipe_widgets.core import Settings, generator
from recipe_widgets.models.layers import (
    Dropout,
    PoolFirstSequential,
    activation,
    conv,
    norm_layer,
    pieces,
)
from recipe_widgets.models.shapes import image, stages_that_fit


def vgg(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """After VGG (Simonyan & Zisserman 2015): `depth` + 1 stages of two conv 3x3 and max-pool 2x2,
    dropout, the logits.

    Channels: width/4 in the first stage, doubled at each next one up to `width`; (N, c, H/2, W/2)
    after each stage. At width=128, depth=2 on 32x32 colours: (32,16,16), (64,8,8), (128,4,4) and
    307,498 parameters, one hidden layer of the paper's three left out.
    """
    channels, height, width = image("vgg", shape)
    layers: list[nn.Module] = []
    for stage in range(stages_that_fit(settings, shape)):
        out = max(1, min(settings.width, settings.width // 4 * 2**stage))
        layers += [*conv(settings, channels, out, 3), *conv(settings, out, out, 3), nn.MaxPool2d(2)]
        channels, height, width = out, height // 2, width // 2
    return PoolFirstSequential(*layers, nn.Flatten(),
                  Dropout(settings.dropout, generator(settings.seed, "dropout")),
                  nn.Linear(channels * height * width, num_classes))


class Inception(nn.Module):
    """Four views of the same input side by side (Szegedy et al. 2015): (N, C, H, W) to (N,
    channels, H, W).

    1x1; 1x1 then 3x3; 1x1 then 5x5; max-pool then 1x1: channels in the shares 2, 4, 1, 1 of 8, as
    in its block 3a. The 1x1 before the larger kernels keeps them cheap.
    """

    def __init__(self, settings: Settings, inputs: int, channels: int) -> None:
        super().__init__()
        eighth = max(1, channels // 8)
        self.one = nn.Sequential(*conv(settings, inputs, channels - 6 * eighth, 1))
        self.three = nn.Sequential(*conv(settings, inputs, 3 * eighth, 1),
                                   *conv(settings, 3 * eighth, 4 * eighth, 3))
        self.five = nn.Sequential(*conv(settings, inputs, eighth, 1),
                                  *conv(settings, eighth, eighth, 5))
        self.pool = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1),
                                  *conv(settings, inputs, eighth, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)


def inception(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """A conv 3x3 with width/4 channels, then `depth` Inception blocks of `width` channels; mean
    over pixels, the logits.

    Max-pool 2x2 after the first conv and between blocks while 8 pixels or more are left. At
    width=128, depth=2 on 32x32
    colours: (32,16,16), (128,8,8), (128,8,8) and 88,586 parameters.
    """
    channels, *sides = image("inception", shape, least=4)
    out = max(8, settings.width)
    layers: list[nn.Module] = [*conv(settings, channels, max(1, out // 4), 3), nn.MaxPool2d(2)]
    inputs, side = max(1, out // 4), min(sides) // 2
    for block in range(settings.depth):
        layers.append(Inception(settings, inputs, out))
        if side >= 16 and block < settings.depth - 1:
            layers.append(nn.MaxPool2d(2))
            side //= 2
        inputs = out
    return PoolFirstSequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                  Dropout(settings.dropout, generator(settings.seed, "dropout")),
                  nn.Linear(out, num_classes))


class Block(nn.Module):
    """conv 3x3, norm, activation, conv 3x3, norm, (plus the input,) activation: (N, C, H, W) to (N,
    out, H/s, W/s).

    The shortcut has no parameters: every s-th pixel, new channels zero (option A of He et al.
    2016). So the plain block has the very same weights.
    """

    def __init__(self, settings: Settings, inputs: int, out: int, stride: int,
                 residual: bool) -> None:
        super().__init__()
        self.stride, self.more, self.residual, self.pieces = stride, out - inputs, residual, pieces(
            settings)
        made, bias = out * self.pieces, settings.norm in ("none", "weight")
        second = [
            nn.Conv2d(out, made, 3, padding=1, bias=bias),
            norm_layer(settings.norm, made, spatial=True)
        ]
        self.inner = nn.Sequential(*conv(settings, inputs, out, 3, stride),
                                   *(layer for layer in second if layer is not None))
        self.activation = activation(settings)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.inner(x)
        if self.residual:
            x = x[:, :, :: self.stride, :: self.stride] if self.stride > 1 else x
            x = nn.functional.pad(x, (0, 0, 0, 0, 0, self.more)) if self.more else x
            y = y + (x.repeat_interleave(self.pieces, 1) if self.pieces > 1 else x)
        out: torch.Tensor = self.activation(y)
        return out


def resnet(settings: Settings, shape: tuple[int, ...], num_classes: int,
           residual: bool = True) -> nn.Sequential:
    """ResNet for small images (He et al. 2016): 6·depth + 2 layers.

    A conv 3x3, three stages of `depth` blocks with width/4, width/2 and width channels at full,
    half and quarter size; mean over pixels, dropout, the logits. At width=64, norm="batch" and
    depth=3 on 32x32 colours it is the paper's ResNet-20: (16,32,32), (32,16,16), (64,8,8) and
    269,722 parameters.
    """
    channels = image(settings.model, shape, least=4)[0]
    widths = [max(1, settings.width // part) for part in (4, 2, 1)]
    layers: list[nn.Module] = conv(settings, channels, widths[0], 3)
    inputs = widths[0]
    for stage, out in enumerate(widths):
        for block in range(settings.depth):
            layers.append(Block(settings, inputs, out, 2 if stage and not block else 1, residual))
            inputs = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         Dropout(settings.dropout, generator(settings.seed, "dropout")),
                         nn.Linear(inputs, num_classes))


def plainnet(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """The plain twin of `resnet`: the same layers and, from the same seed, the same weights,
    without the shortcuts.
    """
    return resnet(settings, shape, num_classes, residual=False)
