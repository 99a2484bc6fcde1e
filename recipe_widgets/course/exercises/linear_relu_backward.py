"""Notebook 03: backpropagation through one layer, by hand."""

from __future__ import annotations

from typing import Any

import torch

from recipe_widgets.course.exercise import Exercise, Wrong
from recipe_widgets.course.trial_tools import by_hand, close, inputs_kept, random, tensor

_NAMES = ("grad_x", "grad_w", "grad_b")


def linear_relu_backward(x, w, b, grad_a):
    """The backward pass of the layer a = relu(x @ w.T + b), without autograd.

    x (N, D): inputs. w (H, D), b (H,): weights. grad_a (N, H): gradient of the loss by a.
    Returns the gradients of the loss by x (N, D), by w (H, D) and by b (H,). Inputs stay as they are.
    """
    z = x @ w.T + b                # (N, H), as in the forward pass
    grad_z = grad_a * (z > 0)      # where ReLU was off, nothing flows back
    grad_x = grad_z @ w            # (N, H) @ (H, D)
    grad_w = grad_z.T @ x          # (H, N) @ (N, D): summed over the samples
    grad_b = grad_z.sum(dim=0)
    return grad_x, grad_w, grad_b


Gradients = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _products(x: torch.Tensor, w: torch.Tensor, grad_z: torch.Tensor) -> Gradients:
    return grad_z @ w, grad_z.T @ x, grad_z.sum(dim=0)


def _slips(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor,
           grad_a: torch.Tensor) -> list[tuple[Gradients, str]]:
    """The three gradients that known slips lead to."""
    z = x @ w.T + b
    grad_z = grad_a * (z > 0)
    by_x, by_w, by_b = _products(x, w, grad_z)
    known = [
        (_products(x, w, grad_a * (z >= 0)), "Where x @ w.T + b is exactly 0 PyTorch takes the slope 0: "
                                             "(z > 0), not (z >= 0)."),
        (_products(x, w, grad_a), "Where x @ w.T + b was negative, ReLU's slope is 0 and nothing flows "
                                  "back; where it was positive, the slope is 1."),
        (_products(x, w, grad_a * (grad_a > 0)), "ReLU's slope goes by the sign of x @ w.T + b, not by that "
                                                 "of grad_a."),
        (_products(x, w, grad_a * (x @ w.T > 0)), "ReLU's slope goes by the sign of x @ w.T + b: b is left "
                                                  "out."),
        ((by_x / len(x), by_w / len(x), by_b / len(x)), "Sum over the samples, no mean: grad_a has the "
                                                        "1 / N in it if the loss is a mean."),
    ]
    if len({*x.shape, *w.shape}) == 1:
        turned = "A matrix is transposed: grad_x is grad_z @ w, grad_w is grad_z.T @ x."
        known.append(((grad_z @ w.T, by_w.T, by_b), turned))
    return known


def _judge(yours: Any, *case: torch.Tensor) -> None:
    x, w, b, grad_a = case
    with (inputs_kept(x=x, w=w, b=b, grad_a=grad_a),
          by_hand(why="Write the backward pass by hand: products and sums.")):
        found = yours(x, w, b, grad_a)
    try:
        parts = tuple(found)
    except TypeError:
        parts = ()
    if len(parts) != 3:
        raise Wrong("It should return three gradients: by x, by w and by b.")
    inputs = [one.clone().requires_grad_() for one in (x, w, b)]
    a = torch.relu(inputs[0] @ inputs[1].T + inputs[2])
    wanted = torch.autograd.grad(a, inputs, grad_a)
    known = _slips(*case)
    for at, (name, mine, right) in enumerate(zip(_NAMES, parts, wanted, strict=True)):
        close(tensor(mine, right.shape, f"{name} is"), right, name,
              slips=[(gradients[at], tip) for gradients, tip in known])


def _case(seed: int, n: int, inputs: int, units: int,
          dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    draw = random(seed)
    return tuple(torch.randn(*shape, generator=draw, dtype=dtype)
                 for shape in ((n, inputs), (units, inputs), (units,), (n, units)))


def all_on(yours: Any) -> None:
    """All units are on: only the linear part counts"""
    x, w, b, grad_a = _case(1, 4, 3, 2)
    _judge(yours, x, w, b + 100, grad_a)


def some_off(yours: Any) -> None:
    """Some units are off for some samples"""
    _judge(yours, *_case(2, 6, 5, 4))


def all_off(yours: Any) -> None:
    """All units are off: all gradients are 0"""
    x, w, b, grad_a = _case(3, 4, 3, 2)
    _judge(yours, x, w, b - 100, grad_a)


def square_shapes(yours: Any) -> None:
    """As many units as inputs as samples: a transposed matrix has the right shape, too"""
    _judge(yours, *_case(4, 4, 4, 4))


def one_sample(yours: Any) -> None:
    """One sample; float32; tensors that are not contiguous"""
    _judge(yours, *_case(5, 1, 3, 4))
    _judge(yours, *_case(6, 8, 5, 3, torch.float32))
    x, w, b, grad_a = _case(7, 4, 3, 2)
    _judge(yours, x.T.contiguous().T, w.T.contiguous().T, b, grad_a.T.contiguous().T)


def at_the_kink(yours: Any) -> None:
    """Exactly at 0, where PyTorch says that the slope is 0"""
    x, w, b, grad_a = _case(8, 3, 4, 2)
    _judge(yours, torch.zeros_like(x), w, torch.zeros_like(b), grad_a)


EXERCISE = Exercise(
    linear_relu_backward, "03_check_the_machinery",
    (all_on, some_off, all_off, square_shapes, one_sample, at_the_kink),
    hints=(
        "Compute z = x @ w.T + b again. ReLU let through where z > 0: there the gradient by z is "
        "grad_a, elsewhere it is 0.",
        "The shapes tell the products. By w it must be (H, D): from grad_z (N, H) and x (N, D). By x "
        "it must be (N, D): from grad_z (N, H) and w (H, D).",
        "grad_z = grad_a * (z > 0); by x: grad_z @ w; by w: grad_z.T @ x; by b: grad_z.sum(dim=0).",
    ),
    in_recipe=False)
