"""Activations one by one: shape, slope, where they saturate, whether their outputs are centred.
(Notebook 04, section 1.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import RecipeError, generator
from recipe_widgets.core.validation import real, validated, whole
from recipe_widgets.models.layers import ACTIVATIONS
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE

NAMES = ("sigmoid", "tanh", "relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "maxout",
         "identity")
FLAT = 0.05  # a slope below this passes next to nothing back
LEAK = 0.05  # of the leaky ReLU in pictures: PyTorch's 0.01 could not be seen


def curve(name: str, z: torch.Tensor) -> torch.Tensor:
    """The activation of z, elementwise; maxout as the larger of z and -z/2 + 1, two lines that
    it may have learnt.
    """
    if name not in NAMES:
        raise RecipeError("activation", found=repr(name), expected="one of " + ", ".join(NAMES))
    if name == "maxout":
        return torch.maximum(z, 1 - z / 2)
    if name == "leaky_relu":
        return nn.functional.leaky_relu(z, LEAK)
    out: torch.Tensor = ACTIVATIONS[name].make()(z)
    return out


def slopes(name: str, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs and derivatives at z."""
    z = z.detach().clone().requires_grad_()
    out = curve(name, z)
    grad, = torch.autograd.grad(out.sum(), z)  # elementwise: the sum gives each its own slope
    return out.detach(), grad.detach()


@dataclass(frozen=True)
class Facts:
    """Of inputs N(shift, scale²): mean and std of the outputs, mean slope, share of inputs with
    almost no slope, share of outputs that are exactly zero."""

    name: str
    mean: float
    std: float
    slope: float
    flat: float
    zeros: float

    @property
    def centred(self) -> bool:
        """Is the mean of the outputs small beside their spread?"""
        return abs(self.mean) < 0.2 * max(self.std, 1e-9)  # 1e-9: all outputs may be the same

    def __str__(self) -> str:
        centre = ("zero-centred" if self.centred else
                  f"not zero-centred (mean {self.mean:.2f}, std {self.std:.2f})")
        return (f"{self.name}: mean slope {self.slope:.2f}, {self.flat:.0%} of the inputs have a "
                f"slope below {FLAT}, {centre}")


@validated
def facts(name: str, scale: Annotated[float, real(-1e6, 1e6)] = 1.0,
          shift: Annotated[float, real(-1e6, 1e6)] = 0.0,
          n: Annotated[int, whole(1, 10**7)] = 20_000) -> Facts:
    """By drawing n inputs."""
    z = shift + scale * torch.randn(n, generator=torch.Generator().manual_seed(0))
    out, grad = slopes(name, z)
    size = grad.abs()  # elu, gelu and silu also fall
    return Facts(name, float(out.mean()), float(out.std()), float(size.mean()),
                 float((size < FLAT).float().mean()), float((out == 0).float().mean()))


@validated
def draw_activation(name: str = "sigmoid", scale: Annotated[float, real(-1e6, 1e6)] = 1.0,
                    shift: Annotated[float, real(-1e6, 1e6)] = 0.0) -> Picture:
    """Left: the curve and its slope, over the inputs that arrive. Right: what comes out."""
    line = torch.linspace(-8, 8, 801)  # inputs z of the curve
    out, grad = slopes(name, line)
    seen = facts(name, scale, shift)
    z = shift + scale * torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.hist(
        z.clamp(-8, 8).numpy(), 60, density=True, color="0.8",
        label="inputs (density; all beyond ±8 at the edges)")
    left.plot(line, out, color=PALETTE[0], label="output")
    left.plot(line, grad, "--", color=PALETTE[1], label="slope")
    left.set(xlabel="input z of the unit", ylabel="output, slope", ylim=(-1.6, 3),
             title=f"{name}: mean slope {seen.slope:.2f}")
    left.legend(frameon=False, fontsize=8, loc="upper left")
    right.hist(curve(name, z).numpy(), 60, color=PALETTE[0])
    right.axvline(seen.mean, color=PALETTE[1], linestyle="--", label=f"mean {seen.mean:.2f}")
    right.set(xlabel="output of the unit", ylabel="how often (of 20,000)",
              title=f"{seen.flat:.0%} of the inputs pass almost no gradient")
    right.legend(frameon=False, fontsize=8)
    return Picture(figure, f"Inputs of mean {shift:g} and std {scale:g}. {seen}.")


def rng(seed: int) -> torch.Generator:
    return generator(seed, "init")
