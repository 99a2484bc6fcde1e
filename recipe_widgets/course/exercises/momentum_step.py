"""Notebook 06: one step of SGD with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from recipe_widgets.course.exercise import Exercise, Wrong
from recipe_widgets.course.trial_tools import close, expect, no_optimizer, random, tensor


def momentum_step(weight, velocity, lr, momentum):
    """One step of SGD with momentum, for one weight tensor, as torch.optim.SGD takes it:

        velocity = momentum * velocity + gradient
        weight   = weight - lr * velocity

    The gradient is weight.grad; it stays as it is. Where it is None, nothing changes.
    velocity has the shape of weight, and is 0 before the first step.
    weight and velocity change in place. Nothing is returned.
    """
    if weight.grad is None:
        return
    with torch.no_grad():
        velocity.mul_(momentum).add_(weight.grad)
        weight.sub_(lr * velocity)


_NOT_MOVED = ("weight itself has not moved. `weight = ...` makes a new tensor: change the old one in place, "
              "as weight.sub_(...) or weight -= ... do.")
_ORDER = "The step was made with the velocity of before: first the velocity, then the weight."
_LR_INSIDE = ("lr belongs to the step, not to the velocity: velocity = momentum * velocity + gradient, and the "
              "step is lr * velocity.")


def _slips(weight: torch.Tensor, velocity: torch.Tensor, grad: torch.Tensor, lr: float,
           momentum: float) -> list[tuple[torch.Tensor, str]]:
    """What the weight is after known slips, and what to tell."""
    return [
        (weight, _NOT_MOVED),
        (weight - lr * velocity, _ORDER),
        (weight - lr * (momentum * velocity + (1 - momentum) * grad),
         "The gradient counts in full: it is not multiplied by 1 - momentum."),
        (weight - lr * grad, "That is plain SGD: the velocity should make the step, not the gradient."),
        (weight + lr * (momentum * velocity + grad), "The step goes uphill: subtract it."),
        (weight - (momentum * velocity + lr * grad), _LR_INSIDE),
    ]


def _judge(yours: Any, shape: Sequence[int], rates: Sequence[float], momentum: float,
           dtype: torch.dtype = torch.float32, why: str = "", scale: float = 1.0) -> None:
    """As many steps as there are rates, each beside torch's."""
    draw = random(sum(shape) + len(rates))
    weight = torch.randn(*shape, generator=draw, dtype=dtype).requires_grad_()
    twin = weight.detach().clone().requires_grad_()
    velocity = torch.zeros_like(twin)
    optimizer = torch.optim.SGD([twin], lr=rates[0], momentum=momentum)
    for step, lr in enumerate(rates, 1):
        grad = scale * torch.randn(*shape, generator=draw, dtype=dtype)
        weight.grad, twin.grad = grad.clone(), grad
        before, old = twin.detach().clone(), velocity.clone()
        slips = _slips(before, old, grad, lr, momentum)
        with no_optimizer():
            yours(weight, velocity, lr, momentum)
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
        expect(weight.grad is not None and torch.equal(weight.grad, grad),
               "weight.grad is another one now. Leave it as it is: others may read it.")
        for name, one in (("weight", weight), ("velocity", velocity)):
            tensor(one, shape, f"{name} is now")
        if step == 1 and torch.equal(weight.detach(), before) and not torch.equal(velocity, old):
            raise Wrong(f"weight has not moved, though velocity has. Either: {_ORDER} Or: {_NOT_MOVED}")
        close(weight, twin, f"After step {step} the weight", why, rtol=1e-6, slips=slips)
        wanted = optimizer.state[twin].get("momentum_buffer", grad)
        close(velocity, wanted, f"After step {step} the velocity",
              rtol=1e-6, slips=[
                  (old, "It must be changed in place, too: the next step needs it."),
                  (momentum * old + lr * grad, _LR_INSIDE),
                  (momentum * old + (1 - momentum) * grad, "The gradient counts in full: it is not "
                                                           "multiplied by 1 - momentum.")])


def first(yours: Any) -> None:
    """The first step, from velocity 0"""
    _judge(yours, (5,), [0.1], 0.9)


def several(yours: Any) -> None:
    """Five steps, equal to torch.optim.SGD"""
    _judge(yours, (4, 3), [0.1] * 5, 0.9)


def other_rates(yours: Any) -> None:
    """The learning rate changes between steps"""
    _judge(yours, (6,), [0.1, 0.1, 0.01, 0.5], 0.9,
           why="With a new lr the whole velocity counts at the new rate.")


def none_and_full(yours: Any) -> None:
    """Momentum 0 is plain SGD; momentum 1 never brakes"""
    _judge(yours, (6,), [0.1] * 3, 0.0)
    _judge(yours, (7,), [0.1] * 3, 1.0)


def double(yours: Any) -> None:
    """A convolution's weights, in float64"""
    _judge(yours, (2, 3, 3, 3), [0.01] * 3, 0.5, torch.float64)


def large(yours: Any) -> None:
    """A large gradient counts in full"""
    _judge(yours, (3,), [1.0] * 2, 0.9, why="Nothing is clipped or normalised.", scale=1e4)


def missing(yours: Any) -> None:
    """A weight without a gradient"""
    weight, velocity = torch.ones(3, requires_grad=True), torch.full((3,), 2.0)
    yours(weight, velocity, 0.1, 0.9)
    expect(torch.equal(weight.detach(), torch.ones(3)) and torch.equal(velocity, torch.full((3,), 2.0)),
           "weight.grad is None, as no loss has reached it: then nothing should change.")


EXERCISE = Exercise(
    momentum_step, "06_optimise",
    (first, several, other_rates, none_and_full, double, large, missing),
    hints=(
        "Two lines, one for each formula; both tensors change in place. Which of the two comes first?",
        "A weight records what is done with it. `with torch.no_grad():` around the two lines switches "
        "that off. In place: a.mul_(b), a.add_(b), a.sub_(b) or a *= b, a += b, a -= b.",
        "if weight.grad is None: return. Then, under no_grad: velocity.mul_(momentum).add_(weight.grad), "
        "and weight.sub_(lr * velocity).",
    ),
    in_recipe=False)
