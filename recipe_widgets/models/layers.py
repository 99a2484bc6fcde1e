"""Small layers the models are built of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import nn
from torch.nn.modules.module import _has_any_global_hook

from recipe_widgets.core import Settings
from recipe_widgets.core.validation import real, validated, whole

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "gelu": nn.GELU, "silu": nn.SiLU,
    "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "identity": nn.Identity, "prelu": nn.PReLU,
}
MAXOUT_PIECES = 2
GROUP_SIZE = 8  # channels that GroupNorm takes together, where their number allows


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) that draws its masks from a generator of its own.

    `nn.Dropout` takes them from the global generator, where a `torch.rand` in a neighbouring cell
    would change the run. `p` may be turned while training runs.
    """

    @validated
    def __init__(self, p: Annotated[float, real(0, 1)], generator: torch.Generator) -> None:
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0.0:
            return x
        # A generator draws on its own device only: masks for a GPU come from the CPU, the same as
        # there.
        mask = torch.empty_like(x, device=self.generator.device).bernoulli_(
            1.0 - self.p, generator=self.generator)
        return x * mask.to(x.device).div_(1.0 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class PoolFirstSequential(nn.Sequential):
    """`nn.Sequential` that pools before a ReLU where a max-pooling follows it: the same bits from a
    quarter of the work.

    ReLU never changes which of several numbers is the largest, and only that one gets a gradient. A
    layer with a hook runs where it stands, so that whoever looks inside sees what the model says.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        layers = list(self)
        for number in range(len(layers) - 1):
            if _swaps(layers[number], layers[number + 1]):
                layers[number], layers[number + 1] = layers[number + 1], layers[number]
        for layer in layers:
            x = layer(x)
        return x

    def _get_name(self) -> str:
        return "Sequential"


def _swaps(first: nn.Module, second: nn.Module) -> bool:
    plain = type(first) is nn.ReLU and type(
        second) is nn.MaxPool2d and not first.inplace and not second.return_indices
    return plain and not (_heard(first) or _heard(second))


def _heard(layer: nn.Module) -> bool:
    own = layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks or layer._backward_pre_hooks
    return bool(own) or _has_any_global_hook()


class Maxout(nn.Module):
    """The largest of each `pieces` neighbouring channels (Goodfellow et al. 2013): (N, C·pieces,
    ...) to (N, C, ...).
    """

    @validated
    def __init__(self, pieces: Annotated[int, whole(1, 1024)] = MAXOUT_PIECES) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        best = x[:, :: self.pieces]
        for piece in range(1, self.pieces):
            best = torch.maximum(best, x[:, piece :: self.pieces])
        return best

    def extra_repr(self) -> str:
        return f"pieces={self.pieces}"


def pieces(settings: Settings) -> int:
    """How many channels a weighted layer makes for each one that leaves the activation: 2 before
    maxout, else 1.
    """
    return MAXOUT_PIECES if settings.activation == "maxout" else 1


def activation(settings: Settings) -> nn.Module:
    return Maxout() if settings.activation == "maxout" else ACTIVATIONS[settings.activation]()


def norm_layer(kind: str, channels: int, spatial: bool) -> nn.Module | None:
    """Normalisation over `channels`: "batch" (Ioffe & Szegedy 2015), "layer" (Ba et al. 2016),
    "group" (Wu & He 2018, groups of 8 channels where 8 divides them, else one group); None for
    "none" and "weight".

    For images (spatial) "layer" is a GroupNorm with one group: mean and std over channels, height
    and width of a sample.
    """
    if kind in ("none", "weight"):
        return None
    if kind == "batch":
        return nn.BatchNorm2d(channels) if spatial else nn.BatchNorm1d(channels)
    if kind == "group":
        return nn.GroupNorm(
            max(1, channels // GROUP_SIZE) if channels % GROUP_SIZE == 0 else 1, channels)
    return nn.GroupNorm(1, channels) if spatial else nn.LayerNorm(channels)


def after(settings: Settings, channels: int, *, spatial: bool) -> Iterator[nn.Module]:
    """What follows a weighted layer of `channels` outputs: normalisation where asked for, then
    the activation.
    """
    norm = norm_layer(settings.norm, channels, spatial)
    if norm is not None:
        yield norm
    yield activation(settings)


def conv(settings: Settings, inputs: int, outputs: int, kernel: int,
         stride: int = 1) -> list[nn.Module]:
    """Convolution that keeps the size (divided by `stride`), normalisation, activation: (N,
    outputs, H, W).

    No bias where a norm with one of its own follows.
    """
    made = outputs * pieces(settings)
    bias = settings.norm in ("none", "weight")
    return [
        nn.Conv2d(inputs, made, kernel, stride, padding=kernel // 2, bias=bias),
        *after(settings, made, spatial=True)
    ]
