"""Many pictures on one page: contact sheets for the browser, captioned rows for the notebooks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy.typing as npt
import torch
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data
from recipe_widgets.data.augment import Augment
from recipe_widgets.plots import Picture
from recipe_widgets.plots.images import bytes_of
from recipe_widgets.training import BatchIndices


def photos(images: torch.Tensor | npt.NDArray[Any], captions: Sequence[str], title: str, alt: str,
           *, columns: int = 8, size: float = 1.05) -> Picture:
    """Images (n,C,H,W), each under its caption, `size` inches wide; with few colours, so that
    the file stays small.
    """
    shown = bytes_of(images)  # (n, C, H, W) uint8
    if len(shown) != len(captions):
        raise RecipeError("photos", found=f"{len(shown)} images, {len(captions)} captions",
                          expected="equally many")
    columns = min(columns, max(1, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    # each line of a caption takes 0.14 inches
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    figure = Figure(figsize=(max(4.0, size * columns), rows * (size + 0.14 * lines) + 0.45),
                    layout="constrained")
    figure.suptitle(title, fontsize=10)
    for number, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if number < len(shown):
            one = shown[number].transpose(1, 2, 0)  # (H, W, C), as matplotlib wants it
            axes.imshow(one if one.shape[2] == 3 else one[:, :, 0], cmap="gray", vmin=0, vmax=255,
                        interpolation="nearest")
            axes.set_title(captions[number], fontsize=7)
    return Picture(figure, alt, colours=128)


@validated
def show_batch(data: Data, count: Annotated[int, whole(1, 10**4)] = 16,
               seed: Annotated[int, whole(0, 2**63 - 1)] = 0, augment: str = "none") -> Picture:
    """The first `count` samples of the first training batch, decoded from exactly what enters
    `model(x)` and the loss.

    augment: as in `Settings`, such as "flip+crop".
    """
    if len(data.shape) != 3:
        raise RecipeError("show_batch(data)", found=f"samples of shape {data.shape}",
                          expected="images (C, H, W)")
    rows = next(BatchIndices(data.train.size, count, seed))
    x, y = data.train.batch(rows)  # (count, C, H, W) float32, (count,)
    if augment != "none":
        x, y, _ = Augment(data.train, augment, 1.0, data.num_classes, seed).batch(rows)
    low, high = float(x.min()), float(x.max())  # stretched to black and white for the eye only
    # -(-a // b) rounds up: eight images a row
    figure = Figure(figsize=(9, 0.6 + 1.3 * -(-len(x) // 8)), layout="constrained")
    for axes, image, label in zip(
            figure.subplots(-(-len(x) // 8), 8, squeeze=False).flat, x, y.tolist(), strict=False):
        axes.imshow(((image - low) / (high - low)).permute(1, 2, 0).squeeze(-1).numpy(),
                    cmap="gray")
        axes.set_title(data.classes[label], fontsize=9)
    for axes in figure.axes:  # also those of the last row that hold no image
        axes.axis("off")
    mean, std = float(x.mean()), float(x.std())
    figure.suptitle(
        f"What the network sees: {low:.2f} (black) to {high:.2f} (white), mean {mean:.2f}, std {std:.2f}",
        fontsize=9)
    names = ", ".join(data.classes[label] for label in y.tolist())
    return Picture(figure, f"{len(x)} training images with their labels: {names}.",
                   colours=0 if len(image) == 1 and augment == "none" else 128)
