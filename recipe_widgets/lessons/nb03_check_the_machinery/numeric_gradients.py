"""Is the gradient the derivative? Central differences against autograd, and what goes wrong
while one looks. (Notebook 03, section 1.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F

from recipe_widgets.checks.training_copy import seeded
from recipe_widgets.core.validation import real, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.changed_data import few_samples as few_samples
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE

STEPS = tuple(10.0**-k for k in range(1, 14))  # sizes h of the step that are compared
DIRECTIONS = 12  # random ones: two passes each, where one weight at a time would cost thousands
ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}
DTYPES = {"float64": torch.float64, "float32": torch.float32}


class _Swish(torch.autograd.Function):
    """x·sigmoid(x) with a derivative of its own."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, right: bool) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.right = right
        return x * x.sigmoid()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        x, = ctx.saved_tensors
        sigmoid = x.sigmoid()
        slope = sigmoid
        if ctx.right:
            slope = sigmoid + x * sigmoid * (1 - sigmoid)  # the product rule has two terms
        return grads[0] * slope, None  # chain rule; `right` has no gradient


class Swish(nn.Module):
    """x·sigmoid(x) (Ramachandran et al. 2017), its backward pass written by hand; `right=False`
    forgets a term of it.
    """

    @validated
    def __init__(self, right: bool = True) -> None:
        super().__init__()
        self.right = right

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = _Swish.apply(x, self.right)
        return out


@validated
def small_net(data: Data, act: nn.Module, units: Annotated[int, whole(1, 10**5)] = 24,
              seed: Annotated[int, whole(0, 2**63 - 1)] = 0) -> nn.Sequential:
    """Inputs, `units` hidden ones, logits."""
    with seeded(seed):
        return nn.Sequential(nn.Flatten(), nn.Linear(data.train.x[0].numel(), units), act,
                             nn.Linear(units, data.num_classes))


def gradient_error(model: nn.Module, loss: Callable[[], torch.Tensor], h: float, *,
                   central: bool = True, directions: int = DIRECTIONS) -> float:
    """Relative error ‖a - n‖ / (‖a‖ + ‖n‖) of the slopes along random directions: a by autograd, n
    by differences.

    h: length of the step, relative to the size of the weights. The model comes back bit for bit.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    grads = torch.autograd.grad(loss(), weights, allow_unused=True)
    draw = torch.Generator().manual_seed(0)
    start = [weight.detach().clone() for weight in weights]
    slopes, quotients = [], []  # by autograd, by differences
    for _ in range(directions):
        # normal noise in the size of each tensor's own weights; 1e-3 where they are all zero
        way = [torch.randn(weight.shape, generator=draw).to(weight)
               * weight.detach().pow(2).mean().sqrt().clamp(min=1e-3) for weight in weights]
        slopes.append(sum(float((grad * part).sum())
                          for grad, part in zip(grads, way, strict=True) if grad is not None))
        ahead = _loss_at(weights, start, way, h, loss)
        behind = _loss_at(weights, start, way, -h if central else 0.0, loss)
        quotients.append((ahead - behind) / (2 * h if central else h))
    analytic, numeric = np.array(slopes), np.array(quotients)  # (directions,) each
    total = float(np.linalg.norm(analytic) + np.linalg.norm(numeric))
    return float(np.linalg.norm(analytic - numeric)) / total if total else 0.0


@torch.no_grad()
def _loss_at(weights: Sequence[nn.Parameter], start: list[torch.Tensor], way: list[torch.Tensor],
             h: float, loss: Callable[[], torch.Tensor]) -> float:
    """The loss at `start` + h * `way`; the weights are put back."""
    for weight, begin, part in zip(weights, start, way, strict=True):
        weight.copy_(begin + h * part)
    value = float(loss())
    for weight, begin in zip(weights, start, strict=True):
        weight.copy_(begin)  # copied, since adding and taking away would round
    return value


def error_curve(data: Data, activation: str = "tanh", dtype: str = "float64", central: bool = True,
                samples: int = 8) -> np.ndarray:
    """(13,) relative error at each of `STEPS`."""
    model = small_net(data, ACTIVATIONS[activation]()).to(DTYPES[dtype])
    x, y = few_samples(data, samples)
    x = x.to(DTYPES[dtype])
    return np.array([gradient_error(model, lambda: F.cross_entropy(model(x), y), h, central=central)
                     for h in STEPS])


@validated
def draw_error(data: Data, h: Annotated[float, real(0, 1, above=True)] = 1e-5,
               activation: str = "tanh", dtype: str = "float64", differences: str = "central",
               samples: Annotated[int, whole(1, 10**6)] = 8) -> Picture:
    """Relative error against step size; the chosen step is marked."""
    curve = error_curve(data, activation, dtype, differences == "central", samples)
    # the nearest of `STEPS` on a log scale
    here = float(curve[int(np.argmin(np.abs(np.log(np.array(STEPS) / h))))])
    best = int(np.argmin(curve))
    # levels of CS231n (Stanford, "Gradient checks"): 1e-4 will do where there are kinks
    good = 1e-4 if activation == "relu" else 1e-7
    verdict = ("fine" if here < good else "doubtful" if here < 1e-2
               else "useless: it would accuse a right gradient")
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    # an exact 0 would have no place on a log axis
    axes.loglog(STEPS, np.maximum(curve, 1e-17), "o-", color=PALETTE[0])
    axes.plot([h], [max(here, 1e-17)], "D", color=PALETTE[1], markersize=10)
    for level, text in ((1e-2, "wrong above"), (good, "good below")):
        axes.axhline(level, color="0.4", linestyle="--", linewidth=1, zorder=1.4)
        axes.text(1e-7, level, f"{text} {level:g}", fontsize=8, va="center", ha="center",
                  backgroundcolor="white", zorder=1.5)  # below the curve
    axes.set(
        xlabel="step size h (relative to the weights)", ylabel="relative error",
        title=f"{dtype}, {differences} differences, {activation}: best at h = {STEPS[best]:g}")
    axes.set_ylim(top=max(1.0, axes.get_ylim()[1]))
    axes.grid(alpha=0.3)
    return Picture(
        figure,
        f"With h = {h:g} the relative error of a right gradient is {here:.1e}: {verdict}. The best "
        f"of 13 step sizes is {STEPS[best]:g} with {curve[best]:.1e} ({data.name}, {activation}, "
        f"{dtype}, {differences} differences, {samples} samples).")


@dataclass(frozen=True)
class GradientRow:
    """One situation: the error seen, and whether the gradient is right in truth."""

    situation: str
    error: float
    right: bool

    @property
    def misled(self) -> bool:
        """A right gradient that looks wrong, or a wrong one that looks right."""
        # 1e-2: the level above which a gradient counts as wrong
        return (self.error > 1e-2) == self.right

    def __str__(self) -> str:
        verdict = "MISLEADS" if self.misled else "tells the truth"
        return f"{self.situation:<66} {self.error:>10.1e}   {verdict}"


@dataclass(frozen=True)
class Pitfalls:
    rows: tuple[GradientRow, ...]

    def __str__(self) -> str:
        head = f"{'situation':<66} {'rel. error':>10}"
        return "\n".join(
            [head, *map(str, self.rows),
             "The list is picked by hand: it shows what can mislead, not how often it does."])


class _Situation:
    """A small network on a few samples, looked at in some way."""

    def __init__(self, data: Data) -> None:
        self.data, (self.x, self.y) = data, few_samples(data, 8)

    def error(self, act: nn.Module, h: float = 1e-5, *, extra: nn.Module | None = None,
              decay: float = 0.0, zero_head: bool = False, steps: int = 0, scale: float = 1.0,
              dtype: torch.dtype = torch.float64) -> float:
        inner = small_net(self.data, act)
        net = nn.Sequential(inner, extra or nn.Identity()).to(dtype)
        if zero_head:
            nn.init.zeros_(inner[-1].weight)  # type: ignore[arg-type]

        def loss() -> torch.Tensor:
            value = F.cross_entropy(net(self.x.to(dtype)), self.y)
            if decay:
                value = value + decay * sum(weight.square().sum() for weight in net.parameters())
            return value * scale

        for _ in range(steps):
            grads = torch.autograd.grad(loss(), list(net.parameters()))
            for weight, grad in zip(net.parameters(), grads, strict=True):
                weight.data.sub_(0.1 * grad)  # plain gradient descent
        return gradient_error(net, loss, h)


@validated
def pitfalls(data: Data) -> Pitfalls:
    """The same comparison done well and done badly, for a right and for a wrong backward pass."""
    error, single = _Situation(data).error, torch.float32
    with seeded():
        return Pitfalls((
            GradientRow("right gradient, float64, h = 1e-5", error(Swish()), True),
            GradientRow("wrong gradient, float64, h = 1e-5", error(Swish(False)), False),
            GradientRow("right gradient, float32, h = 1e-5", error(Swish(), dtype=single), True),
            GradientRow("right gradient, ReLU, h = 0.3: many kinks on the way",
                        error(nn.ReLU(), 0.3), True),
            GradientRow("right gradient, dropout on: another mask at every look",
                        error(Swish(), extra=nn.Dropout(0.2)), True),
            GradientRow("wrong gradient, weight decay of 100, which drowns it",
                        error(Swish(False), decay=100.0), False),
            GradientRow("wrong gradient, head still at zero: nothing flows back yet",
                        error(Swish(False), zero_head=True), False),
            GradientRow("the same after 5 steps of training",
                        error(Swish(False), zero_head=True, steps=5), False),
            # float32 holds no number below 1.4e-45: the differences have a bit or two left
            GradientRow("right gradient, loss times 1e-42 in float32, h = 1e-2",
                        error(Swish(), 1e-2, scale=1e-42, dtype=single), True),
            GradientRow("the same with the loss scaled back to 1",
                        error(Swish(), 1e-2, dtype=single), True),
        ))
