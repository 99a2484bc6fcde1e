"""Notebook 05: a convolution from sums and products."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.trial_tools import (
    Slips,
    by_hand,
    close,
    expect,
    inputs_kept,
    random,
    tensor,
)


def convolution(x, weight, bias, stride=1, padding=0):
    """What nn.Conv2d computes, from sums and products of slices.

    x (N, C, H, W): images. weight (O, C, k, k): O kernels, each over all C channels. bias (O,).
    padding: how many zeros are added on each side. stride: how far the kernel moves at a time.
    Returns (N, O, H', W'), where H' = (H + 2 * padding - k) // stride + 1, and W' alike.
    """
    k = weight.shape[-1]
    x = F.pad(x, [padding] * 4)
    rows = (x.shape[2] - k) // stride + 1
    columns = (x.shape[3] - k) // stride + 1
    out = x.new_zeros(len(x), len(weight), rows, columns)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            patch = x[:, :, top:top + k, left:left + k]                   # (N, C, k, k)
            out[:, :, i, j] = patch.flatten(1) @ weight.flatten(1).T + bias
    return out


def _case(seed: int, n: int, channels: int, sides: tuple[int, int], kernels: int, k: int,
          dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = random(seed)
    x, weight, bias = (torch.randn(*shape, generator=draw, dtype=dtype) for shape in (
        (n, channels, *sides), (kernels, channels, k, k), (kernels,)))
    return x, weight, bias


def _slips(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int,
           padding: int) -> Slips:
    """What known slips compute."""
    zeros = torch.zeros_like(bias)
    sums = F.conv2d(x, weight, zeros, stride, padding)
    each = bias[:, None, None]
    rows, columns = sums.shape[2:]
    return [
        (F.conv2d(x[:, :1], weight[:, :1], bias, stride, padding),
         "Only the first input channel is taken: each output channel adds up the products over all "
         "input channels."),
        (sums / x.shape[1] + each, "That is the mean over the input channels; add them up."),
        (sums / weight[0].numel() + each, "That is the mean of the products; their sum is wanted."),
        (sums + each * weight[0].numel(), "The bias is added to every product; once for each place of the "
                                          "output is right."),
        (F.conv2d(x, weight.transpose(2, 3), bias, stride, padding), "Rows and columns of the kernel are "
                                                                     "exchanged."),
        (F.conv2d(x, weight, bias, 1, padding)[:, :, :rows, :columns],
         f"The window moves by 1. With stride {stride} the window begins at rows 0, {stride}, "
         f"{2 * stride}, ..., and at such columns."),
    ]


def _judge(yours: Any, case: tuple[torch.Tensor, ...], stride: int = 1, padding: int = 0) -> None:
    x, weight, bias = case
    wanted = F.conv2d(x, weight, bias, stride, padding)
    with (inputs_kept(x=x, weight=weight, bias=bias),
          by_hand("conv1d", "conv2d", "conv3d", "convolution", "conv_transpose2d",
                  why="Write it by hand: slices, products and sums.")):
        found = yours(x, weight, bias, stride, padding)
    out = tensor(found, wanted.shape)
    mirrored = F.conv2d(x, weight.flip(2, 3), bias, stride, padding)
    expect(not _same(out, mirrored) or _same(wanted, mirrored),
           "The kernel is mirrored, as mathematicians do it. nn.Conv2d lays it on the image as it is.")
    expect(not _same(out, wanted - bias[:, None, None]) or not bool(bias.any()),
           "The bias is missing: bias[o] is added to every place of output channel o.")
    close(out, wanted, "The output", slips=_slips(x, weight, bias, stride, padding))


def _same(found: torch.Tensor, other: torch.Tensor) -> bool:
    return bool(torch.allclose(found.double(), other.double(), atol=1e-6))


def one_image(yours: Any) -> None:
    """One grey image, one kernel: a sum of nine products at each place"""
    x, weight, bias = _case(1, 1, 1, (5, 5), 1, 3)
    _judge(yours, (x, weight, torch.zeros_like(bias)))


def not_mirrored(yours: Any) -> None:
    """A kernel that is not symmetric, with a bias"""
    _judge(yours, _case(2, 1, 1, (4, 4), 1, 2))


def channels(yours: Any) -> None:
    """Several channels, several kernels"""
    _judge(yours, _case(3, 1, 3, (5, 5), 4, 3))


def batch(yours: Any) -> None:
    """A batch of images that are not square"""
    _judge(yours, _case(4, 3, 2, (7, 5), 2, 3))


def padded(yours: Any) -> None:
    """With zeros around"""
    _judge(yours, _case(5, 2, 2, (5, 6), 3, 3), padding=1)
    _judge(yours, _case(6, 1, 1, (4, 4), 2, 5), padding=2)


def strided(yours: Any) -> None:
    """A stride of 2 and of 3, also where the last rows are left over"""
    for stride, padding in ((2, 0), (2, 1), (3, 1)):
        _judge(yours, _case(7, 2, 2, (8, 9), 2, 3), stride, padding)


def other_numbers(yours: Any) -> None:
    """float32; a kernel of 1 x 1; tensors that are not contiguous"""
    _judge(yours, _case(8, 2, 3, (4, 4), 5, 1, torch.float32))
    x, weight, bias = _case(9, 2, 3, (6, 6), 2, 3)
    _judge(yours, (x.permute(0, 1, 3, 2), weight.permute(0, 1, 3, 2), bias))


EXERCISE = Exercise(
    convolution, "05_overfit",
    (one_image, not_mirrored, channels, batch, padded, strided, other_numbers),
    hints=(
        "First the zeros around: F.pad(x, [padding] * 4). Then the size of the output by the formula, "
        "and a tensor of zeros of that shape.",
        "Two loops, over the rows i and the columns j of the output. The window there is "
        "x[:, :, i*stride:i*stride+k, j*stride:j*stride+k], of shape (N, C, k, k).",
        "All kernels at once: patch.flatten(1) is (N, C*k*k), weight.flatten(1) is (O, C*k*k). "
        "patch.flatten(1) @ weight.flatten(1).T + bias is (N, O), the values at place i, j.",
    ),
    in_recipe=False)
