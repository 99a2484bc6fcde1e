"""Plain `nn.Module`s built from `Settings`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from recipe_widgets.models.init import init_weights
from recipe_widgets.models.layers import ACTIVATIONS, Dropout, norm_layer
from recipe_widgets.records import RecipeError, Settings, generator


def build_model(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """The model that `settings` describe, on the CPU, initialised from `settings.seed`.

    Args:
        shape: of one sample: (C, H, W) for images, (D,) for table rows.
        num_classes: length K of the logits.
    Returns:
        a module that maps (N, *shape) float32 to logits (N, K). The global random generators are not touched.
    Raises:
        RecipeError: a ConvNet asked for samples that are no images, or for images too small for its depth.
    """
    with torch.device("meta"):  # no memory and no global random numbers spent on weights that are drawn below
        model = _LAYOUTS[settings.model](settings, shape, num_classes)
    model = model.to_empty(device="cpu")
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
            module.reset_parameters()
    init_weights(model, settings.init, generator(settings.seed, "init"))
    return model.to(memory_format=torch.channels_last) if settings.model == "convnet" else model


def count_parameters(model: nn.Module) -> int:
    """How many numbers the optimiser may change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _linear(_: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Flatten, then one matrix: K·(D + 1) parameters for D inputs."""
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), num_classes))


def _mlp(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """`depth` hidden layers of `width` units: Linear, (norm), activation, dropout; then Linear to the logits."""
    masks = generator(settings.seed, "dropout")
    layers: list[nn.Module] = [nn.Flatten()]
    inputs = math.prod(shape)
    for _ in range(settings.depth):
        layers += [nn.Linear(inputs, settings.width), *_after(settings, settings.width, spatial=False),
                   Dropout(settings.dropout, masks)]
        inputs = settings.width
    return nn.Sequential(*layers, nn.Linear(inputs, num_classes))


def _convnet(settings: Settings, shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """LeNet-like (LeCun et al. 1998): `depth` + 1 stages of conv 5x5 and max-pool 2x2, a hidden layer, the logits.

    Channels: width/8 in the first stage, doubled at each next one up to `width`; (N, c, H/2, W/2) after each stage.
    """
    if len(shape) != 3:
        raise RecipeError("Settings.model", found=f"'convnet' for samples of shape {shape}",
                          expected="images (C, H, W)", mend="Use model='mlp' for tables.")
    stages = settings.depth + 1
    if min(shape[1:]) < 2**stages:
        raise RecipeError("Settings.depth", found=f"{settings.depth} for images of {shape[1]}x{shape[2]} pixels",
                          expected=f"at most {int(math.log2(max(min(shape[1:]), 2))) - 1}: each stage halves the image")
    masks = generator(settings.seed, "dropout")
    channels, (height, width) = shape[0], shape[1:]
    layers: list[nn.Module] = []
    for stage in range(stages):
        out = max(1, min(settings.width, settings.width // 8 * 2**stage))
        layers += [nn.Conv2d(channels, out, kernel_size=5, padding=2), *_after(settings, out, spatial=True),
                   nn.MaxPool2d(2)]
        channels, height, width = out, height // 2, width // 2
    layers += [nn.Flatten(), nn.Linear(channels * height * width, settings.width),
               *_after(settings, settings.width, spatial=False), Dropout(settings.dropout, masks)]
    return nn.Sequential(*layers, nn.Linear(settings.width, num_classes))


def _after(settings: Settings, channels: int, *, spatial: bool) -> Iterator[nn.Module]:
    """What follows a weighted layer: normalisation where asked for, then the activation."""
    norm = norm_layer(settings.norm, channels, spatial)
    if norm is not None:
        yield norm
    yield ACTIVATIONS[settings.activation]()


_LAYOUTS = {"linear": _linear, "mlp": _mlp, "convnet": _convnet}
