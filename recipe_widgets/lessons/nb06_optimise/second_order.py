"""Second-order methods: what they save in steps, and what they cost in size. Notebook 06, P9."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.data import Data
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE, set_title


@dataclass(frozen=True)
class Passes:
    """Training loss (nats) over full passes through the same samples, by method, and the seconds
    of it all.
    """

    losses: Mapping[str, list[float]]
    seconds: Mapping[str, float]

    def __str__(self) -> str:
        ends = "; ".join(f"{name} {curve[-1]:.3g} nats in {self.seconds[name]:.2f} s"
                         for name, curve in self.losses.items())
        count = len(next(iter(self.losses.values())))
        return f"After {count} passes: {ends}. Lowest: {self.lowest}."

    @property
    def lowest(self) -> str:
        """The method whose loss is lowest after the last pass."""
        return min(self.losses, key=lambda name: self.losses[name][-1])

    def plot(self) -> Picture:
        figure = Figure(figsize=(6.5, 3), layout="constrained")
        axes = figure.subplots()
        for number, (name, curve) in enumerate(self.losses.items()):
            axes.plot(range(1, len(curve) + 1), curve, LINES[number], color=PALETTE[number],
                      label=name)
        axes.set(xlabel="passes through all samples (forward and backward)",
                 ylabel="training loss (nats)", yscale="log")
        axes.grid(alpha=0.3, which="both")
        axes.legend(frameon=False)
        set_title(figure, f"On full batches of few samples {self.lowest} gets lowest", 6.5)
        return Picture(figure, str(self))


def full_batch_passes(data: Data, settings: Settings, passes: int,
                      lrs: Sequence[float] = (0.03, 0.1, 0.3, 1.0)) -> Passes:
    """L-BFGS and SGD with momentum (the best of `lrs`) on all samples at once, for the same
    number of passes.
    """
    x, y = data.train.batch(torch.arange(data.train.size))

    def descend(make: Callable[[Any], torch.optim.Optimizer]) -> tuple[list[float], float]:
        """Losses of each pass and the seconds of all, under the optimiser that `make` gives."""
        model = build_model(settings, data.shape, data.num_classes)
        optimizer, losses = make(model.parameters()), []

        def closure() -> float:  # L-BFGS asks for several passes a step: each one counts
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            losses.append(loss.item())
            return losses[-1]

        start = time.perf_counter()
        while len(losses) < passes:
            before = len(losses)
            optimizer.step(closure)
            # an L-BFGS that has converged asks once and does not move: its loss stays
            if len(losses) == before + 1 and isinstance(optimizer, torch.optim.LBFGS):
                losses += losses[-1:] * (passes - len(losses))
        return losses[:passes], time.perf_counter() - start

    # Its line search finds the step length; SGD gets the best of some rates, so that both are tuned.
    lbfgs = descend(lambda params: torch.optim.LBFGS(
        params, max_iter=20, history_size=10, line_search_fn="strong_wolfe"))
    tried = [descend(partial(torch.optim.SGD, lr=lr, momentum=0.9)) for lr in lrs]
    sgd = min(tried, key=lambda found: np.nan_to_num(found[0][-1], nan=np.inf))
    made = {"L-BFGS": lbfgs, "SGD, best of its rates": sgd}
    return Passes({name: losses for name, (losses, _) in made.items()},
                  {name: seconds for name, (_, seconds) in made.items()})


@dataclass(frozen=True)
class NewtonCost:
    """What a Newton step costs beside a gradient, by the number of parameters n."""

    hessian: Mapping[int, float]  # seconds to form the n x n Hessian and to solve with it
    gradient: Mapping[int, float]  # seconds of one gradient

    @property
    def power(self) -> float:
        """p of seconds ~ n^p, from the two largest."""
        (small, brief), (large, long) = sorted(self.hessian.items())[-2:]
        return float(np.log(long / brief) / np.log(large / small))

    def memory(self, n: int) -> float:
        """Gigabytes of an n x n matrix of float32."""
        return 4e-9 * n * n

    def __str__(self) -> str:
        rows = [
            f"{'parameters':>10}  {'gradient':>12}  {'Newton step':>12}  {'Hessian, float32':>16}"
        ]
        rows += [
            f"{n:>10,}  {1000 * self.gradient[n]:>9.2f} ms  {1000 * seconds:>9.1f} ms  "
            f"{1000 * self.memory(n):>13.2f} MB" for n, seconds in self.hessian.items()
        ]
        many = 101_770  # of the MLP 784-128-10
        most = max(self.hessian)
        times = self.hessian[most] / self.gradient[most]
        return "\n".join([
            *rows, f"At {most:,} parameters a Newton step takes {times:,.0f} times as long as a "
            f"gradient; the time grows as n^{self.power:.1f}. The Hessian of an MLP of {many:,} "
            f"parameters would need {self.memory(many):,.0f} GB."
        ])


def newton_cost(sizes: Sequence[int] = (300, 900, 2700), samples: int = 200, classes: int = 10,
                seed: int = 0) -> NewtonCost:
    """Time a gradient and a Newton step of softmax regression on random samples.

    Args:
        sizes: about so many parameters: a multiple of `classes` is taken.
    """
    if len(sizes) < 2 or min(sizes) < 2 * classes:
        raise RecipeError("newton_cost(sizes=)", found=repr(list(sizes)),
                          expected=f"two sizes or more, from {2 * classes}")
    draw = torch.Generator().manual_seed(seed)
    hessian: dict[int, float] = {}
    gradient: dict[int, float] = {}
    for size in sizes:
        inputs = size // classes
        x = torch.randn(samples, inputs, generator=draw)
        y = torch.randint(classes, (samples, ), generator=draw)
        weights = 0.1 * torch.randn(inputs * classes, generator=draw)  # (n,)
        slope = torch.func.grad(partial(_softmax_regression, x=x, y=y, classes=classes))
        gradient[len(weights)] = _seconds(partial(slope, weights), 5)
        hessian[len(weights)] = _seconds(partial(_newton_step, slope, weights), 2)
    return NewtonCost(hessian, gradient)


def _softmax_regression(weights: torch.Tensor, x: torch.Tensor, y: torch.Tensor,
                        classes: int) -> torch.Tensor:
    """Its loss, a scalar. weights: (inputs * classes,); x: (N, inputs); y: (N,)."""
    logits = x @ weights.view(x.shape[1], classes)
    # a little weight decay: without it the Hessian is singular, as softmax ignores a common shift
    return nn.functional.cross_entropy(logits, y) + 1e-3 * (weights * weights).sum()


def _newton_step(slope: Callable[[torch.Tensor], torch.Tensor],
                 weights: torch.Tensor) -> torch.Tensor:
    """H⁻¹g, by way of the whole Hessian. slope: weights (n,) to gradient (n,)."""
    hessian: torch.Tensor = torch.func.jacrev(slope)(weights)  # (n, n)
    step: torch.Tensor = torch.linalg.solve(hessian, slope(weights))
    return step


def _seconds(work: Callable[[], object], times: int) -> float:
    """The shortest of some: what else the machine does only adds to a time."""
    found = []
    work()  # once untimed: first calls load and compile
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)
