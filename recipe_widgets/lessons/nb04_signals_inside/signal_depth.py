"""Signals through many layers: the spread of activations forward and of gradients back, by
depth, scheme and activation. (Notebook 04, section 3.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.changed_data import few_samples
from recipe_widgets.lessons.nb04_signals_inside.activations import curve, rng
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE

Std = Callable[[int, int], float]
# Standard deviation of a weight by n_in and n_out.
SCHEMES: dict[str, Std] = {
    "N(0, 1)": lambda _n, _m: 1.0,
    "uniform(-1, 1)": lambda _n, _m: 1 / math.sqrt(3),
    "0.01": lambda _n, _m: 0.01,
    "1/n": lambda n, _m: 1 / n,
    "1/sqrt(n)": lambda n, _m: 1 / math.sqrt(n),
    "Xavier": lambda n, m: math.sqrt(2 / (n + m)),  # Glorot & Bengio 2010
    "He": lambda n, _m: math.sqrt(2 / n),  # He et al. 2015
}
STACKABLE = ("identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu")
LOST, LOUD = 1e-3, 1e3  # times the first layer: below or above it a signal has vanished or exploded


@dataclass(frozen=True)
class Signals:
    """(seeds, depth): std of each layer's activations, and of the gradient of its inputs z, from
    the first layer on.
    """

    forward: np.ndarray
    backward: np.ndarray

    @property
    def kept(self) -> float:
        """Std of the last activation, as a share of the first (mean over seeds, geometric)."""
        return _ratio(self.forward[:, -1], self.forward[:, 0])

    @property
    def returned(self) -> float:
        """Std of the first layer's gradient, as a share of the last one's."""
        return _ratio(self.backward[:, 0], self.backward[:, -1])


def _ratio(part: np.ndarray, whole: np.ndarray) -> float:
    """Geometric mean of part / whole, (seeds,) each."""
    tiny = 1e-300  # a signal of exactly 0 has no logarithm
    logs = np.log(np.maximum(part, tiny)) - np.log(np.maximum(whole, tiny))
    return float(np.exp(logs.mean()))


def word(share: float) -> str:
    """vanishes, fades, is kept, grows, explodes."""
    levels = (LOST, "vanishes"), (0.2, "fades"), (5.0, "keeps its size"), (LOUD, "grows")
    for level, text in levels:
        if share < level:
            return text
    return "explodes"


def weights(n: int, m: int, scheme: str | Std, draw: torch.Generator) -> torch.Tensor:
    """(n, m) float64: normal with the std of the scheme, but for the uniform one."""
    if scheme == "uniform(-1, 1)":
        return torch.rand(n, m, generator=draw, dtype=torch.float64) * 2 - 1
    if isinstance(scheme, str) and scheme not in SCHEMES:
        raise RecipeError("propagate(scheme=)", found=repr(scheme),
                          expected="one of " + ", ".join((*SCHEMES, "uniform(-1, 1)")))
    std = SCHEMES[scheme] if isinstance(scheme, str) else scheme
    return torch.randn(n, m, generator=draw, dtype=torch.float64) * std(n, m)


@validated
def propagate(x: torch.Tensor, depth: Annotated[int, whole(1, 1000)], scheme: str | Std,
              activation: str, width: Annotated[int, whole(1, 10**4)] = 128,
              seeds: Annotated[int, whole(1, 1000)] = 3) -> Signals:
    """x (N, D) through `depth` layers of `width` units without biases, and a random gradient back.
    float64.

    Raises:
        RecipeError: no layers, or an activation that is no plain function.
    """
    if depth < 1 or activation not in STACKABLE:
        raise RecipeError("propagate(depth, activation)",
                          found=f"depth {depth}, activation {activation!r}",
                          expected="at least one layer, and one of " + ", ".join(STACKABLE))
    forward, backward = [], []
    for seed in range(seeds):
        draw, signal = rng(seed), x.double()
        sums: list[torch.Tensor] = []  # inputs z of each layer's activation, (N, width)
        outs: list[float] = []
        for _ in range(depth):
            before = signal @ weights(signal.shape[1], width, scheme, draw)
            if not sums:  # the graph begins here: weights and data get no gradient
                before.requires_grad_()
            signal = curve(activation, before)
            sums.append(before)
            outs.append(float(signal.detach().std()))
        upstream = torch.randn(signal.shape, generator=draw, dtype=torch.float64)
        grads = torch.autograd.grad(signal, sums, upstream)
        forward.append(outs)
        backward.append([float(grad.std()) for grad in grads])
    return Signals(np.array(forward), np.array(backward))


@validated
def draw_signals(data: Data, depth: Annotated[int, whole(1, 1000)] = 10, scheme: str = "Xavier",
                 activation: str = "tanh", width: Annotated[int, whole(1, 10**4)] = 128,
                 seeds: Annotated[int, whole(1, 1000)] = 3) -> Picture:
    """Both spreads by layer: mean of the seeds, lowest and highest."""
    signals = propagate(
        few_samples(data, 128)[0].flatten(1), depth, scheme, activation, width, seeds)
    layers = np.arange(1, depth + 1)
    figure = Figure(figsize=(9, 3), layout="constrained")
    said = []
    rows = (("activations", "last", "first", signals.forward, signals.kept),
            ("gradients", "first", "last", signals.backward, signals.returned))
    for axes, colour, (what, layer, other, values, share) in zip(
            figure.subplots(1, 2), PALETTE, rows, strict=False):
        shown = np.clip(values, 1e-30, 1e30)  # what a log axis can show
        axes.fill_between(layers, shown.min(0), shown.max(0), color=colour, alpha=0.3, linewidth=0)
        axes.plot(layers, np.exp(np.log(shown).mean(0)), "o-", color=colour, markersize=3)
        axes.set(yscale="log", xlabel="layer (1 is next to the input)", ylabel=f"std of the {what}",
                 title=f"the {what[:-1]} {word(share)}")
        low, high = axes.get_ylim()
        # at least four decades, so that noise looks small
        axes.set_ylim(min(low, 1e-2), max(high, 1e2))
        axes.grid(alpha=0.3)
        said.append(f"{what} of the {layer} layer are {share:.2g} times those of the {other}: "
                    f"{word(share)}")
    about = f"{depth} layers of {width} {activation} units, weights {scheme}, {data.name}"
    figure.suptitle(f"{about}; {seeds} seeds", fontsize=10)
    return Picture(figure, f"{about}: " + "; ".join(said) + ".")
