"""Optimisers on surfaces of two weights, where their paths can be seen.

Notebook 06, P3 and P4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE, set_title
from recipe_widgets.training import manual_optimizers as by_hand

Array = npt.NDArray[np.float64]
Loss = Callable[[torch.Tensor], torch.Tensor]
RATES = tuple(np.geomspace(1e-3, 10.0, 97).tolist())  # 24 a decade
# A loss is judged by the largest of the last tenth of its steps: one that swings passes its minimum
# by chance, at any rate.
LAST = 0.1
NEARBY = 0.05  # share of the picture: starts for which a rate has to do lie so far around the path's
FLOOR = 1e-6  # losses below it are all at the minimum for our purpose
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "normalized")
_MARKS = "osD^vP*X"


@dataclass(frozen=True)
class Surface:
    """A loss of two weights."""

    loss: Loss  # weights (..., 2) to losses (...)
    start: tuple[float, float]  # where paths begin
    span: tuple[float, float, float, float]  # what the picture shows: left, right, low, high
    least: float = 0.0  # the lowest loss there is


def bowl(condition: float = 20.0) -> Surface:
    """½(x² + κy²): κ times as steep in one direction as in the other. Gradient descent needs lr
    < 2/κ.
    """
    if not 1 <= condition <= 1e4:
        raise RecipeError("bowl(condition=)", found=condition,
                          expected="a number from 1 (round) to 10000")
    # so narrow that the steep side fills the picture at any condition
    high = 2.2 / max(1.0, condition / 20) ** 0.5
    return Surface(lambda w: 0.5 * (w[..., 0]**2 + condition * w[..., 1]**2), (-2.0, 0.5 * high),
                   (-2.4, 2.4, -high, high))


def saddle(_: float = 1.0) -> Surface:
    """½x² + ¼(y² - 1)²: flat at the origin, where it falls to both sides; two minima at y = ±1."""
    # begins a hair beside the ridge: exactly on it no gradient would ever leave
    return Surface(lambda w: 0.5 * w[..., 0] ** 2 + 0.25 * (w[..., 1] ** 2 - 1) ** 2, (-1.8, 1e-3),
                   (-2.2, 2.2, -1.8, 1.8))


def banana(condition: float = 20.0) -> Surface:
    """(1 - x)² + κ(y - x²)²: a bent valley (Rosenbrock 1960)."""
    return Surface(lambda w: (1 - w[..., 0])**2 + condition * (w[..., 1] - w[..., 0]**2)**2,
                   (-1.2, 1.0), (-1.9, 1.9, -0.8, 2.4))


def plateau(_: float = 1.0) -> Surface:
    """1 - exp(-½(x² + y²)): nearly flat far out, where gradients are tiny."""
    return Surface(lambda w: 1 - torch.exp(-0.5 * (w**2).sum(-1)), (-2.6, 1.4),
                   (-3.2, 3.2, -2.4, 2.4))


def turned(surface: Surface, degrees: float) -> Surface:
    """The same surface, rotated: rules that scale each weight by itself profit from valleys along
    an axis, and only there.
    """
    angle = np.deg2rad(degrees)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    # w (..., 2) @ back rotates w by -angle, to where the old surface has its value
    back = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
    x, y = surface.start
    left, right, low, high = surface.span
    across, along = max(abs(left), abs(right)), max(abs(low), abs(high))
    # half the sides of the box around the rotated picture
    wide = across * abs(cos) + along * abs(sin)
    tall = across * abs(sin) + along * abs(cos)
    return Surface(lambda w: surface.loss(w @ back), (cos * x - sin * y, sin * x + cos * y),
                   (-wide, wide, -tall, tall), surface.least)


SURFACES: dict[str, Callable[[float], Surface]] = {
    "bowl": bowl, "saddle": saddle, "banana": banana, "plateau": plateau
}


def rule(name: str, gamma: float = 0.9) -> tuple[by_hand.UpdateRule, dict[str, float]]:
    """A rule written by hand, and its constants: gamma is that of momentum, and Adam's first
    beta.
    """
    constants: dict[str, dict[str, float]] = {
        "sgd": {},
        "momentum": {"gamma": gamma},
        "nesterov": {"gamma": gamma},
        "adagrad": {},
        "rmsprop": {"alpha": 0.9},
        "adadelta": {},
        "adam": {"beta1": min(gamma, 0.999)},  # at 1 its first mean would never move
        "normalized": {},
    }
    if name not in constants:
        raise RecipeError("Optimiser", found=repr(name), expected="one of " + ", ".join(constants))
    found: by_hand.UpdateRule = getattr(by_hand, name)
    return found, constants[name]


@dataclass(frozen=True)
class Path:
    """Where one optimiser went, up to the first loss that is no number."""

    name: str
    lr: float
    weights: Array  # (steps + 1, 2)
    losses: Array  # (steps + 1,)
    diverged: bool

    @property
    def end(self) -> float:
        """The largest loss of the last tenth of the steps."""
        return float(self.losses[-_last(len(self.losses) - 1):].max())

    def __str__(self) -> str:
        end = "diverged" if self.diverged else f"loss {loss_text(self.end)}"
        return f"{self.name} (lr {self.lr:.2g}): {end} after {len(self.losses) - 1} steps"


def _last(steps: int) -> int:
    """How many losses are the last ones."""
    return max(1, round(LAST * steps))


def loss_text(loss: float) -> str:
    """Two digits of it, in plain figures: 0.00017."""
    if loss < FLOOR:
        return f"below {FLOOR:g}".replace("e-0", "e-")
    return str(np.format_float_positional(float(f"{loss:.2g}"), trim="-"))


def descend(surface: Surface, name: str, lr: float, steps: int = 60, gamma: float = 0.9) -> Path:
    """One optimiser's path from the surface's start, in float64."""
    step, constants = rule(name, gamma)
    weight = torch.tensor(surface.start, dtype=torch.float64)  # (2,), changed in place
    state: dict[str, Any] = {}  # the rule's own: running means, counts
    weights, losses = [weight.tolist()], [float(surface.loss(weight))]
    for _ in range(steps):
        step(weight, _gradient(surface, weight), state, lr=lr, **constants)
        loss = float(surface.loss(weight))
        if not np.isfinite(loss) or loss > 1e6:  # far outside every picture: it will not come back
            return Path(name, lr, np.array(weights), np.array(losses), True)
        weights.append(weight.tolist())
        losses.append(loss)
    return Path(name, lr, np.array(weights), np.array(losses), False)


def _gradient(surface: Surface, w: torch.Tensor) -> torch.Tensor:
    """Of each row of w (..., 2): the sum lets every row have the gradient of its own loss."""
    leaf = w.detach().clone().requires_grad_()
    return torch.autograd.grad(surface.loss(leaf).sum(), leaf)[0]


def best_rate(surface: Surface, name: str, steps: int = 60, gamma: float = 0.9,
              rates: Sequence[float] = RATES) -> float:
    """The learning rate among `rates` that ends lowest after `steps`, on average over starts in
    and around the surface's own: all are tried at once, one row each.
    """
    step, constants = rule(name, gamma)
    starts = nearby_starts(surface)  # (S, 2)
    weights = starts.repeat(len(rates), 1)  # (rates * S, 2): all starts of the first rate come first
    lr: Any = torch.tensor(rates, dtype=torch.float64).repeat_interleave(len(starts))[:, None]
    state: dict[str, Any] = {}
    highest = torch.zeros(len(weights), dtype=torch.float64)  # of the last steps
    for number in range(steps):
        gradient = _gradient(surface, weights)
        if name == "normalized":  # its norm is of one weight vector, not of all rows
            norms = gradient.norm(dim=1, keepdim=True)
            by_hand.sgd(weights, gradient / (norms + 1e-12), state, lr=lr)
        else:
            step(weights, gradient, state, lr=lr, **constants)
        if number >= steps - _last(steps):
            # a row that diverged is the worst, not an error
            highest = highest.maximum(surface.loss(weights).nan_to_num(nan=torch.inf))
    return float(rates[int(highest.reshape(len(rates), len(starts)).mean(1).argmin())])


def nearby_starts(surface: Surface) -> torch.Tensor:
    """(9, 2): the surface's start and eight around it."""
    left, right, low, high = surface.span
    x = [NEARBY * (right - left) * side for side in (-1, 0, 1)]
    y = [NEARBY * (high - low) * side for side in (-1, 0, 1)]
    around = torch.cartesian_prod(torch.tensor(x, dtype=torch.float64),
                                  torch.tensor(y, dtype=torch.float64))
    return torch.tensor(surface.start, dtype=torch.float64) + around


def race(surface: Surface, names: Sequence[str] = OPTIMIZERS, lr: float | None = None,
         steps: int = 60, gamma: float = 0.9) -> dict[str, Path]:
    """The path of each optimiser, by name.

    Args:
        lr: learning rate of all; None gives each the best of `RATES` for it, so that none loses by
            its rate.
    """
    if not names:
        raise RecipeError("race(names=)", found="none",
                          expected="at least one of " + ", ".join(OPTIMIZERS))
    return {
        name:
        descend(surface, name,
                best_rate(surface, name, steps, gamma) if lr is None else lr, steps, gamma)
        for name in names
    }


def ranking(paths: Mapping[str, Path]) -> str:
    """One sentence: who is lowest at the end, who is last, who diverged."""
    ended = sorted((path for path in paths.values() if not path.diverged),
                   key=lambda path: path.end)
    diverged = [path.name for path in paths.values() if path.diverged]
    tail = f" Diverged: {', '.join(diverged)}." if diverged else ""
    if not ended:
        return f"All diverged: {', '.join(diverged)}. Take a lower learning rate."
    # those that have arrived share the first place
    lowest = [path for path in ended if path.end < FLOOR] or ended[:1]
    steps = len(ended[0].losses) - 1
    names = ", ".join(path.name for path in lowest)
    head = f"Lowest after {steps} steps: {names} ({loss_text(lowest[0].end)})"
    last = f"; highest: {ended[-1].name} ({loss_text(ended[-1].end)})" if len(ended) > len(lowest) else ""
    return f"{head}{last}.{tail}"


def show_race(surface: Surface, paths: Mapping[str, Path], title: str = "") -> Picture:
    """Left the paths over the lines of equal loss, right the loss over the steps."""
    figure = Figure(figsize=(8.2, 3.5), layout="constrained")
    plane, curve = figure.subplots(1, 2)
    _contours(plane, surface)
    for number, path in enumerate(paths.values()):
        # a marker each, so that the lines can be told apart without colour
        look: dict[str, Any] = {"color": PALETTE[number % len(PALETTE)],
                                "marker": _MARKS[number % len(_MARKS)], "markersize": 4}
        _draw_path(plane, path.weights, look)
        above = path.losses - surface.least
        curve.plot(np.maximum(above, FLOOR), **look, linewidth=1.3, markevery=max(1, len(above) // 6),
                   label=f"{path.name}, lr {path.lr:.2g}{', diverged' if path.diverged else ''}")
    plane.plot(*surface.start, "k*", markersize=10)
    left, right, low, high = surface.span
    plane.set(xlim=(left, right), ylim=(low, high), xlabel="first weight", ylabel="second weight")
    curve.set(xlabel="step", ylabel="loss above its minimum", yscale="log")
    curve.grid(alpha=0.3)
    figure.legend(*curve.get_legend_handles_labels(), frameon=False, fontsize=8, ncols=4,
                  loc="outside lower center")
    set_title(figure, title or ranking(paths), 8.2)
    ends = "; ".join(map(str, paths.values()))
    return Picture(figure, f"Paths of optimisers from the star. {ranking(paths)} {ends}.")


def _draw_path(axes: Axes, weights: Array, look: Mapping[str, Any]) -> None:
    """A path (steps + 1, 2) whose beginning fades: what swings for long is no scribble; every
    fifth step has a mark, and the last one a large one.
    """
    ends = np.linspace(0, len(weights) - 1, 7).round().astype(int)  # six parts
    for begin, end, shade in zip(ends, ends[1:], np.linspace(0.25, 1.0, 6), strict=False):
        axes.plot(*weights[begin:end + 1].T, **{**look, "markersize": 3}, alpha=shade, linewidth=1.2,
                  markevery=(-begin % 5, 5))
    axes.plot(*weights[-1], **{**look, "markersize": 8}, linestyle="", markeredgecolor="black")


def _contours(axes: Axes, surface: Surface) -> None:
    left, right, low, high = surface.span
    x, y = np.meshgrid(np.linspace(left, right, 90), np.linspace(low, high, 90))
    losses = surface.loss(torch.tensor(np.stack([x, y], -1))).numpy()  # (90, 90)
    # quantiles: each line takes in as much of the picture as the next, however steep the surface
    levels = np.quantile(losses, np.linspace(0.04, 0.9, 5))
    axes.contour(x, y, losses, levels=np.unique(levels), colors="0.75", linewidths=0.8,
                 antialiased=False)
