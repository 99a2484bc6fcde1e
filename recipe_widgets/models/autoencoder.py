"""A small convolutional autoencoder."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import nn

from recipe_widgets.core import Settings, rng_guard
from recipe_widgets.core.validation import validated
from recipe_widgets.models.layers import after, conv, pieces
from recipe_widgets.models.shapes import SIDES, image, stages_that_fit


class Autoencoder(nn.Module):
    """An image through a bottleneck of `width` numbers and back (Hinton & Salakhutdinov 2006):
    (N,C,H,W) to (N,C,H,W).

    encoder: `depth` + 1 convs 3x3 of stride 2 with 16, 32, ... channels, then a Linear to `width`.
    decoder: a Linear, then as many steps of nearest upsampling and conv 3x3. Its output is in the
    units of normalised batches. For grey 28x28 at depth=1: (16,14,14), (32,7,7), width, and back.
    """

    @validated
    @rng_guard()  # `build_autoencoder` draws the weights; those of here are nobody's business
    def __init__(self, settings: Settings, shape: Annotated[tuple[int, ...], SIDES]) -> None:
        super().__init__()
        channels, height, width = image("autoencoder", shape)
        counts = [16 * 2**stage for stage in range(stages_that_fit(settings, shape))]
        sizes, down, inputs = [(height, width)], [], channels
        for count in counts:
            down += conv(settings, inputs, count, 3, stride=2)
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
            inputs = count
        small = (inputs, *sizes[-1])
        flat = inputs * sizes[-1][0] * sizes[-1][1]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, settings.width))
        made = flat * pieces(settings)
        up: list[nn.Module] = [
            nn.Linear(settings.width, made), *after(settings, made, spatial=False),
            nn.Unflatten(1, small)
        ]
        for count, size in zip([*counts[-2::-1], 0], sizes[-2::-1], strict=True):
            up.append(nn.Upsample(size=size))
            up += conv(settings, inputs, count,
                       3) if count else [nn.Conv2d(inputs, channels, 3, padding=1)]
            inputs = count
        self.decoder = nn.Sequential(*up)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.decoder(self.encoder(x))
        return out


@validated
def build_autoencoder(settings: Settings, shape: Annotated[tuple[int, ...], SIDES]) -> Autoencoder:
    """On the CPU, initialised from `settings.seed`; width, depth, activation, init and norm
    count, the rest does not.
    """
    from recipe_widgets.models.build import finish

    with torch.device("meta"):
        model = Autoencoder(settings, shape)
    finish(model, settings)
    return model.to(memory_format=torch.channels_last)
