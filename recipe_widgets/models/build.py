"""Plain `nn.Module`s built from `Settings`."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from recipe_widgets.core import RecipeError, Settings, generator
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.models.architectures import inception, plainnet, resnet, vgg
from recipe_widgets.models.init import WEIGHTED, init_weights
from recipe_widgets.models.layers import Dropout, PoolFirstSequential, after, pieces
from recipe_widgets.models.rows import RecurrentClassifier
from recipe_widgets.models.shapes import SIDES, image, stages_that_fit

MOST = 2**31  # weights: 8 GiB, and as much again for each copy that an optimiser keeps
CONVOLUTIONAL = ("convnet", "lenet", "vgg", "inception", "resnet", "plainnet")


@validated
def build_model(settings: Settings, shape: Annotated[tuple[int, ...], SIDES],
                num_classes: Annotated[int, whole(1, 10**6)]) -> nn.Module:
    """The model that `settings` describe, on the CPU, initialised from `settings.seed`.

    Args:
        shape: of one sample: (C, H, W) for images, (D,) for table rows.
        num_classes: length K of the logits.
    Returns:
        a module that maps (N, *shape) float32 to logits (N, K). The global random generators are
        not touched. Convolutional models keep their weights channels_last.
    Raises:
        RecipeError: a ConvNet or RNN asked for samples that are no images, or for images too small
            for its depth.
    """
    with torch.device(
            "meta"):  # no memory and no global random numbers spent on weights that are drawn below
        model = _LAYOUTS[settings.model](settings, shape, num_classes)
    model = finish(model, settings)
    return model.to(memory_format=torch.channels_last) if settings.model in CONVOLUTIONAL else model


def finish(model: nn.Module, settings: Settings) -> nn.Module:
    """A model laid out on the meta device gets memory and weights. Weight normalisation (Salimans &
    Kingma 2016) goes
    around all weighted layers but the last and changes nothing at the start: the length of each
        weight vector is kept.
    """
    size = sum(p.numel() for p in model.parameters())
    if size > MOST:
        raise RecipeError("Model", found=f"{size:,} weights", expected=f"at most {MOST:,}",
                          mend="Try a smaller width or depth, or smaller samples.")
    model = model.to_empty(device="cpu")
    init_weights(model, settings.init, generator(settings.seed, "init"))
    if settings.norm == "weight":
        for module in [module for module in model.modules() if isinstance(module, WEIGHTED)][:-1]:
            weight_norm(module)
    return model


@validated
def count_parameters(model: nn.Module) -> int:
    """How many numbers the optimiser may change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _linear(_: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Flatten, then one matrix: K·(D + 1) parameters for D inputs."""
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), num_classes))


def _mlp(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """`depth` hidden layers of `width` units: Linear, (norm), activation, dropout; then Linear to
    the logits.

    (D + 1)·width + (depth - 1)·(width + 1)·width + (width + 1)·K parameters for D inputs, twice as
    many into each hidden layer with maxout.
    """
    masks = generator(settings.seed, "dropout")
    layers: list[nn.Module] = [nn.Flatten()]
    inputs = math.prod(shape)
    for _ in range(settings.depth):
        layers += [*_dense(settings, inputs, settings.width), Dropout(settings.dropout, masks)]
        inputs = settings.width
    return nn.Sequential(*layers, nn.Linear(inputs, num_classes))


def _dense(settings: Settings, inputs: int, outputs: int) -> list[nn.Module]:
    made = outputs * pieces(settings)
    return [nn.Linear(inputs, made), *after(settings, made, spatial=False)]


def _convnet(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """LeNet-like (LeCun et al. 1998): `depth` + 1 stages of conv 5x5 and max-pool 2x2, a hidden
    layer, the logits.

    Channels: width/8 in the first stage, doubled at each next one up to `width`; (N, c, H/2, W/2)
        after each stage.
    """
    channels, height, width = image("convnet", shape)
    stages = stages_that_fit(settings, shape)
    masks = generator(settings.seed, "dropout")
    layers: list[nn.Module] = []
    for stage in range(stages):
        out = max(1, min(settings.width, settings.width // 8 * 2**stage))
        made = out * pieces(settings)
        layers += [
            nn.Conv2d(channels, made, kernel_size=5, padding=2),
            *after(settings, made, spatial=True),
            nn.MaxPool2d(2)
        ]
        channels, height, width = out, height // 2, width // 2
    layers += [
        nn.Flatten(), *_dense(settings, channels * height * width, settings.width),
        Dropout(settings.dropout, masks)
    ]
    return PoolFirstSequential(*layers, nn.Linear(settings.width, num_classes))


def _lenet(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """LeNet-5 (LeCun et al. 1998) with max-pooling and a plain last layer; `width` and `depth` do
    not matter.

    Shapes for 32x32 (28x28 is padded to it): (6,28,28), (6,14,14), (16,10,10), (16,5,5), 120, 84,
    K. For grey digits of 10 classes 156 + 2,416 + 48,120 + 10,164 + 850 = 61,706 parameters; 62,006
    for colour.
    """
    channels, height, width = image("lenet", shape, least=20)
    padding = 2 if min(height, width) < 32 else 0
    height, width = ((side + 2 * padding - 4) // 2 - 4 for side in (height, width))
    many = pieces(settings)
    flat = 16 * (height // 2) * (width // 2)
    return PoolFirstSequential(nn.Conv2d(channels, 6 * many, 5, padding=padding),
                  *after(settings, 6 * many, spatial=True), nn.MaxPool2d(2),
                  nn.Conv2d(6, 16 * many, 5), *after(settings, 16 * many, spatial=True),
                  nn.MaxPool2d(2), nn.Flatten(), *_dense(settings, flat, 120),
                  *_dense(settings, 120, 84),
                  Dropout(settings.dropout, generator(settings.seed, "dropout")),
                  nn.Linear(84, num_classes))


def _rows(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return RecurrentClassifier(settings, image(settings.model, shape), num_classes)


_LAYOUTS = {
    "linear": _linear, "mlp": _mlp, "convnet": _convnet, "lenet": _lenet, "vgg": vgg, "inception":
    inception, "resnet": resnet, "plainnet": plainnet, "rnn": _rows, "gru": _rows
}
