"""Small layers the models are built of."""

from __future__ import annotations

import torch
from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "gelu": nn.GELU, "silu": nn.SiLU,
    "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "identity": nn.Identity,
}


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) that draws its masks from a generator of its own.

    `nn.Dropout` takes them from the global generator, where a `torch.rand` in a neighbouring cell would change the run.
    `p` may be turned while training runs.
    """

    def __init__(self, p: float, generator: torch.Generator) -> None:
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0.0:
            return x
        mask = torch.empty_like(x).bernoulli_(1.0 - self.p, generator=self.generator)
        return x * mask.div_(1.0 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


def norm_layer(kind: str, channels: int, spatial: bool) -> nn.Module | None:
    """Normalisation over `channels`: "batch" (Ioffe & Szegedy 2015), "layer" (Ba et al. 2016), or None for "none".

    For images (spatial) "layer" is a GroupNorm with one group: mean and std over channels, height and width of a sample.
    """
    if kind == "none":
        return None
    if kind == "batch":
        return nn.BatchNorm2d(channels) if spatial else nn.BatchNorm1d(channels)
    return nn.GroupNorm(1, channels) if spatial else nn.LayerNorm(channels)
