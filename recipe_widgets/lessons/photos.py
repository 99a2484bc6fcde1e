"""Many pictures on one page: contact sheets for the browser, captioned rows for the notebooks."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure

from recipe_widgets.plots import Picture
from recipe_widgets.records import RecipeError

Bytes = npt.NDArray[np.uint8]


def bytes_of(x: torch.Tensor | npt.NDArray[Any]) -> Bytes:
    """Images (n,C,H,W) as bytes to look at: floats are stretched over all of them, lowest to highest."""
    found = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
    if found.ndim != 4 or found.shape[1] not in (1, 3):
        raise RecipeError("Pictures", found=f"shape {found.shape}", expected="images (n, 1|3, H, W)",
                          mend="A table has nothing to look at; see checks.outliers.")
    if found.dtype == np.uint8:
        return found
    low, high = (float(found.min()), float(found.max())) if found.size else (0.0, 1.0)
    return np.asarray(255 * (found - low) / max(high - low, 1e-12)).round().astype(np.uint8)


def contact_sheet(images: Bytes, columns: int) -> Bytes:
    """Images (n,C,H,W) side by side: (rows·H, columns·W, 3), row by row; what is left over is white."""
    n, _, height, width = images.shape
    rows = max(1, math.ceil(n / columns))
    sheet = np.full((rows * columns, height, width, 3), 255, np.uint8)
    sheet[:n] = images.transpose(0, 2, 3, 1)  # one channel is copied to three
    return sheet.reshape(rows, columns, height, width, 3).swapaxes(1, 2).reshape(rows * height, columns * width, 3)


def data_url(pixels: Bytes) -> str:
    """An array (H,W,3) as the address of a PNG that holds it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def photos(images: torch.Tensor | npt.NDArray[Any], captions: Sequence[str], title: str, alt: str, *,
           columns: int = 8, size: float = 1.05) -> Picture:
    """Images (n,C,H,W), each under its caption, `size` inches wide; with few colours, so that the file stays small."""
    shown = bytes_of(images)
    if len(shown) != len(captions):
        raise RecipeError("photos", found=f"{len(shown)} images, {len(captions)} captions", expected="equally many")
    columns = min(columns, max(1, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    figure = Figure(figsize=(max(4.0, size * columns), rows * (size + 0.14 * lines) + 0.45), layout="constrained")
    figure.suptitle(title, fontsize=10)
    for number, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.set_axis_off()
        if number < len(shown):
            one = shown[number].transpose(1, 2, 0)
            axes.imshow(one if one.shape[2] == 3 else one[:, :, 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_title(captions[number], fontsize=7)
    return Picture(figure, alt, colours=128)
