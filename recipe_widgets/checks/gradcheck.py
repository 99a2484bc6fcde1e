"""The analytic gradient against central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from torch import nn

from recipe_widgets.checks.runner import (
    CannotTellError,
    adam,
    check,
    clock,
    descend,
    duplicate,
    model_copy,
    seeded,
)
from recipe_widgets.checks.subject import Subject
from recipe_widgets.core import CheckResult
from recipe_widgets.core.validation import real, whole
from recipe_widgets.rules import wiring as judge


@check("fail")
def gradient_check(target: Subject, *, h: Annotated[float | None, real(0, 1, above=True)] = None,
                   directions: Annotated[int, whole(1, 1000)] = 4,
                   tensors: Annotated[int, whole(1, 10**6)] = 24,
                   warmup: Annotated[int, whole(0, 1000)] = 3,
                   seconds: Annotated[float, real(0)] = 3.0) -> CheckResult:
    """Is the gradient the derivative? In float64, by central differences along random directions of
    each tensor.

    Args:
        h: length of the step relative to the root mean square of the tensor; chosen when None:
            1e-5, with the directions dropped that cross a kink there (their difference changes with
            h).
        warmup: training steps before, since gradients at the start may be zero.

    The error is one of norms over all directions of a tensor, not of single entries, where rounding
    shows (a right tanh net has single entries of 1e-6 at h = 1e-6). Norms and dropout are in eval
    mode. Source: CS231n.
    """
    model = model_copy(target)
    if any(p.requires_grad for p in model.parameters()):
        descend(target, model, adam(model), target.batches, warmup, 1.0)
    model = duplicate(model).double().eval()
    x, y = (part[:4].double() if part.is_floating_point() else part[:4]
            for part in target.batches[0])

    def loss() -> torch.Tensor:
        with seeded():
            return target.loss(model, x, y)

    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if x.is_floating_point():
        named = {**named, "x": x.requires_grad_()}  # type: ignore[dict-item]
    names = list(named) if len(named) <= tensors else [
        list(named)[i * len(named) // tensors] for i in range(tensors)
    ]
    value = loss()
    if not value.requires_grad or value.dtype != torch.float64:
        why = "the model does not compute in float64" if value.requires_grad else "the loss has no gradient"
        raise CannotTellError(why)
    grads = dict(
        zip(named, torch.autograd.grad(value, list(named.values()), allow_unused=True),
            strict=True))
    errors, dropped, over = {}, 0, clock(seconds)
    for name in names:
        grad = grads[name]
        if grad is None or over():
            continue
        error, kinks = _error(loss, named[name], grad, h, directions)
        dropped += kinks
        if error is not None:
            errors[name] = error
    return judge.gradient_check(errors, h or 1e-5, dropped)


def _error(loss: Callable[[], torch.Tensor], p: nn.Parameter | torch.Tensor, grad: torch.Tensor,
           h: float | None, directions: int) -> tuple[float | None, int]:
    """Relative error over random directions, and how many were dropped because of kinks."""
    g = torch.Generator().manual_seed(0)
    analytic, numeric, kinks = [], [], 0
    size = float(p.detach().pow(2).mean().sqrt()) or 1.0
    for _ in range(directions):
        v = torch.randn(p.shape, generator=g, dtype=torch.float64).to(p)
        v = v / v.norm() * max(1.0, p.numel() ** 0.5) ** 0.5 * size
        step = h or 1e-5
        ahead, behind = _slopes(loss, p, v, step)
        near, back = _slopes(loss, p, v, step / 8)
        central, closer = (ahead + behind) / 2, (near + back) / 2
        # also a tie at this very point
        bent = abs(near - back) > 1e-3 * (abs(near) + abs(back)) + 1e-6 * size
        if bent or abs(central - closer) > 1e-3 * abs(closer) + 1e-8 * size:
            kinks += 1
            continue
        analytic.append(float((grad * v).sum()))
        numeric.append(central)
    if not analytic:
        return None, kinks
    a, n = torch.tensor(analytic), torch.tensor(numeric)
    total = float(a.norm() + n.norm())
    noise = 1e-7 * max(size, 1e-3)  # rounding of the loss over 2 h: gradients below are zero
    return (0.0 if total < noise else float((a - n).norm()) / total), kinks


def _slopes(loss: Callable[[], torch.Tensor], p: torch.Tensor, v: torch.Tensor,
            h: float) -> tuple[float, float]:
    """(L(p + h v) - L(p)) / h and (L(p) - L(p - h v)) / h; p comes back bit for bit. Their mean
    is the central one.
    """
    start = p.detach().clone()
    values = []
    with torch.no_grad():
        for sign in (1.0, 0.0, -1.0):
            p.copy_(start + sign * h * v)
            values.append(float(loss()))
        p.copy_(start)
    return (values[0] - values[1]) / h, (values[1] - values[2]) / h
