"""A small convolutional autoencoder."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import nn

from recipe_widgets.core import Settings, rng_guard
from recipe_widgets.core.validation import validated
from recipe_widgets.models.architectures import SAMPLE_SHAPE, image_shape, stages_that_fit
from recipe_widgets.models.build import materialise
from recipe_widgets.models.layers import conv, dense


class Autoencoder(nn.Module):
    """An image through a bottleneck of `width` numbers and back (Hinton & Salakhutdinov 2006):
    (N,C,H,W) to (N,C,H,W).

    encoder: `depth` + 1 convs 3x3 of stride 2 with 16, 32, ... channels, then a Linear to `width`.
    decoder: a Linear, then as many steps of nearest upsampling and conv 3x3. Its output is in the
    units of normalised batches. For grey 28x28 at depth=1: (16,14,14), (32,7,7), width, and back.
    """

    @validated
    @rng_guard()  # what layers draw here is drawn anew below; the global generator stays as it was
    def __init__(self, settings: Settings, shape: Annotated[tuple[int, ...], SAMPLE_SHAPE]) -> None:
        super().__init__()
        channels, height, width = image_shape("autoencoder", shape)
        counts = [16 * 2**stage for stage in range(stages_that_fit(settings, shape))]
        sizes = [(height, width)]  # before the first stage, and after each
        down: list[nn.Module] = []
        inputs = channels
        for count in counts:
            down += conv(settings, inputs, count, 3, stride=2)
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))  # padded: rounds up
            inputs = count
        small = (inputs, *sizes[-1])  # (C, H, W) of what goes through the bottleneck
        flat = math.prod(small)
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, settings.width))
        up: list[nn.Module] = [*dense(settings, settings.width, flat), nn.Unflatten(1, small)]
        # the stages backwards; the last one makes the image itself, without norm or activation
        for count, size in zip([*counts[-2::-1], None], sizes[-2::-1], strict=True):
            up.append(nn.Upsample(size=size))
            if count is None:
                up.append(nn.Conv2d(inputs, channels, 3, padding=1))
            else:
                up += conv(settings, inputs, count, 3)
                inputs = count
        self.decoder = nn.Sequential(*up)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.decoder(self.encoder(x))
        return out


@validated
def build_autoencoder(settings: Settings,
                      shape: Annotated[tuple[int, ...], SAMPLE_SHAPE]) -> Autoencoder:
    """On the CPU, initialised from `settings.seed`; width, depth, activation, init and norm
    count, the rest does not.
    """
    with torch.device("meta"):
        model = Autoencoder(settings, shape)
    materialise(model, settings)
    return model.to(memory_format=torch.channels_last)
