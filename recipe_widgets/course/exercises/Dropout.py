# ruff: noqa: N999  a file has the name of its exercise, and this one is a class
"""Notebook 08: dropout by hand, in training and in evaluation mode."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from recipe_widgets.course.exercise import Exercise, Wrong
from recipe_widgets.course.trial_tools import (
    by_hand,
    close,
    expect,
    guarded,
    inputs_kept,
    random,
    tensor,
)


class Dropout(nn.Module):
    """Dropout(p): in training mode each number of x becomes 0 with probability p, and all others are
    divided by 1 - p. Another mask at each call. In evaluation mode x comes out as it is.

    p is 0 to 1, with 1: zeros everywhere. It is kept as self.p, and may be changed later.
    x: a tensor of any shape, of floats. The result has its shape and dtype; x itself stays as it is.
    """

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        mask = (torch.rand_like(x) >= self.p).to(x.dtype)  # 1: stays, 0: goes
        return x * mask / max(1 - self.p, 1e-6)            # p = 1: zeros, and no division by 0


_FORBIDDEN = ("dropout", "dropout_", "dropout1d", "dropout2d", "dropout3d", "feature_dropout",
              "feature_dropout_", "alpha_dropout", "alpha_dropout_", "feature_alpha_dropout",
              "native_dropout")


def _by_hand() -> Any:
    return by_hand(*_FORBIDDEN, why="Draw the mask yourself: torch.rand_like(x) gives numbers from 0 to 1.")


def _made(yours: Any, p: float, training: bool = True) -> nn.Module:
    layer = yours(p)
    if not isinstance(layer, nn.Module):
        raise Wrong("It is no nn.Module: begin with class Dropout(nn.Module), and call "
                    "super().__init__() first in __init__.")
    expect("_modules" in vars(layer), "Call super().__init__() first in __init__: nn.Module sets itself up "
                                      "there.")
    guarded(layer.train)(training)
    return layer


def _out(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    with inputs_kept(x=x), _by_hand():
        return tensor(guarded(layer)(x), x.shape, "forward returns")


def _numbers(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Positive numbers, so that each 0 of the result comes from the mask."""
    return 0.5 + torch.rand(*shape, generator=random(seed), dtype=dtype)


def _dropped(out: torch.Tensor, p: float) -> None:
    """Is about the share p zero? To five standard deviations of a draw of so many."""
    share, spread = float((out == 0).double().mean()), math.sqrt(p * (1 - p) / out.numel())
    if abs(share - p) > 5 * spread + 1e-9:
        other = "Those with a random number below p go; you keep them. " if (
            abs(share - (1 - p)) <= 5 * spread) else ""
        raise Wrong(f"With p = {p:g}, {share:.1%} of the numbers are 0; about {p:.0%} should be. {other}"
                    "A random number from 0 to 1 is below p with probability p.")


def training_mode(yours: Any) -> None:
    """In training mode: a share p is 0, all others are divided by 1 - p"""
    for seed, p in enumerate((0.2, 0.5, 0.8), 1):
        x = _numbers(seed, 200, 300)
        out = _out(_made(yours, p), x)
        expect(not torch.equal(out, x), "Nothing is dropped in training mode.")
        _dropped(out, p)
        kept = out != 0
        one = x[kept]
        close(out[kept], one / (1 - p), f"With p = {p:g}, a number that stays", slips=[
            (one, "Units that stay must grow, so that the sum stays about the same: divide by 1 - p."),
            (one * (1 - p), "It is multiplied by 1 - p: the sum then falls twice. Divide by 1 - p."),
            (one / p, "Divide by the share that stays, 1 - p."), (one * p, "Divide by 1 - p."),
            (one * (1 + p), "Divide by 1 - p: that is not the same as times 1 + p.")])


def evaluation_mode(yours: Any) -> None:
    """In evaluation mode x comes out as it is"""
    x = _numbers(4, 50, 40)
    for p in (0.2, 0.7):
        layer = _made(yours, p, training=False)
        out = _out(layer, x)
        expect(bool((out != 0).all()), "Numbers are dropped in evaluation mode, too. self.training says "
                                       "which mode the module is in.")
        close(out, x, "In evaluation mode, a number", slips=[
            (x * (1 - p), "Nothing is scaled here: in training those that stay are divided by 1 - p "
                          "already."),
            (x / (1 - p), "Scaling belongs to training mode alone.")])
        expect(bool((_out(layer.train(), x) == 0).any()), "Back in training mode, nothing is dropped. "
                                                          "Ask self.training in forward, at each call.")


def inside_a_network(yours: Any) -> None:
    """Inside a network, model.train() and model.eval() reach it"""
    layer = _made(yours, 0.5)
    model = nn.Sequential(nn.Identity(), nn.Sequential(layer))
    x = _numbers(5, 20, 30)
    model.eval()
    close(_out(model, x), x, "After model.eval(), a number", "model.eval() sets self.training of all "
          "modules inside to False: read it, and keep no flag of your own.")
    model.train()
    expect(bool((_out(model, x) == 0).any()), "After model.train(), nothing is dropped.")
    weights = [name for name, _ in layer.named_parameters()]
    expect(not weights, f"Dropout has nothing to learn, and this one has {', '.join(weights)}.")


def other_masks(yours: Any) -> None:
    """Another mask at each call, for each sample and for each number"""
    layer, x = _made(yours, 0.5), _numbers(6, 40, 50)
    first, second = _out(layer, x) == 0, _out(layer, x) == 0
    expect(not torch.equal(first, second), "Two calls drop the same numbers. Draw the mask in forward, "
                                           "and set no seed there.")
    expect(not bool((first == first[:1]).all()), "All samples have the same mask: draw a number for "
                                                 "each entry of x, as torch.rand_like(x) does.")
    expect(not bool((first == first[:, :1]).all()), "Whole samples are dropped: draw a number for each "
                                                    "entry of x, as torch.rand_like(x) does.")
    images = _out(_made(yours, 0.5), _numbers(7, 20, 6, 5, 5)) == 0
    expect(not bool((images == images[:, :, :1, :1]).all()), "Whole channels are dropped (that is "
           "nn.Dropout2d): draw a number for each entry of x.")


def extremes(yours: Any) -> None:
    """p = 0 drops nothing, p = 1 everything"""
    x = _numbers(8, 30, 20)
    close(_out(_made(yours, 0.0), x), x, "With p = 0, a number")
    out = _out(_made(yours, 1.0), x)
    expect(not bool(out.isnan().any()), "With p = 1 it gives NaN: 0 divided by 1 - p = 0. The result "
                                        "should be 0.")
    expect(not bool(out.any()), f"With p = 1, {float((out != 0).double().mean()):.0%} of the numbers are "
                                "not 0; all should be.")


def moved(yours: Any) -> None:
    """p is self.p, and may be changed later, as a slider does"""
    layer, x = _made(yours, 0.1), _numbers(9, 100, 100)
    found = getattr(layer, "p", None)
    expect(isinstance(found, float | int) and abs(found - 0.1) < 1e-9,
           "The layer should hold what it was made with as self.p, a number.")
    layer.p = 0.9  # type: ignore[assignment]
    out = _out(layer, x)
    _dropped(out, 0.9)
    close(out[out != 0], 10 * x[out != 0], "With p moved from 0.1 to 0.9, a number that stays",
          "Compute from self.p in forward, at each call.", rtol=1e-3)


def any_shape(yours: Any) -> None:
    """Any shape; float64 stays float64; a tensor that is not contiguous"""
    for x in (_numbers(10, 400), _numbers(11, 10, 3, 8, 8), _numbers(12, 30, 40, dtype=torch.float64),
              _numbers(13, 30, 40).T):
        layer = _made(yours, 0.4)
        out = _out(layer, x)
        expect(out.dtype == x.dtype, f"x has dtype {x.dtype}, the result {out.dtype}.")
        close(out[out != 0], x[out != 0] / 0.6, f"For x of shape {tuple(x.shape)}, a number that stays")
        _dropped(out, 0.4)


def chance(yours: Any) -> None:
    """torch.manual_seed fixes the mask"""
    layer, x = _made(yours, 0.5), _numbers(14, 30, 30)

    def mask(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return _out(layer, x) == 0

    expect(torch.equal(mask(1), mask(1)), "The same torch.manual_seed gives other masks: draw with torch.")
    expect(not torch.equal(mask(1), mask(2)), "Another torch.manual_seed gives the same mask: set no seed "
                                              "inside.")


def gradient(yours: Any) -> None:
    """The gradient goes through what stays, and only there"""
    x = _numbers(15, 30, 30).requires_grad_()
    out = guarded(_made(yours, 0.5))(x)
    expect(isinstance(out, torch.Tensor) and out.requires_grad,
           "The result is cut off from its graph: no detach(), no numpy(), no torch.no_grad().")
    out.sum().backward()
    wanted = 2.0 * (out.detach() != 0)
    expect(x.grad is not None, "No gradient reaches x.")
    close(x.grad, wanted, "With p = 0.5, the gradient of a number",
          "It is 1 / (1 - p) where a number stays, and 0 where it goes.")


EXERCISE = Exercise(
    Dropout, "08_regularise_the_model",
    (training_mode, evaluation_mode, inside_a_network, other_masks, extremes, moved, any_shape, chance,
     gradient),
    hints=(
        "Two methods: __init__(self, p=0.5) begins with super().__init__() and keeps self.p; "
        "forward(self, x) asks self.training, which model.train() and model.eval() set.",
        "torch.rand_like(x) has the shape of x, and numbers from 0 to 1. torch.rand_like(x) >= self.p is "
        "True where a number stays: with probability 1 - p.",
        "In training mode return x * mask / (1 - self.p), with mask = (torch.rand_like(x) >= "
        "self.p).to(x.dtype). With p = 1 that would be 0 / 0: divide by max(1 - self.p, 1e-6).",
    ),
    in_recipe=False)
