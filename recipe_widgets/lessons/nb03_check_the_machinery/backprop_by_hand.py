"""Backpropagation and the update, written out, against autograd and torch.optim. (Notebook 03, section
4.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from torch.nn import functional as F

from recipe_widgets.core import RecipeError, generator
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.changed_data import few_samples

Weights = dict[str, torch.Tensor]  # w1 (H, D), b1 (H,), w2 (K, H), b2 (K,)
Backprop = Callable[[torch.Tensor, torch.Tensor, Weights], Weights]
NAMES = ("w1", "b1", "w2", "b2")


def new_weights(inputs: int, hidden: int, classes: int, seed: int = 0) -> Weights:
    """Two layers, He's initialisation, float64."""
    draw = generator(seed, "init")

    def he(outputs: int, inputs: int) -> torch.Tensor:
        """Variance 2 / inputs keeps the size of signals through ReLU (He et al. 2015)."""
        std = math.sqrt(2 / inputs)
        return std * torch.randn(outputs, inputs, generator=draw, dtype=torch.float64)

    return {"w1": he(hidden, inputs), "b1": torch.zeros(hidden, dtype=torch.float64),
            "w2": he(classes, hidden), "b2": torch.zeros(classes, dtype=torch.float64)}


def loss_of(x: torch.Tensor, y: torch.Tensor, w: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy of x (N, D), y (N,): linear, ReLU, linear."""
    return F.cross_entropy((x @ w["w1"].T + w["b1"]).relu() @ w["w2"].T + w["b2"], y)


@dataclass(frozen=True)
class Agreement:
    """Largest relative difference of each gradient, and of the weights after some steps."""

    gaps: Mapping[str, float]
    after: float
    steps: int

    @property
    def equal(self) -> bool:
        # float64 rounds at 1e-16; sums over samples add some
        return max(*self.gaps.values(), self.after) < 1e-9

    def __str__(self) -> str:
        rows = [f"{name}: largest relative difference to autograd {gap:.1e}"
                for name, gap in self.gaps.items()]
        rows.append(f"after {self.steps} steps of SGD with momentum: weights differ from "
                    f"torch.optim's by {self.after:.1e}")
        rows.append("Equal up to rounding." if self.equal
                    else "NOT equal: some derivative is wrong.")
        return "\n".join(rows)


@validated
def compare_backprop(mine: Backprop, data: Data, hidden: Annotated[int, whole(1, 10**5)] = 32,
                     steps: Annotated[int, whole(1, 10**6)] = 20) -> Agreement:
    """Gradients by `mine(x, y, weights) -> gradients` against autograd; then the update written out
    against torch.optim.

    Raises:
        RecipeError: a gradient is missing or has another shape.
    """
    x, y = few_samples(data, 64)
    x = x.double().flatten(1)  # (N, D)
    w = new_weights(x.shape[1], hidden, data.num_classes)
    theirs = {name: value.clone().requires_grad_() for name, value in w.items()}
    found = _checked(mine(x, y, w), w)
    grads = torch.autograd.grad(loss_of(x, y, theirs), list(theirs.values()))
    gaps = {name: _gap(found[name], grad) for name, grad in zip(theirs, grads, strict=True)}
    optimizer = torch.optim.SGD(theirs.values(), lr=0.1, momentum=0.9)
    velocity = {name: torch.zeros_like(value) for name, value in w.items()}
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(x, y, theirs).backward()
        optimizer.step()
        for name, grad in mine(x, y, w).items():
            velocity[name] = 0.9 * velocity[name] + grad  # v ← γ v + g
            w[name] = w[name] - 0.1 * velocity[name]      # w ← w - lr v
    return Agreement(gaps, max(_gap(w[name], theirs[name].detach()) for name in w), steps)


def _checked(found: Weights, w: Weights) -> Weights:
    for name in NAMES:
        if name not in found or found[name].shape != w[name].shape:
            got = tuple(found[name].shape) if name in found else "nothing"
            raise RecipeError(f"Gradient of {name}", found=str(got),
                              expected=f"shape {tuple(w[name].shape)}")
    return found


def _gap(mine: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest difference, relative to the largest entry; 1e-300 keeps zeros from dividing."""
    return float((mine - theirs).abs().max() / theirs.abs().max().clamp(min=1e-300))


@validated
def check_backprop(mine: Backprop, data: Data) -> str:
    """Judge the exercise: which gradient is wrong, and where to look."""
    hints = {
        "w2": "the hidden activations (N, H) meet the error at the logits (N, K): (K, H)",
        "b2": "sum the error at the logits over the samples",
        "w1": "carry the error through w2, then through the slope of ReLU (0 or 1), then meet x",
        "b1": "sum the error at the hidden layer over the samples",
    }
    try:
        seen = compare_backprop(mine, data, steps=3)
    except RecipeError as error:
        return f"Not yet: {error}"
    except Exception as error:  # the learner's own code
        first = str(error).splitlines()[0] if str(error) else ""
        return f"Not yet: it stops with {type(error).__name__}: {first}"
    # in the order of the backward pass: an early slip spoils what follows
    wrong = [name for name in ("w2", "b2", "w1", "b1") if seen.gaps[name] > 1e-9]
    if not wrong:
        return "Right: all four gradients equal autograd's up to rounding."
    name = wrong[0]
    if seen.gaps[name] > 10:
        return (f"Not yet: {name} is {seen.gaps[name]:.0f} times off. "
                "Did you divide by the number of samples?")
    return f"Not yet: {name} differs by {seen.gaps[name]:.1e}. Hint: {hints[name]}."
