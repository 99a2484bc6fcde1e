"""Notebook 03: a gradient without derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.trial_tools import by_hand, close, inputs_kept, random, tensor


def numeric_gradient(f, w):
    """The gradient of f at w, from values of f alone: central differences, one number of w at a time.

    f(w) is one number: a float, or a tensor of one. w: float64, of any shape.
    Returns a tensor of w's shape, right to six digits. w itself is as before afterwards.
    """
    h = 1e-5
    gradient = torch.zeros_like(w)
    for index in np.ndindex(*w.shape):  # (0, 0), (0, 1), ...
        ahead, behind = w.clone(), w.clone()
        ahead[index] += h
        behind[index] -= h
        gradient[index] = (f(ahead) - f(behind)) / (2 * h)
    return gradient


def _judge(yours: Any, f: Callable[[torch.Tensor], Any], w: torch.Tensor, wanted: torch.Tensor) -> None:
    points = []

    def seen(v: Any) -> Any:
        if isinstance(v, torch.Tensor) and v.shape == w.shape:
            points.append(v.detach().clone())
        return f(v)

    with inputs_kept(w=w), by_hand(why="Use values of f alone, no derivative."):
        found = yours(seen, w)
    gradient = tensor(found, w.shape)
    # what is told comes from the places at which f was asked for
    close(gradient, wanted, "The gradient", _why([point - w for point in points]), rtol=1e-6)


def _why(steps: list[torch.Tensor]) -> str:
    """What is wrong with the places w + step at which f was asked for; "" if nothing is."""
    moved = [step for step in steps if step.any()]
    if not moved:
        return ""
    if any(int((step != 0).sum()) > 1 for step in moved):
        return "Move one number at a time, from w itself: a number moved before must be back in its place."
    if not (any(step.sum() > 0 for step in moved) and any(step.sum() < 0 for step in moved)):
        return ("With (f(w + h) - f(w)) / h the error is about h times the curvature. Go to both sides: "
                "(f(w + h) - f(w - h)) / (2h), with h = 1e-5.")
    h = max(float(step.abs().max()) for step in moved)
    if h > 3e-5:
        return f"Your h is {h:.2g}, so long that the function bends on the way. h = 1e-5 is a good middle."
    if h < 3e-6:
        return (f"Your h is {h:.2g}: both values agree in nearly all digits, and what is left is rounding. "
                "h = 1e-5 is a good middle.")
    return ""


def _point(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=random(seed), dtype=torch.float64)


def _autograd(f: Callable[[torch.Tensor], torch.Tensor], w: torch.Tensor) -> torch.Tensor:
    point = w.clone().requires_grad_()
    return torch.autograd.grad(f(point), point)[0]


def square(yours: Any) -> None:
    """A sum of squares of three numbers: 2w"""
    w = _point(1, 3)
    _judge(yours, lambda v: (v ** 2).sum(), w, 2 * w)


def matrix(yours: Any) -> None:
    """A matrix: each number has a slope of its own"""
    w, x = _point(2, 4, 3), _point(3, 5, 3)

    def f(v: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x @ v.T).square().sum()

    _judge(yours, f, w, _autograd(f, w))


def curved(yours: Any) -> None:
    """A function with much curvature, to six digits"""
    w = 1 + _point(4, 4).abs()

    def f(v: torch.Tensor) -> torch.Tensor:
        return (3 * v).exp().sum()

    _judge(yours, f, w, _autograd(f, w))


def rounding(yours: Any) -> None:
    """A function with a large constant in it"""
    w = _point(5, 3)
    _judge(yours, lambda v: 100 + v.sin().sum(), w, w.cos())


def opaque(yours: Any) -> None:
    """A function in numpy that returns a Python number: autograd could not see through it"""
    w = _point(6, 2, 2)

    def f(v: torch.Tensor) -> float:
        return float(np.cos(v.detach().numpy()).sum())

    _judge(yours, f, w, -w.sin())


def layout(yours: Any) -> None:
    """A tensor that is not contiguous; a single number"""
    w = _point(7, 3, 4).T
    weight = torch.arange(12, dtype=torch.float64).reshape(4, 3)
    _judge(yours, lambda v: (weight * v).sum(), w, weight)
    alone = torch.tensor(0.5, dtype=torch.float64)
    _judge(yours, lambda v: v ** 3, alone, 3 * alone ** 2)


def product(yours: Any) -> None:
    """A product: the slope by one number depends on the others, which must stay"""
    w = _point(8, 3)
    _judge(yours, torch.prod, w, _autograd(torch.prod, w))


EXERCISE = Exercise(
    numeric_gradient, "03_check_the_machinery",
    (square, matrix, curved, rounding, opaque, layout, product),
    hints=(
        "Move one number of w by h, all others stay. By how much does f change, per h?",
        "(f(ahead) - f(behind)) / (2 * h), where ahead and behind are copies of w with one number "
        "moved by +h and by -h. h = 1e-5.",
        "for index in np.ndindex(*w.shape): goes through all places of a tensor of any shape "
        "(import numpy as np). ahead = w.clone(); ahead[index] += h.",
    ),
    in_recipe=False)
