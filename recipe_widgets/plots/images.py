"""Images as bytes, as sheets, and as addresses that a page can show."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from recipe_widgets.core import RecipeError

Bytes = npt.NDArray[np.uint8]


def bytes_of(x: torch.Tensor | npt.NDArray[Any]) -> Bytes:
    """Images (n,C,H,W) as bytes to look at: floats are stretched over all of them, lowest to
    highest.
    """
    found = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
    if found.ndim != 4 or found.shape[1] not in (1, 3):
        raise RecipeError("Pictures", found=f"shape {found.shape}",
                          expected="images (n, 1|3, H, W)",
                          mend="A table has nothing to look at; see checks.outliers.")
    if found.dtype == np.uint8:
        return found
    low, high = (float(found.min()), float(found.max())) if found.size else (0.0, 1.0)
    return np.asarray(255 * (found - low) / max(high - low, 1e-12)).round().astype(np.uint8)


def contact_sheet(images: Bytes, columns: int) -> Bytes:
    """Images (n,C,H,W) side by side: (rows·H, columns·W, 3), row by row; what is left over is
    white.
    """
    n, _, height, width = images.shape
    rows = max(1, math.ceil(n / columns))
    sheet = np.full((rows * columns, height, width, 3), 255, np.uint8)
    sheet[:n] = images.transpose(0, 2, 3, 1)  # one channel is copied to three
    return sheet.reshape(rows, columns, height, width,
                         3).swapaxes(1, 2).reshape(rows * height, columns * width, 3)


def data_url(pixels: Bytes) -> str:
    """An array (H,W,3) as the address of a PNG that holds it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
