"""Plain `nn.Module`s built from `Settings`."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from recipe_widgets.core import RecipeError, Settings, generator
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.models.architectures import ARCHITECTURES, SAMPLE_SHAPE
from recipe_widgets.models.init import WEIGHTED, init_weights
from recipe_widgets.models.layers import NORMS

MOST_WEIGHTS = 2**31  # 8 GiB, and as much again for each copy that an optimiser keeps


@validated
def build_model(settings: Settings, shape: Annotated[tuple[int, ...], SAMPLE_SHAPE],
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
    row = ARCHITECTURES[settings.model]
    # On the meta device a layer takes no memory, and draws no global random numbers for weights
    # that are drawn below.
    with torch.device("meta"):
        model = row.lay_out(settings, shape, num_classes)
    model = materialise(model, settings)
    return model.to(memory_format=torch.channels_last) if row.convolutional else model


def materialise(model: nn.Module, settings: Settings) -> nn.Module:
    """Give a model that was laid out on the meta device memory and weights.

    Weight normalisation (Salimans & Kingma 2016) goes around all weighted layers but the last. It
    changes nothing at the start: the length of each weight vector is kept.
    """
    size = sum(weights.numel() for weights in model.parameters())
    if size > MOST_WEIGHTS:
        raise RecipeError("Model", found=f"{size:,} weights", expected=f"at most {MOST_WEIGHTS:,}",
                          mend="Try a smaller width or depth, or smaller samples.")
    model = model.to_empty(device="cpu")
    init_weights(model, settings.init, generator(settings.seed, "init"))
    if NORMS[settings.norm].of_weights:
        weighted = [module for module in model.modules() if isinstance(module, WEIGHTED)]
        for module in weighted[:-1]:  # the last one makes the logits
            weight_norm(module)
    return model


@validated
def count_parameters(model: nn.Module) -> int:
    """How many numbers the optimiser may change."""
    return sum(weights.numel() for weights in model.parameters() if weights.requires_grad)
