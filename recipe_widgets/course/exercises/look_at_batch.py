"""Notebook 00: what is in a batch, in numbers."""

from __future__ import annotations

from typing import Any

import torch

from recipe_widgets.course.exercise import Exercise, MainLines, Wrong
from recipe_widgets.course.trial_tools import close, expect, inputs_kept, number, random


def look_at_batch(x, y):
    """What a batch holds: look at it before it enters a model.

    x: images (N, C, H, W), bytes or floats. y: their classes (N,), whole numbers from 0.
    Returns a dictionary: "shape" of x, a tuple; "low", "high", "mean" of all its numbers;
    "counts", a list: how many images have class 0, 1, ... up to the highest class in y.
    """
    values = x.float()  # bytes have no mean
    return {
        "shape": tuple(x.shape),
        "low": values.min().item(),
        "high": values.max().item(),
        "mean": values.mean().item(),
        "counts": torch.bincount(y).tolist(),
    }


def _judge(yours: Any, x: torch.Tensor, y: torch.Tensor) -> None:
    """Compare all entries for one batch."""
    with inputs_kept(x=x, y=y):
        found = yours(x, y)
    expect(isinstance(found, dict), f"It returns {type(found).__name__}; a dictionary is wanted.")
    missing = [key for key in ("shape", "low", "high", "mean", "counts") if key not in found]
    expect(not missing, f"The dictionary has no {', '.join(map(repr, missing))}.")
    try:
        shape = tuple(map(int, found["shape"]))
    except (TypeError, ValueError):
        raise Wrong('"shape" is no tuple of whole numbers.') from None
    expect(shape == tuple(x.shape), f'"shape" is {shape}, and should be {tuple(x.shape)}.')
    values = x.double()
    for key, wanted in (("low", values.min()), ("high", values.max()), ("mean", values.mean())):
        close(number(found[key], f'"{key}" is'), wanted, f'"{key}"')
    wanted_counts = torch.bincount(y.long()).tolist()
    try:
        counts = [int(one) for one in found["counts"]]
    except (TypeError, ValueError):
        raise Wrong('"counts" is no list of whole numbers.') from None
    expect(counts == wanted_counts, f'"counts" is {counts}, and should be {wanted_counts} '
                                    f"for the classes {y.tolist()}.")


def _batch(seed: int, n: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = random(seed)
    return (torch.rand(n, 1, 5, 4, generator=draw),
            torch.randint(0, classes, (n,), generator=draw))


def a_batch(yours: Any) -> None:
    """A batch of eight images"""
    _judge(yours, *_batch(1, 8, 3))


def colours(yours: Any) -> None:
    """Colour images that lie across memory (not contiguous), negative numbers among them"""
    x = torch.randn(6, 4, 5, 3, generator=random(2)).permute(0, 3, 1, 2)
    _judge(yours, x, torch.tensor([0, 1, 1, 2, 0, 2]))


def as_bytes(yours: Any) -> None:
    """Images as bytes, 0 to 255"""
    x = torch.randint(0, 256, (5, 1, 4, 4), generator=random(3), dtype=torch.uint8)
    _judge(yours, x, torch.tensor([2, 0, 1, 0, 2]))


def a_class_is_missing(yours: Any) -> None:
    """A batch in which a class does not occur"""
    x, _ = _batch(4, 5, 3)
    _judge(yours, x, torch.tensor([0, 4, 4, 1, 0]))


def one_image(yours: Any) -> None:
    """A batch of one image, in float64"""
    x, _ = _batch(5, 1, 3)
    _judge(yours, x.double(), torch.tensor([3]))


EXERCISE = Exercise(
    look_at_batch, "00_start_here", (a_batch, colours, as_bytes, a_class_is_missing, one_image),
    hints=(
        "x.shape, x.min(), x.max() and x.mean() are all there; .item() turns a tensor of one "
        "number into a Python number.",
        "Bytes have no mean: x.float() first. And it must not change x.",
        "torch.bincount(y) counts how often each whole number occurs; .tolist() makes a list of it.",
    ),
    main=MainLines("data", "print(look_at_batch(*next(iter(train_loader))))"))
