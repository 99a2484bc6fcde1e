"""Notebook 04: gradients that are too long are scaled down to a threshold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.trial_tools import Slips, by_hand, close, expect, number, random


def clip_gradients(weights, threshold):
    """Scale the gradients of all weights by one factor, so that their norm is at most `threshold`.

    weights: tensors, such as model.parameters(). Their .grad changes; one whose .grad is None is left out.
    The norm is one number: the root of the sum of the squares of all numbers of all gradients.
    Where it is not above the threshold, nothing changes. Returns the norm before, a Python number.
    """
    grads = [weight.grad for weight in weights if weight.grad is not None]
    norm = sum(grad.square().sum().item() for grad in grads) ** 0.5
    if norm > threshold:
        for grad in grads:
            grad.mul_(threshold / norm)
    return norm


def _weights(*grads: list[float] | None) -> list[torch.Tensor]:
    """Weights of 1 with these gradients."""
    made = []
    for grad in grads:
        weight = torch.ones(len(grad) if grad else 2, requires_grad=True)
        weight.grad = torch.tensor(grad) if grad else None
        made.append(weight)
    return made


_STAYED = ("It is as it was. Change it in place, grad.mul_(factor), or put the new one into "
           "weight.grad.")


def _slips(grad: torch.Tensor, grads: list[torch.Tensor], threshold: float, stayed: str) -> Slips:
    """What becomes of one of these gradients by known slips. stayed: told where nothing happens."""
    norms = [float(one.double().norm()) for one in grads]
    norm = sum(one**2 for one in norms) ** 0.5

    def scaled_by(length: float, to: float = threshold) -> torch.Tensor:
        return grad * (to / length) if length > threshold else grad

    return [
        (grad, stayed),
        (scaled_by(norm, to=1.0), "It is divided by the norm, so that the length becomes 1. The factor "
                                  "is threshold / norm."),
        (scaled_by(float(grad.double().norm())), "The norm of this tensor alone is taken. One norm for "
                                                 "all gradients together, and one factor for all."),
        (scaled_by(sum(norms)), "The norms of the tensors are added up. Add their squares, and take the "
                                "root of the sum."),
        (scaled_by(norm**2), "The root is missing: the norm is the root of the sum of the squares."),
        (grad.clamp(-threshold, threshold), "Each number is clipped on its own, which turns the "
                                            "direction. One factor for all of them keeps it."),
    ]


def _judge(yours: Any, weights: list[torch.Tensor], threshold: float, why: str = "",
           given: Iterable[torch.Tensor] | None = None, stayed: str = _STAYED) -> None:
    before = [None if weight.grad is None else weight.grad.clone() for weight in weights]
    values = [weight.detach().clone() for weight in weights]
    norm = float(torch.cat([grad.flatten().double() for grad in before if grad is not None]).norm())
    factor = min(1.0, threshold / norm) if norm else 1.0
    grads = [grad for grad in before if grad is not None]
    with by_hand("_foreach_norm", "clip_grad_norm_", why="Write it by hand: squares, sums and a root."):
        found = number(yours(weights if given is None else given, threshold))
    for number_of, (weight, value, old) in enumerate(zip(weights, values, before, strict=True)):
        expect(torch.equal(weight.detach(), value), "A weight has moved; only its .grad should change.")
        if old is None:
            expect(weight.grad is None, "A weight without a gradient has one now.")
            continue
        if weight.grad is None:
            expect(False, "A gradient is None now.")
        expect(weight.grad is not None, "A gradient is None now.")
        close(weight.grad, old * factor, f"The gradient of weight {number_of}, at norm {norm:.3g} and "
                                         f"threshold {threshold:g},", why,
              slips=_slips(old, grads, threshold, stayed))
    close(found, norm, "What it returns",
          "The norm before clipping is wanted: how often it is too long is worth a look.")


def long(yours: Any) -> None:
    """Norm 50, threshold 10: scaled to 10"""
    _judge(yours, _weights([18.0, 24.0], [40.0]), 10.0,
           "One norm for all gradients together, here 50, and one factor for all, here 10 / 50: the "
           "direction stays.")


def short(yours: Any) -> None:
    """Norm 0.5, threshold 10: nothing changes"""
    _judge(yours, _weights([0.3, 0.0], [0.4]), 10.0, "It is below the threshold, and must stay.")


def below_one(yours: Any) -> None:
    """Threshold 0.1"""
    _judge(yours, _weights([0.18, 0.24], [0.4]), 0.1, "Scale to the threshold, whatever it is.")


def equal(yours: Any) -> None:
    """Exactly at the threshold, and a gradient of 0"""
    _judge(yours, _weights([3.0], [4.0]), 5.0)
    _judge(yours, _weights([0.0], [0.0, 0.0]), 1.0, "A norm of 0 needs no clipping, and no division.")


def missing(yours: Any) -> None:
    """A weight without a gradient among them"""
    _judge(yours, _weights([18.0, 24.0], None, [-40.0, 0.0]), 10.0)


def read_once(yours: Any) -> None:
    """model.parameters() can be read only once"""
    weights = _weights([18.0, 24.0], [40.0])
    _judge(yours, weights, 10.0, given=iter(weights),
           stayed="model.parameters() is a generator: after one loop over it, it is empty. Put what "
                  "you need into a list first.")


def matrices(yours: Any) -> None:
    """Matrices and a convolution, in float64"""
    draw, weights = random(7), []
    for shape in ((4, 3), (2, 3, 3, 3), (5,)):
        weight = torch.randn(*shape, generator=draw, dtype=torch.float64).requires_grad_()
        weight.grad = 5 * torch.randn(*shape, generator=draw, dtype=torch.float64)
        weights.append(weight)
    _judge(yours, weights, 2.0)


EXERCISE = Exercise(
    clip_gradients, "04_signals_inside",
    (long, short, below_one, equal, missing, read_once, matrices),
    hints=(
        "First one number for all: the sum of all squares of all gradients, and its root.",
        "If that norm is above the threshold, every gradient is multiplied by threshold / norm. "
        "Otherwise nothing happens.",
        "grads = [w.grad for w in weights if w.grad is not None]; norm = sum(g.square().sum().item() for "
        "g in grads) ** 0.5; if norm > threshold: g.mul_(threshold / norm) for each; return norm.",
    ),
    in_recipe=False)
