"""Notebook 01: inputs with mean 0 and spread 1, by the training set alone."""

from __future__ import annotations

from typing import Any

import torch

from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.trial_tools import close, expect, inputs_kept, random, tensor


def standardise(x_train, x_val):
    """Both sets as float32 with mean 0 and standard deviation 1 of each colour, as measured on x_train.

    x_train (N, C, H, W), x_val (M, C, H, W): images as bytes 0 ... 255.
    Returns two tensors of the same shapes. A colour that is the same everywhere becomes 0.
    """
    values = x_train.float()
    mean = values.mean(dim=(0, 2, 3), keepdim=True)  # (1, C, 1, 1)
    std = values.std(dim=(0, 2, 3), keepdim=True)
    std = torch.where(std > 0, std, 1.0)  # no division by 0
    return (values - mean) / std, (x_val.float() - mean) / std


_ALONE = ("Mean and spread must come from x_train alone: with its own, the validation set would enter the "
          "network in another scale, and would leak into what you choose.")
_COLOURS = "Each colour has a mean and a spread of its own: x.mean(dim=(0, 2, 3), keepdim=True)."


def _scaled(x: torch.Tensor, of: torch.Tensor, dims: tuple[int, ...] = (0, 2, 3)) -> torch.Tensor:
    """x by mean and spread of another set, over these dimensions; 0 / 0 where there is no spread."""
    of = of.double()
    return (x.double() - of.mean(dims, keepdim=True)) / of.std(dims, keepdim=True)


def _judge(yours: Any, train: torch.Tensor, validation: torch.Tensor) -> None:
    with inputs_kept(x_train=train, x_val=validation):
        found = yours(train, validation)
    expect(isinstance(found, tuple | list) and len(found) == 2, "It should return two tensors.")
    wanted = standardise(train.double(), validation.double())
    for name, given, mine, right in zip(("x_train", "x_val"), (train, validation), found, wanted,
                                        strict=True):
        values = tensor(mine, right.shape, f"{name} becomes")
        expect(values.dtype == torch.float32, f"{name} becomes {values.dtype}; torch.float32 is wanted, "
                                              "as the weights of a network are.")
        flat = torch.equal(values.isfinite(), _scaled(given, train).isfinite())
        expect(bool(values.isfinite().all()), f"{name} becomes NaN or infinite." + (
            " The spread of a colour is 0: divide by 1 there instead." if flat else ""))
        # 1e-2: some divide by N, some by N - 1
        close(values, right, f"{name} of the result", rtol=1e-2, slips=[
            (given, "It is as it came."), (_scaled(given, given), _ALONE),
            (_scaled(given, torch.cat([train, validation])), _ALONE),
            (_scaled(given, train, (0, 1, 2, 3)), _COLOURS)])


def _bytes(seed: int, n: int, channels: int, low: int = 0, high: int = 256) -> torch.Tensor:
    return torch.randint(low, high, (n, channels, 6, 6), generator=random(seed), dtype=torch.uint8)


def grey(yours: Any) -> None:
    """Grey images"""
    _judge(yours, _bytes(1, 20, 1), _bytes(2, 6, 1))


def other_range(yours: Any) -> None:
    """A validation set that is darker than the training set"""
    _judge(yours, _bytes(3, 20, 1), _bytes(4, 6, 1, high=60))


def colours(yours: Any) -> None:
    """Each of three colours by itself"""
    train = torch.cat([_bytes(5, 20, 1, 0, 50), _bytes(6, 20, 1, 100, 150), _bytes(7, 20, 1, 0, 256)], 1)
    _judge(yours, train, train[:4])


def constant(yours: Any) -> None:
    """A colour that is the same everywhere"""
    train = _bytes(8, 10, 2)
    train[:, 1] = 7
    _judge(yours, train, train[:3])


EXERCISE = Exercise(
    standardise, "01_know_your_data", (grey, other_range, colours, constant),
    hints=(
        "x_train.float() first: bytes have no mean. Then minus the mean, divided by the standard "
        "deviation.",
        "mean(dim=(0, 2, 3), keepdim=True) has the shape (1, C, 1, 1): one number for each colour.",
        "Use the mean and the spread of x_train for x_val, too. torch.where(std > 0, std, 1.0) avoids "
        "the division by 0.",
    ))
