"""The same matrix again and again: states and gradients over time, and two ways to clip. (Notebook 04,
section 5.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import real, validated, whole
from recipe_widgets.lessons.nb04_signals_inside.activations import rng
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE

UNITS = 64  # of the recurrent state
KINDS = ("tanh", "relu", "linear")


def with_radius(matrix: torch.Tensor, radius: float) -> torch.Tensor:
    """matrix (H, H) scaled so that its largest eigenvalue has this absolute value."""
    return matrix * (radius / float(torch.linalg.eigvals(matrix.double()).abs().max()))


@dataclass(frozen=True)
class OverTime:
    """(seeds, steps + 1): norm of the gradient of the last state's sum by the state k steps before;
    of the states; and the norm of the gradient of the recurrent matrix (seeds,)."""

    back: np.ndarray
    states: np.ndarray
    matrix: np.ndarray

    @property
    def share(self) -> float:
        """What is left of the gradient at the first step (geometric mean over seeds)."""
        return float(np.exp(np.log(np.maximum(self.back[:, -1], 1e-300) / self.back[:, 0]).mean()))


@validated
def unroll(radius: Annotated[float, real(0, 1e6)], steps: Annotated[int, whole(1, 10**6)],
           kind: str = "tanh", seeds: Annotated[int, whole(1, 1000)] = 3) -> OverTime:
    """h ← act(h W + noise) from a random state, W with this spectral radius; then back through
    all steps. float64.
    """
    if kind not in KINDS or steps < 1 or radius < 0:
        raise RecipeError(
            "unroll(radius, steps, kind)", found=f"{kind!r}, {steps} steps, radius {radius}",
            expected="at least one step, a radius from 0, and one of " + ", ".join(KINDS))
    acts: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "tanh": torch.tanh, "relu": torch.relu, "linear": lambda signal: signal}
    back, states, matrix = [], [], []
    for seed in range(seeds):
        draw = rng(seed)

        def normal(*shape: int, draw: torch.Generator = draw) -> torch.Tensor:
            return torch.randn(*shape, generator=draw, dtype=torch.float64)

        recurrent = with_radius(normal(UNITS, UNITS), radius).requires_grad_()
        path = [normal(UNITS).requires_grad_()]  # the state after 0, 1, ... steps
        for _ in range(steps):
            path.append(acts[kind](path[-1] @ recurrent + 0.1 * normal(UNITS)))
        grads = torch.autograd.grad(path[-1].sum(), [*path, recurrent])
        back.append([float(grad.norm()) for grad in reversed(grads[:-1])])  # the last state first
        states.append([float(state.detach().norm()) for state in path])
        matrix.append(float(grads[-1].norm()))
    return OverTime(np.array(back), np.array(states), np.array(matrix))


def clipped(norm: float, threshold: float, rule: str = "to the threshold") -> float:
    """Length of the gradient after clipping. 0 is off. "to one" divides by the norm above the
    threshold: the slip.
    """
    if threshold <= 0 or norm <= threshold:
        return norm
    return threshold if rule == "to the threshold" else 1.0


@validated
def draw_recurrent(radius: Annotated[float, real(0, 1e6)] = 1.0,
                   steps: Annotated[int, whole(1, 10**6)] = 28, kind: str = "tanh",
                   clip: Annotated[float, real(0, 1e6)] = 0.0) -> Picture:
    """Left: how much of the gradient is left k steps back. Right: the length of the step,
    clipped both ways.
    """
    seen = unroll(radius, steps, kind)
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = np.clip(seen.back, 1e-30, 1e30)
    steps_back = np.arange(steps + 1)
    left.fill_between(steps_back, shown.min(0), shown.max(0), color=PALETTE[0], alpha=0.3, linewidth=0)
    left.plot(steps_back, np.exp(np.log(shown).mean(0)), color=PALETTE[0])
    left.set(yscale="log", xlabel="steps back in time", ylabel="norm of the gradient by the state",
             title=f"{steps} steps back it is {seen.share:.2g} times as large")
    left.grid(alpha=0.3)
    norms = np.logspace(-2, 3, 400)
    threshold = clip or 10.0  # where clipping is off the picture shows an example
    for rule, colour, line in (("to the threshold", PALETTE[0], "-"), ("to one", PALETTE[1], "--")):
        right.plot(norms, [clipped(norm, threshold, rule) for norm in norms], line, color=colour,
                   label=f"clipped {rule}")
    right.set(
        xscale="log", yscale="log", xlabel="norm of the gradient", ylabel="norm after clipping",
        title=f"a norm above {threshold:g} becomes {threshold:g}, or by the slip 1"
        if threshold != 1 else "at threshold 1 both rules are the same")
    right.grid(alpha=0.3)
    right.legend(frameon=False, fontsize=8)
    norm = float(np.exp(np.log(np.maximum(seen.matrix, 1e-300)).mean()))
    said = f"the gradient of the recurrent matrix has norm {norm:.2g}"
    if clip:
        said += (f", {clipped(norm, clip):.2g} after clipping at {clip:g}, and "
                 f"{clipped(norm, clip, 'to one'):.2g} where it is divided by its norm instead")
    return Picture(
        figure,
        f"Spectral radius {radius:g}, {kind}: after {steps} steps back {seen.share:.2g} of the "
        f"gradient is left (3 seeds); {said}.")
