"""Many pictures on one page: contact sheets for the browser, captioned rows for the notebooks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
import torch
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError
from recipe_widgets.plots import Picture
from recipe_widgets.plots.pixels import bytes_of


def photos(images: torch.Tensor | npt.NDArray[Any], captions: Sequence[str], title: str, alt: str,
           *, columns: int = 8, size: float = 1.05) -> Picture:
    """Images (n,C,H,W), each under its caption, `size` inches wide; with few colours, so that
    the file stays small.
    """
    shown = bytes_of(images)
    if len(shown) != len(captions):
        raise RecipeError("photos", found=f"{len(shown)} images, {len(captions)} captions",
                          expected="equally many")
    columns = min(columns, max(1, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    figure = Figure(figsize=(max(4.0, size * columns), rows * (size + 0.14 * lines) + 0.45),
                    layout="constrained")
    figure.suptitle(title, fontsize=10)
    for number, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if number < len(shown):
            one = shown[number].transpose(1, 2, 0)
            axes.imshow(one if one.shape[2] == 3 else one[:, :, 0], cmap="gray", vmin=0, vmax=255,
                        interpolation="nearest")
            axes.set_title(captions[number], fontsize=7)
    return Picture(figure, alt, colours=128)
