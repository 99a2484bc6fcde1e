"""The architectures, one function each, and their table.

To add one: write a function `(settings, shape, num_classes) -> nn.Module`, put its name among the
choices of `Settings.model` and a row into `ARCHITECTURES` at the end of this file. The functions
only lay out layers; `build_model` gives them memory and draws their weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from recipe_widgets.core import RecipeError, Settings, generator
from recipe_widgets.core.choice_table import ChoiceTable
from recipe_widgets.core.validation import Limit
from recipe_widgets.models.layers import (
    NORMS,
    Dropout,
    PoolFirstSequential,
    activation,
    conv,
    dense,
    norm_and_activation,
    norm_layer,
    pieces,
)

SAMPLE_SHAPE = Limit(lambda shape: len(shape) > 0 and all(1 <= side <= 2**20 for side in shape),
                     "the shape of one sample, such as (1, 28, 28)")


def image_shape(model: str, shape: tuple[int, ...], least: int = 1) -> tuple[int, int, int]:
    """`shape` as (C, H, W), or a `RecipeError` for samples that are no images of `least` pixels
    a side.
    """
    if len(shape) != 3:  # (D,) is a row of a table
        raise RecipeError("Settings.model", found=f"{model!r} for samples of shape {shape}",
                          expected="images (C, H, W)", mend="Use model='mlp' for tables.")
    if min(shape[1:]) < least:
        raise RecipeError("Settings.model",
                          found=f"{model!r} for images of {shape[1]}x{shape[2]} pixels",
                          expected=f"at least {least}x{least}",
                          mend="Use model='mlp' for such small images.")
    return shape[0], shape[1], shape[2]


def stages_that_fit(settings: Settings, shape: tuple[int, ...]) -> int:
    """`depth` + 1 stages, each of which halves the image, or a `RecipeError` where too little of
    it would be left.
    """
    stages, side = settings.depth + 1, min(shape[1:])
    if side < 2**stages:
        most = int(math.log2(max(side, 2))) - 1
        raise RecipeError(
            "Settings.depth", found=f"{settings.depth} for images of {shape[1]}x{shape[2]} pixels",
            expected=f"at most {most}: each stage halves the image")
    return stages


def _dropout(settings: Settings) -> Dropout:
    return Dropout(settings.dropout, generator(settings.seed, "dropout"))


def linear(settings: Settings, shape: tuple[int, ...],  # noqa: ARG001  all take the same
           num_classes: int) -> nn.Module:
    """Flatten, then one matrix: K·(D + 1) parameters for D inputs."""
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), num_classes))


def mlp(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """`depth` hidden layers of `width` units: Linear, (norm), activation, dropout; then Linear to
    the logits.

    (D + 1)·width + (depth - 1)·(width + 1)·width + (width + 1)·K parameters for D inputs, twice as
    many into each hidden layer with maxout.
    """
    masks = generator(settings.seed, "dropout")  # one generator for all layers
    layers: list[nn.Module] = [nn.Flatten()]  # (N, C, H, W) to (N, D)
    inputs = math.prod(shape)
    for _ in range(settings.depth):
        layers += [*dense(settings, inputs, settings.width), Dropout(settings.dropout, masks)]
        inputs = settings.width
    return nn.Sequential(*layers, nn.Linear(inputs, num_classes))


def convnet(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """LeNet-like (LeCun et al. 1998): `depth` + 1 stages of conv 5x5 and max-pool 2x2, a hidden
    layer, the logits.

    Channels: width/8 in the first stage, doubled at each next one up to `width`; (N, c, H/2, W/2)
    after each stage.
    """
    channels, height, width = image_shape("convnet", shape)
    layers: list[nn.Module] = []
    for stage in range(stages_that_fit(settings, shape)):
        outputs = max(1, min(settings.width, settings.width // 8 * 2**stage))
        made = outputs * pieces(settings)
        layers += [
            # With a bias, also before BatchNorm, which does not need it: without one all weights
            # drawn after it, and so every number in the lessons, would be others.
            nn.Conv2d(channels, made, kernel_size=5, padding=2),
            *norm_and_activation(settings, made, spatial=True),
            nn.MaxPool2d(2)
        ]
        channels, height, width = outputs, height // 2, width // 2
    return PoolFirstSequential(*layers, nn.Flatten(),
                               *dense(settings, channels * height * width, settings.width),
                               _dropout(settings), nn.Linear(settings.width, num_classes))


def lenet(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """LeNet-5 (LeCun et al. 1998) with max-pooling and a plain last layer; `width` and `depth` do
    not matter.

    Shapes for 32x32 (28x28 is padded to it): (6,28,28), (6,14,14), (16,10,10), (16,5,5), 120, 84,
    K. For grey digits of 10 classes 156 + 2,416 + 48,120 + 10,164 + 850 = 61,706 parameters; 62,006
    for colour.
    """
    channels, height, width = image_shape("lenet", shape, least=20)
    padding = 2 if min(height, width) < 32 else 0
    # each 5x5 conv takes 4 pixels off a side, each pooling halves it
    height, width = ((side + 2 * padding - 4) // 2 - 4 for side in (height, width))
    many = pieces(settings)
    flat = 16 * (height // 2) * (width // 2)
    return PoolFirstSequential(
        nn.Conv2d(channels, 6 * many, 5, padding=padding),
        *norm_and_activation(settings, 6 * many, spatial=True), nn.MaxPool2d(2),
        nn.Conv2d(6, 16 * many, 5),
        *norm_and_activation(settings, 16 * many, spatial=True), nn.MaxPool2d(2),
        nn.Flatten(), *dense(settings, flat, 120), *dense(settings, 120, 84),
        _dropout(settings), nn.Linear(84, num_classes))


def vgg(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """After VGG (Simonyan & Zisserman 2015): `depth` + 1 stages of two conv 3x3 and max-pool 2x2,
    dropout, the logits.

    Channels: width/4 in the first stage, doubled at each next one up to `width`; (N, c, H/2, W/2)
    after each stage. At width=128, depth=2 on 32x32 colours: (32,16,16), (64,8,8), (128,4,4) and
    307,498 parameters, one hidden layer of the paper's three left out.
    """
    channels, height, width = image_shape("vgg", shape)
    layers: list[nn.Module] = []
    for stage in range(stages_that_fit(settings, shape)):
        outputs = max(1, min(settings.width, settings.width // 4 * 2**stage))
        layers += [*conv(settings, channels, outputs, 3), *conv(settings, outputs, outputs, 3),
                   nn.MaxPool2d(2)]
        channels, height, width = outputs, height // 2, width // 2
    return PoolFirstSequential(*layers, nn.Flatten(), _dropout(settings),
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
        # a 1x1 view of the input, and three that look further, narrowed by a 1x1 first
        self.one = nn.Sequential(*conv(settings, inputs, channels - 6 * eighth, 1))
        self.three = nn.Sequential(*conv(settings, inputs, 3 * eighth, 1),
                                   *conv(settings, 3 * eighth, 4 * eighth, 3))
        self.five = nn.Sequential(*conv(settings, inputs, eighth, 1),
                                  *conv(settings, eighth, eighth, 5))
        self.pool = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1),
                                  *conv(settings, inputs, eighth, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)


def inception(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """A conv 3x3 with width/4 channels, then `depth` Inception blocks of `width` channels; mean
    over pixels, the logits.

    Max-pool 2x2 after the first conv and between blocks while 8 pixels or more are left. At
    width=128, depth=2 on 32x32 colours: (32,16,16), (128,8,8), (128,8,8) and 88,586 parameters.
    """
    channels, *sides = image_shape("inception", shape, least=4)
    outputs = max(8, settings.width)  # a block needs one channel for each eighth
    inputs, side = outputs // 4, min(sides) // 2
    layers: list[nn.Module] = [*conv(settings, channels, inputs, 3), nn.MaxPool2d(2)]
    for block in range(settings.depth):
        layers.append(Inception(settings, inputs, outputs))
        if side >= 16 and block < settings.depth - 1:
            layers.append(nn.MaxPool2d(2))
            side //= 2
        inputs = outputs
    return PoolFirstSequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), _dropout(settings),
                               nn.Linear(outputs, num_classes))


class BasicBlock(nn.Module):
    """conv 3x3, norm, activation, conv 3x3, norm, (plus the input,) activation: (N, C, H, W) to (N,
    outputs, H/s, W/s) for stride s.

    The shortcut has no parameters: every s-th pixel, new channels zero (option A of He et al.
    2016). So the plain block, without it, has the very same weights.
    """

    def __init__(self, settings: Settings, inputs: int, outputs: int, stride: int,
                 residual: bool) -> None:
        super().__init__()
        self.stride, self.residual = stride, residual
        self.new_channels = outputs - inputs
        self.pieces = pieces(settings)
        made = outputs * self.pieces
        norm = norm_layer(settings.norm, made, spatial=True)
        bias = not NORMS[settings.norm].has_bias
        self.inner = nn.Sequential(
            *conv(settings, inputs, outputs, 3, stride),
            nn.Conv2d(outputs, made, 3, padding=1, bias=bias),
            *([] if norm is None else [norm]))
        self.activation = activation(settings)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.inner(x)
        if self.residual:
            x = x[:, :, :: self.stride, :: self.stride] if self.stride > 1 else x
            # zeros behind the last channel: pads of W, of H, then of C
            x = nn.functional.pad(x, (0, 0, 0, 0, 0, self.new_channels)) if self.new_channels else x
            # before maxout each of the pieces gets the input
            y = y + (x.repeat_interleave(self.pieces, 1) if self.pieces > 1 else x)
        out: torch.Tensor = self.activation(y)
        return out


def resnet(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """ResNet for small images (He et al. 2016): 6·depth + 2 layers.

    A conv 3x3, three stages of `depth` blocks with width/4, width/2 and width channels at full,
    half and quarter size; mean over pixels, dropout, the logits. At width=64, norm="batch" and
    depth=3 on 32x32 colours it is the paper's ResNet-20: (16,32,32), (32,16,16), (64,8,8) and
    269,722 parameters.
    """
    return _three_stages(settings, shape, num_classes, residual=True)


def plainnet(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """The plain twin of `resnet`: the same layers and, from the same seed, the same weights,
    without the shortcuts.
    """
    return _three_stages(settings, shape, num_classes, residual=False)


def _three_stages(settings: Settings, shape: tuple[int, ...], num_classes: int,
                  residual: bool) -> nn.Module:
    channels = image_shape(settings.model, shape, least=4)[0]
    widths = [max(1, settings.width // part) for part in (4, 2, 1)]
    layers: list[nn.Module] = conv(settings, channels, widths[0], 3)
    inputs = widths[0]
    for stage, outputs in enumerate(widths):
        for block in range(settings.depth):
            stride = 2 if stage and not block else 1  # the second and third stage halve the image
            layers.append(BasicBlock(settings, inputs, outputs, stride, residual))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), _dropout(settings),
                         nn.Linear(inputs, num_classes))


class RecurrentClassifier(nn.Module):
    """An RNN (Elman 1990) or GRU (Cho et al. 2014) that reads an image row by row from the top, C·W
    numbers each; its last state makes the logits.

    `depth` layers of `width` units; an RNN's non-linearity is `activation` (relu or tanh), a GRU
    has its own. `norm` and dropout act on the last state; weight normalisation leaves the recurrent
    weights alone. Parameters for D = C·W inputs and G gates (RNN 1, GRU 3): G·(D·width + width² +
    2·width), in further layers with D = width, and K·(width + 1).
    """

    def __init__(self, settings: Settings, shape: tuple[int, ...], num_classes: int) -> None:
        super().__init__()
        channels, _, width = image_shape(settings.model, shape)
        self.rnn = _recurrent(settings, channels * width)
        self.norm = norm_layer(settings.norm, settings.width, spatial=False) or nn.Identity()
        self.dropout = _dropout(settings)
        self.head = nn.Linear(settings.width, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, C, H, W); returns logits (N, K)."""
        rows = x.permute(0, 2, 1, 3).flatten(2)  # (N, H, C·W)
        states, _ = self.rnn(rows)  # (N, H, width)
        logits: torch.Tensor = self.head(self.dropout(self.norm(states[:, -1])))
        return logits


def _recurrent(settings: Settings, inputs: int) -> nn.RNNBase:
    if settings.model == "gru":
        return nn.GRU(inputs, settings.width, settings.depth, batch_first=True)
    if settings.activation not in ("relu", "tanh"):  # all that nn.RNN has
        raise RecipeError("Settings.activation", found=f"{settings.activation!r} in an RNN",
                          expected="relu or tanh",
                          mend="Use activation='tanh', or model='gru', which has its own.")
    return nn.RNN(inputs, settings.width, settings.depth, settings.activation, batch_first=True)


@dataclass(frozen=True)
class ArchitectureRow:
    """One architecture.

    Attributes:
        name: its choice in `Settings.model`.
        lay_out: (settings, shape of one sample, num_classes) to a module that maps (N, *shape) to
            logits (N, num_classes).
        convolutional: whether its weights lie channels_last, which oneDNN and cuDNN run faster.
    """

    name: str
    lay_out: Callable[[Settings, tuple[int, ...], int], nn.Module]
    convolutional: bool = True


ARCHITECTURES = ChoiceTable("model", [
    ArchitectureRow("linear", linear, convolutional=False),
    ArchitectureRow("mlp", mlp, convolutional=False),
    ArchitectureRow("convnet", convnet),
    ArchitectureRow("lenet", lenet),
    ArchitectureRow("vgg", vgg),
    ArchitectureRow("inception", inception),
    ArchitectureRow("resnet", resnet),
    ArchitectureRow("plainnet", plainnet),
    ArchitectureRow("rnn", RecurrentClassifier, convolutional=False),
    ArchitectureRow("gru", RecurrentClassifier, convolutional=False),
])
