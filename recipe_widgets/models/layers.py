"""The layers that models are built of, with a table of activations and one of normalisations.

To add an activation or a normalisation: put its name among the choices of `Settings.activation` or
`Settings.norm`, and a row into the table here. All models take it from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn
from torch.nn.modules.module import _has_any_global_hook

from recipe_widgets.core import Settings
from recipe_widgets.core.choice_table import ChoiceTable
from recipe_widgets.core.validation import real, validated, whole

MAXOUT_PIECES = 2
GROUP_SIZE = 8  # channels that GroupNorm takes together, where their number allows


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) that draws its masks from a generator of its own.

    `nn.Dropout` draws from the global generator, where a `torch.rand` in a neighbouring cell would
    change the run. `p` may change while training runs. A generator draws on its own device only:
    masks for a GPU are drawn on the CPU too, so that a seed gives the same masks on every device.
    """

    @validated
    def __init__(self, p: Annotated[float, real(0, 1)], generator: torch.Generator) -> None:
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0.0:
            return x
        mask = torch.empty_like(x, device=self.generator.device)
        mask.bernoulli_(1.0 - self.p, generator=self.generator)
        if x.is_cuda:  # from pinned memory, so that nobody waits for the GPU
            mask = mask.pin_memory()
        kept = mask.to(x.device, non_blocking=x.is_cuda)
        return x * kept.div_(1.0 - self.p)  # the mean stays as it was

    def extra_repr(self) -> str:
        return f"p={self.p}"


class PoolFirstSequential(nn.Sequential):
    """`nn.Sequential` that runs a max-pooling before the ReLU in front of it: the same bits from a
    quarter of the work.

    ReLU never changes which of several numbers is the largest, and only that one gets a gradient.
    Layers with a hook run in the order in which they stand, so that the hook sees what the model's
    definition says.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        layers = list(self)
        for number in range(len(layers) - 1):
            if _may_swap(layers[number], layers[number + 1]):
                layers[number], layers[number + 1] = layers[number + 1], layers[number]
        for layer in layers:
            x = layer(x)
        return x

    def _get_name(self) -> str:
        return "Sequential"  # in print(model): readers know that name


def _may_swap(first: nn.Module, second: nn.Module) -> bool:
    relu_then_pool = type(first) is nn.ReLU and type(second) is nn.MaxPool2d
    # An in-place ReLU changes its input, and indices would be those of another tensor.
    plain = relu_then_pool and not first.inplace and not second.return_indices
    return plain and not (_has_hooks(first) or _has_hooks(second))


def _has_hooks(layer: nn.Module) -> bool:
    own = (layer._forward_hooks, layer._forward_pre_hooks,
           layer._backward_hooks, layer._backward_pre_hooks)
    return any(own) or _has_any_global_hook()


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


@dataclass(frozen=True)
class ActivationRow:
    """One activation.

    Attributes:
        name: its choice in `Settings.activation`.
        make: makes the module.
        pieces: channels that it takes in for each one that it gives out; the weighted layer before
            it is so many times wider.
    """

    name: str
    make: Callable[[], nn.Module]
    pieces: int = 1


ACTIVATIONS = ChoiceTable("activation", [
    ActivationRow("relu", nn.ReLU),
    ActivationRow("leaky_relu", nn.LeakyReLU),
    ActivationRow("prelu", nn.PReLU),  # He et al. 2015
    ActivationRow("elu", nn.ELU),  # Clevert et al. 2016
    ActivationRow("gelu", nn.GELU),  # Hendrycks & Gimpel 2016
    ActivationRow("silu", nn.SiLU),
    ActivationRow("maxout", Maxout, pieces=MAXOUT_PIECES),
    ActivationRow("tanh", nn.Tanh),
    ActivationRow("sigmoid", nn.Sigmoid),
    ActivationRow("identity", nn.Identity),
])


def pieces(settings: Settings) -> int:
    """Channels that a weighted layer makes for each one that leaves the activation: 2 before
    maxout, else 1.
    """
    return ACTIVATIONS[settings.activation].pieces


def activation(settings: Settings) -> nn.Module:
    """A new module of `settings.activation`."""
    return ACTIVATIONS[settings.activation].make()


def _no_norm(channels: int, spatial: bool) -> None:  # noqa: ARG001  all rows take the same
    return None


def _batch_norm(channels: int, spatial: bool) -> nn.Module:
    return nn.BatchNorm2d(channels) if spatial else nn.BatchNorm1d(channels)


def _layer_norm(channels: int, spatial: bool) -> nn.Module:
    # For images one group: mean and std over channels, height and width of a sample.
    return nn.GroupNorm(1, channels) if spatial else nn.LayerNorm(channels)


def _group_norm(channels: int, spatial: bool) -> nn.Module:  # noqa: ARG001
    groups = channels // GROUP_SIZE if channels % GROUP_SIZE == 0 else 1
    return nn.GroupNorm(max(1, groups), channels)


@dataclass(frozen=True)
class NormRow:
    """One normalisation.

    Attributes:
        name: its choice in `Settings.norm`.
        make: (channels, spatial) to the layer behind a weighted one; None where there is none.
        has_bias: whether it adds a bias of its own, so that the layer before it needs none.
        of_weights: whether `build_model` puts it around the weights instead.
    """

    name: str
    make: Callable[[int, bool], nn.Module | None]
    has_bias: bool = True
    of_weights: bool = False


NORMS = ChoiceTable("norm", [
    NormRow("none", _no_norm, has_bias=False),
    NormRow("batch", _batch_norm),  # Ioffe & Szegedy 2015
    NormRow("layer", _layer_norm),  # Ba et al. 2016
    NormRow("group", _group_norm),  # Wu & He 2018
    NormRow("weight", _no_norm, has_bias=False, of_weights=True),  # Salimans & Kingma 2016
])


def norm_layer(kind: str, channels: int, spatial: bool) -> nn.Module | None:
    """The normalisation `kind` over `channels`; None where no layer is needed.

    Args:
        spatial: whether it sees images (N, C, H, W) rather than vectors (N, C).
    """
    return NORMS[kind].make(channels, spatial)


def norm_and_activation(settings: Settings, channels: int, *, spatial: bool) -> Iterator[nn.Module]:
    """What follows a weighted layer of `channels` outputs: normalisation, if any, then the
    activation.
    """
    norm = norm_layer(settings.norm, channels, spatial)
    if norm is not None:
        yield norm
    yield activation(settings)


def conv(settings: Settings, inputs: int, outputs: int, kernel: int,
         stride: int = 1) -> list[nn.Module]:
    """Convolution that keeps the size (divided by `stride`), normalisation, activation: (N,
    inputs, H, W) to (N, outputs, H / stride, W / stride).
    """
    made = outputs * pieces(settings)
    bias = not NORMS[settings.norm].has_bias
    return [
        nn.Conv2d(inputs, made, kernel, stride, padding=kernel // 2, bias=bias),
        *norm_and_activation(settings, made, spatial=True)
    ]


def dense(settings: Settings, inputs: int, outputs: int) -> list[nn.Module]:
    """Linear, normalisation, activation: (N, inputs) to (N, outputs)."""
    made = outputs * pieces(settings)
    return [nn.Linear(inputs, made), *norm_and_activation(settings, made, spatial=False)]
