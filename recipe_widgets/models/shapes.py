"""Which samples a model can take."""

from __future__ import annotations

import math

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.validation import Limit

SIDES = Limit(lambda shape: len(shape) > 0 and all(1 <= side <= 2**20 for side in shape),
             "the shape of one sample, such as (1, 28, 28)")


def image(model: str, shape: tuple[int, ...], least: int = 1) -> tuple[int, int, int]:
    """`shape` as (C, H, W), or a `RecipeError` for samples that are no images of `least` pixels
    a side.
    """
    if len(shape) != 3:
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
    stages = settings.depth + 1
    if min(shape[1:]) < 2**stages:
        raise RecipeError(
            "Settings.depth", found=f"{settings.depth} for images of {shape[1]}x{shape[2]} pixels",
            expected=
            f"at most {int(math.log2(max(min(shape[1:]), 2))) - 1}: each stage halves the image")
    return stages
