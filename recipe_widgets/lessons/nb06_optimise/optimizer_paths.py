"""Optimisers on surfaces of two weights, where their paths can be seen. (Notebook 06, P3 and
P4.)
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
from recipe_widgets.lessons.common.comparison import PALETTE
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import set_title
from recipe_widgets.training import manual_optimizers as by_hand

Array = npt.NDArray[np.float64]
Loss = Callable[[torch.Tensor], torch.Tensor]
RATES = tuple(np.geomspace(1e-3, 10.0, 33).tolist())  # eight a decade
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "normalized")
_MARKS = "osD^vP*X"


@dataclass(frozen=True)
class Surface:
    """loss: weights (..., 2) to losses (...). start: where paths begin. span: what the picture
    shows: (left, right, low, high). least: the lowest loss there is."""

    loss: Loss
    start: tuple[float, float]
    span: tuple[float, float, float, float]
    least: float = 0.0


def bowl(condition: float = 20.0) -> Surface:
    """½(x² + κy²): κ times as steep in one direction as in the other. Gradient descent needs lr
    < 2/κ.
    """
    if not 1 <= condition <= 1e4:
        raise RecipeError("bowl(condition=)", found=condition,
                          expected="a number from 1 (round) to 10000")
    high = 2.2 / max(1.0, condition / 20) ** 0.5
    return Surface(lambda w: 0.5 * (w[..., 0]**2 + condition * w[..., 1]**2), (-2.0, 0.5 * high),
                   (-2.4, 2.4, -high, high))


def saddle(_: float = 1.0) -> Surface:
    """½x² + ¼(y² - 1)²: flat at the origin, where it falls to both sides; two minima at y = ±1."""
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
    """The same surface, turned: rules that scale each weight by itself profit from valleys along
    an axis, and only there.
    """
    angle = np.deg2rad(degrees)
    c, s = float(np.cos(angle)), float(np.sin(angle))
    # w (..., 2) @ back: turns w the other way
    back = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    x, y = surface.start
    left, right, low, high = surface.span
    wide = max(abs(side)
               for side in (left, right)) * abs(c) + max(abs(side) for side in (low, high)) * abs(s)
    tall = max(abs(side)
               for side in (left, right)) * abs(s) + max(abs(side) for side in (low, high)) * abs(c)
    return Surface(lambda w: surface.loss(w @ back), (c * x - s * y, s * x + c * y),
                   (-wide, wide, -tall, tall), surface.least)


SURFACES: dict[str, Callable[[float], Surface]] = {
    "bowl": bowl, "saddle": saddle, "banana": banana, "plateau": plateau
}


def rule(name: str, gamma: float = 0.9) -> tuple[by_hand.Rule, dict[str, float]]:
    """A rule written by hand, and its constants: gamma is that of momentum, and Adam's first
    beta.
    """
    constants: dict[str, dict[str, float]] = {
        "sgd": {}, "momentum": {"gamma": gamma}, "nesterov": {"gamma": gamma}, "adagrad": {},
        "rmsprop": {"alpha": 0.9}, "adadelta": {}, "adam": {"beta1": min(gamma,
                                                                         0.999)}, "normalized": {},
    }
    if name not in constants:
        raise RecipeError("Optimiser", found=repr(name), expected="one of " + ", ".join(constants))
    found: by_hand.Rule = getattr(by_hand, name)
    return found, constants[name]


@dataclass(frozen=True)
class Path:
    """Where one optimiser went: weights (steps + 1, 2) and losses (steps + 1,), up to the first
    that is no number.
    """

    name: str
    lr: float
    weights: Array
    losses: Array
    diverged: bool

    def __str__(self) -> str:
        end = "diverged" if self.diverged else f"loss {self.losses[-1]:.2g}"
        return f"{self.name} (lr {self.lr:.2g}): {end} after {len(self.losses) - 1} steps"


def descend(surface: Surface, name: str, lr: float, steps: int = 60, gamma: float = 0.9) -> Path:
    """One optimiser's path from the surface's start, in float64."""
    step, constants = rule(name, gamma)
    w = torch.tensor(surface.start, dtype=torch.float64)
    state: dict[str, Any] = {}
    weights, losses = [w.tolist()], [float(surface.loss(w))]
    for _ in range(steps):
        step(w, _gradient(surface, w), state, lr=lr, **constants)
        loss = float(surface.loss(w))
        if not np.isfinite(loss) or loss > 1e6:
            return Path(name, lr, np.array(weights), np.array(losses), True)
        weights.append(w.tolist())
        losses.append(loss)
    return Path(name, lr, np.array(weights), np.array(losses), False)


def _gradient(surface: Surface, w: torch.Tensor) -> torch.Tensor:
    leaf = w.detach().clone().requires_grad_()
    return torch.autograd.grad(surface.loss(leaf).sum(), leaf)[0]


def best_rate(surface: Surface, name: str, steps: int = 60, gamma: float = 0.9,
              rates: Sequence[float] = RATES) -> float:
    """The learning rate among `rates` with the lowest loss after `steps`: all are tried at once,
    one row each.
    """
    step, constants = rule(name, gamma)
    w = torch.tensor(surface.start, dtype=torch.float64).repeat(len(rates), 1)
    lr, state = torch.tensor(rates, dtype=torch.float64)[:, None], {
    }  # type: tuple[torch.Tensor, dict[str, Any]]
    for _ in range(steps):
        g = _gradient(surface, w)
        if name == "normalized":  # its norm is of one weight vector, not of all rows
            by_hand.sgd(w, g / (g.norm(dim=1, keepdim=True) + 1e-12), state,
                        lr=lr)  # type: ignore[arg-type]
        else:
            step(w, g, state, lr=lr, **constants)
    return float(rates[int(surface.loss(w).nan_to_num(nan=torch.inf).argmin())])


def race(surface: Surface, names: Sequence[str] = OPTIMIZERS, lr: float | None = None,
         steps: int = 60, gamma: float = 0.9) -> dict[str, Path]:
    """The path of each optimiser; with lr None each has the best of `RATES` for it, so that none
    loses by its rate.
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
                   key=lambda path: float(path.losses[-1]))
    lost = [path.name for path in paths.values() if path.diverged]
    tail = f" Diverged: {', '.join(lost)}." if lost else ""
    if not ended:
        return f"All diverged: {', '.join(lost)}. Take a lower learning rate."
    head = f"Lowest after {len(ended[0].losses) - 1} steps: {ended[0].name} ({ended[0].losses[-1]:.2g})"
    last = f"; highest: {ended[-1].name} ({ended[-1].losses[-1]:.2g})" if len(ended) > 1 else ""
    return f"{head}{last}.{tail}"


def show_race(surface: Surface, paths: Mapping[str, Path], title: str = "") -> Picture:
    """Left the paths over the lines of equal loss, right the loss over the steps."""
    figure = Figure(figsize=(8.2, 3.1), layout="constrained")
    plane, curve = figure.subplots(1, 2)
    _contours(plane, surface)
    for number, path in enumerate(paths.values()):
        look: dict[str, Any] = {
            "color": PALETTE[number % len(PALETTE)], "marker": _MARKS[number % len(_MARKS)],
            "markersize": 3, "linewidth": 1.1
        }
        plane.plot(*path.weights.T, **look, markevery=4)
        curve.plot(np.maximum(path.losses - surface.least, 1e-12), **look, markevery=10,
                   label=f"{path.name}, lr {path.lr:.2g}{', diverged' if path.diverged else ''}")
    plane.plot(*surface.start, "k*", markersize=10)
    left, right, low, high = surface.span
    plane.set(xlim=(left, right), ylim=(low, high), xlabel="first weight", ylabel="second weight")
    curve.set(xlabel="step", ylabel="loss above its minimum", yscale="log")
    curve.grid(alpha=0.3)
    figure.legend(*curve.get_legend_handles_labels(), frameon=False, fontsize=8, ncols=4,
                  loc="outside lower center")
    set_title(figure, title or ranking(paths), 8.2)
    return Picture(
        figure,
        f"Paths of optimisers from the star. {ranking(paths)} {'; '.join(map(str, paths.values()))}."
    )


def _contours(axes: Axes, surface: Surface) -> None:
    left, right, low, high = surface.span
    x, y = np.meshgrid(np.linspace(left, right, 90), np.linspace(low, high, 90))
    z = surface.loss(torch.tensor(np.stack([x, y], -1))).numpy()
    levels = np.quantile(z, np.linspace(0.04, 0.9, 5))
    axes.contour(x, y, z, levels=np.unique(levels), colors="0.75", linewidths=0.8,
                 antialiased=False)


def constant_push(gamma: float, steps: int = 200) -> Array:
    """Sizes (steps,) of the updates of momentum, at lr 1, while the gradient is always 1: they
    grow to 1/(1 - γ).
    """
    w, state = torch.zeros(1, dtype=torch.float64), {}  # type: tuple[torch.Tensor, dict[str, Any]]
    before, found = 0.0, []
    for _ in range(steps):
        by_hand.momentum(w, torch.ones(1, dtype=torch.float64), state, lr=1.0, gamma=gamma)
        found.append(before - float(w))
        before = float(w)
    return np.array(found)


def pure_motion(gamma: float = 1.0, lr: float = 0.01, steps: int = 400) -> Picture:
    """A round bowl under momentum `gamma`, beside 0.9: at 1 nothing brakes, and it swings for
    ever.
    """
    surface = bowl(1.0)
    paths = {f"γ = {g:g}": descend(surface, "momentum", lr, steps, g) for g in (0.9, gamma)}
    figure = Figure(figsize=(7, 2.8), layout="constrained")
    axes = figure.subplots()
    for number, (name, path) in enumerate(paths.items()):
        axes.plot(path.weights[:, 0], ("-", "--")[number], color=PALETTE[number], label=name)
    swing = float(np.abs(paths[f"γ = {gamma:g}"].weights[-steps // 4:, 0]).max())
    set_title(
        figure,
        f"With γ = {gamma:g} it still swings by {swing:.2g} at the end, from {abs(surface.start[0]):.2g}"
    )
    axes.set(xlabel="step", ylabel="first weight")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    ends = "; ".join(f"{name}: ends at {path.weights[-1, 0]:.2g}" for name, path in paths.items())
    return Picture(figure, f"First weight over {steps} steps in a round bowl. {ends}.")


def two_forms(lrs: Sequence[float], gamma: float = 0.9) -> tuple[Array, Array]:
    """Weights (len(lrs) + 1,) on ½w² under the rates `lrs`: PyTorch's momentum (lr outside), the
    lectures' (lr inside).
    """
    found = []
    for form in (by_hand.momentum, by_hand.momentum_velocity):
        w, state = torch.ones(1,
                              dtype=torch.float64), {}  # type: tuple[torch.Tensor, dict[str, Any]]
        course = [1.0]
        for lr in lrs:
            form(w, w.clone(), state, lr=lr, gamma=gamma)
            course.append(float(w))
        found.append(np.array(course))
    return found[0], found[1]
