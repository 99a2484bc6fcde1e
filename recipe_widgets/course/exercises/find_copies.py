"""Notebook 01: exact copies by their content."""

from __future__ import annotations

from typing import Any

import torch

from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.trial_tools import Slips, close, inputs_kept, random, tensor


def find_copies(x):
    """For each image the row of the first image that is exactly equal to it.

    x: images (N, C, H, W), bytes or floats.
    Returns whole numbers (N,): an image without an equal one before it gets its own row.
    """
    seen = {}  # content -> row of the first image that has it
    first = []
    for row, image in enumerate(x):
        content = image.numpy().tobytes()  # a dictionary finds it by its hash
        first.append(seen.setdefault(content, row))
    return torch.tensor(first)


def _judge(yours: Any, x: torch.Tensor, wanted: list[int], slips: Slips = ()) -> None:
    with inputs_kept(x=x):
        found = tensor(yours(x), (len(x),))
    close(found, torch.tensor(wanted), "The row of the first equal image", slips=slips)


def _images(seed: int, n: int) -> torch.Tensor:
    return torch.randint(0, 256, (n, 1, 4, 4), generator=random(seed), dtype=torch.uint8)


def none(yours: Any) -> None:
    """No copies: each image gets its own row"""
    _judge(yours, _images(1, 6), list(range(6)))


def some(yours: Any) -> None:
    """Two copies of one image, one of another"""
    _judge(yours, _images(2, 4)[[0, 1, 0, 2, 3, 1, 0]], [0, 1, 0, 3, 4, 1, 0],
           [([0, 1, 0, 3, 4, 1, 2], "Of three equal images, the second and the third point to the first."),
            ([6, 5, 6, 3, 4, 5, 6], "Each image points to the last of its copies, not to the first.")])


def nearly(yours: Any) -> None:
    """Images that differ in one pixel by 1, and images of the same brightness, are no copies"""
    x = torch.full((4, 1, 4, 4), 100, dtype=torch.uint8)
    x[1, 0, 2, 3] = 101
    x[2, 0, 0, 0], x[2, 0, 0, 1] = 99, 101  # the same sum as x[0]
    x[3, 0, 0, 0], x[3, 0, 0, 1] = 101, 99
    _judge(yours, x, [0, 1, 2, 3], [([0, 1, 0, 0], "Only exactly equal images are copies: a sum or a mean is "
                                                   "not enough.")])


def floats(yours: Any) -> None:
    """Colour images in floats that are not contiguous"""
    x = torch.randn(3, 5, 4, 3, generator=random(3)).permute(0, 3, 1, 2)
    _judge(yours, x[[2, 0, 2, 1]], [0, 1, 0, 3])
    close_by = torch.full((3, 3, 4, 4), 0.5)  # floats from 0 to 1, as images often are
    close_by[1, 0, 1, 1] += 1e-6
    close_by[2, 0, 1, 1] = 0.9
    _judge(yours, close_by, [0, 1, 2])


def large(yours: Any) -> None:
    """Images of 32 x 32 in colour that differ in one pixel in the middle"""
    x = torch.randint(0, 256, (1, 3, 32, 32), generator=random(5), dtype=torch.uint8).repeat(4, 1, 1, 1)
    x[1, 1, 16, 16] += 1
    x[2, 1, 16, 17] += 1
    _judge(yours, x, [0, 1, 2, 0])


def many(yours: Any) -> None:
    """20,000 images, in a few seconds"""
    x = torch.randint(0, 256, (10_000, 1, 8, 8), generator=random(4), dtype=torch.uint8)
    _judge(yours, torch.cat([x, x.flip(0)]),
           [*range(10_000), *range(9_999, -1, -1)])


EXERCISE = Exercise(
    find_copies, "01_know_your_data", (none, some, nearly, floats, large, many),
    hints=(
        "To compare each image with each other takes N times N looks. A dictionary finds an equal "
        "key in one.",
        "image.numpy().tobytes() is the content of an image as bytes: a good key.",
        "seen.setdefault(content, row) stores the row if the content is new, and returns the row "
        "that is stored.",
    ))
