"""Convolution, looked at: kernels, padding, stride, output size, pooling. (Notebook 05, O8.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch.nn import functional as F

from recipe_widgets.core import RecipeError
from recipe_widgets.data import Data
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import set_title

Array = npt.NDArray[np.float64]
Pooling = Literal["none", "max", "mean"]

KERNELS: dict[str, Array] = {
    "identity": np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], float),
    # sums to 0: flat areas become 0
    "edge": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], float),
    # sums to 1: the brightness stays
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], float),
    "box": np.full((3, 3), 1 / 9),  # the mean of nine pixels
    "gaussian": np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], float) / 16,
    "vertical edge": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float),  # Sobel's
    "horizontal edge": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], float),
}


def output_size(size: int, kernel: int, padding: int = 0, stride: int = 1) -> int:
    """Pixels along one side after a convolution or pooling: (size + 2·padding - kernel) // stride +
    1.

    Raises:
        RecipeError: the kernel does not fit into the padded image.
    """
    if kernel < 1 or stride < 1 or padding < 0 or size + 2 * padding < kernel:
        raise RecipeError("output_size",
                          found=f"size {size}, kernel {kernel}, padding {padding}, stride {stride}",
                          expected="a kernel that fits into the padded image, stride >= 1",
                          mend="Pad more.")
    return (size + 2 * padding - kernel) // stride + 1


def own_kernel(values: Any) -> Array:
    """A square kernel (k, k) of finite numbers from nested lists, or from k² numbers in a row."""
    try:
        kernel = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        kernel = np.array(np.nan)
    side = round(kernel.size**0.5)  # k, if the numbers make a square
    if not np.isfinite(kernel).all() or kernel.ndim not in (1, 2) or side**2 != kernel.size or \
            (kernel.ndim == 2 and kernel.shape != (side, side)):
        raise RecipeError("Kernel", found=repr(values), expected="k rows of k numbers",
                          mend="For example [[0, 1, 0], [1, -4, 1], [0, 1, 0]].")
    return kernel.reshape(side, side)


def convolve(image: npt.NDArray[Any], kernel: npt.NDArray[Any], padding: int = 0,
             stride: int = 1) -> Array:
    """What a convolution layer computes: (H, W) or (C, H, W) to (H', W') or (C, H', W'), each
    channel by itself.

    As in all deep-learning libraries the kernel is not mirrored, so mathematicians call this a
    cross-correlation.
    """
    pixels = torch.as_tensor(np.asarray(image, np.float64))
    flat = pixels.reshape(-1, 1, *pixels.shape[-2:])  # each channel as a sample of its own
    for side in pixels.shape[-2:]:
        output_size(side, len(kernel), padding, stride)  # raises where the kernel does not fit
    weight = torch.as_tensor(np.asarray(kernel, np.float64))[None, None]  # (out 1, in 1, k, k)
    out = F.conv2d(flat, weight, padding=padding, stride=stride)
    return out.reshape(*pixels.shape[:-2], *out.shape[-2:]).numpy()


def pool(image: npt.NDArray[Any], kind: Pooling, size: int = 2) -> Array:
    """The largest or the mean value of each tile of size x size pixels; (..., H, W) to (..., H
    // size, W // size).
    """
    pixels = np.asarray(image, np.float64)
    if kind == "none":
        return pixels
    if kind not in ("max", "mean") or not 1 <= size <= min(pixels.shape[-2:]):
        raise RecipeError("pool", found=f"{kind!r} over {size} pixels",
                          expected="none, max or mean over pixels that are there")
    rows, columns = (side // size for side in pixels.shape[-2:])
    whole = pixels[..., : rows * size, : columns * size]  # what does not fill a tile is left out
    tiles = whole.reshape(*pixels.shape[:-2], rows, size, columns, size)
    return np.asarray(tiles.max((-3, -1)) if kind == "max" else tiles.mean((-3, -1)))


def sample_image(data: Data, number: int = 0) -> Array:
    """A training image (C, H, W) as numbers from 0 to 1."""
    if len(data.shape) != 3 or not 0 <= number < data.train.size:
        raise RecipeError("Image", found=f"number {number} of samples {data.shape}",
                          expected=f"images, a number below {data.train.size}")
    image = data.train.x[number].cpu().numpy().astype(np.float64)
    return np.asarray(image / 255 if data.train.x.dtype == torch.uint8 else image)


def show_convolution(image: npt.NDArray[Any], kernel: npt.NDArray[Any], padding: int = 0,
                     stride: int = 1, pooling: Pooling = "none",
                     name: str = "own kernel") -> Picture:
    """Image, kernel, and what comes out, with all sizes. Colours are filtered one by one and
    shown as one grey.
    """
    kernel = own_kernel(kernel)
    after = convolve(image, kernel, padding, stride)
    out = pool(after, pooling)
    figure = Figure(figsize=(8.4, 3.0), layout="constrained")
    before, square, behind = figure.subplots(1, 3, width_ratios=(3, 2, 3))
    _grey(before, np.asarray(image), f"in: {image.shape[-2]} x {image.shape[-1]}")
    _numbers(square, kernel, f"{name}, {len(kernel)} x {len(kernel)}, sum {kernel.sum():.3g}")
    _grey(behind, out,
          f"out: {out.shape[-2]} x {out.shape[-1]}, {out.min():.2f} to {out.max():.2f}")
    steps = f"({image.shape[-2]} + 2·{padding} - {len(kernel)}) // {stride} + 1 = {after.shape[-2]}"
    pooled = f", then {pooling}-pooling 2 x 2: {out.shape[-2]}" if pooling != "none" else ""
    set_title(figure, f"Rows that come out: {steps}{pooled}", 8.4)
    return Picture(
        figure,
        f"{name} turns an image of {image.shape[-2]} x {image.shape[-1]} pixels into "
        f"{out.shape[-2]} x {out.shape[-1]}: {steps}{pooled}.")


def show_filters(images: Sequence[npt.NDArray[Any]], names: Sequence[str] = tuple(KERNELS),
                 times: int = 1) -> Picture:
    """Many filters on the same images (C, H, W), each applied `times` over: one row per image, one
    column per kernel.

    Raises:
        RecipeError: no image or no kernel, a kernel that is not in `KERNELS`, times below 1.
    """
    if not images or not names or times < 1 or not set(names) <= set(KERNELS):
        raise RecipeError("show_filters",
                          found=f"{len(images)} images, kernels {list(names)}, times={times}",
                          expected="one or more of each; kernels: " + ", ".join(KERNELS),
                          mend="Choose at least one.")
    wide = max(5.0, 1.35 * len(names))
    figure = Figure(figsize=(wide, 1.3 * len(images) + 0.7), layout="constrained")
    for row, image in zip(figure.subplots(len(images), len(names), squeeze=False), images,
                          strict=True):
        for axes, name in zip(row, names, strict=True):
            out = np.asarray(image)
            for _ in range(times):
                # 3 x 3 with padding 1: the size stays
                out = convolve(out, KERNELS[name], padding=1)
            _grey(axes, out, name)
    often = "" if times == 1 else f", {times} times over"
    title = (f"{len(names)} filters on the same image: each keeps something else"
             if len(names) > 1 else f"One filter: {names[0]}")
    set_title(figure, title + often, wide)
    plural = "s" * (len(images) > 1)
    return Picture(figure, f"{len(images)} image{plural} through the kernels "
                           f"{', '.join(names)}{often}.")


def _grey(axes: Axes, image: npt.NDArray[Any], title: str) -> None:
    shown = image.mean(0) if image.ndim == 3 else image  # (H, W)
    axes.imshow(shown, cmap="gray", interpolation="nearest")
    axes.set_title(title, fontsize=8)
    axes.set_axis_off()


def _numbers(axes: Axes, kernel: Array, title: str) -> None:
    reach = max(float(np.abs(kernel).max()), 1e-12)  # 0 in the middle of the colours
    axes.imshow(kernel, cmap="PuOr", vmin=-reach, vmax=reach)
    for (row, column), value in np.ndenumerate(kernel):
        axes.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=8,
                  color="white" if abs(value) > 0.6 * reach else "black")
    axes.set_title(title, fontsize=8)
    axes.set_axis_off()
