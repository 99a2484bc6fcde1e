"""Losses: what they push, and where they begin. (Notebook 02.)"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.data import Data
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE
from recipe_widgets.training import eval_mode

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def one_hot(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return F.one_hot(y, logits.shape[1]).to(logits)


# Each: logits (N, K), labels (N,) -> mean loss. Hinge: the multi-class one, summed over the wrong
# classes (Weston & Watkins 1999, CS231n), not divided by K as in torch.
LOSSES: dict[str, Loss] = {
    "softmax": F.cross_entropy,
    "hinge": lambda logits, y: F.multi_margin_loss(logits, y) * logits.shape[1],
    "L2": lambda logits, y: F.mse_loss(logits, one_hot(logits, y)) * logits.shape[1],
    "Huber": lambda logits, y: F.huber_loss(logits, one_hot(logits, y)) * logits.shape[1],
}


def at_zero(loss: str, classes: int) -> float:
    """The loss of outputs that are all zero, by hand: ln K; one per wrong class; 1; 1/2 (distances
    up to 1 are squared and halved)."""
    return {"softmax": math.log(classes), "hinge": float(classes - 1),
            "L2": 1.0, "Huber": 0.5}[loss]


def push(loss: str, score: float, classes: int = 10) -> tuple[float, float]:
    """(loss, push) of one sample whose right class scores `score` and all others 0. The push is
    what a step of gradient descent adds to the score per unit of the learning rate."""
    if loss not in LOSSES:
        raise RecipeError("push(loss=)", found=repr(loss), expected="one of " + ", ".join(LOSSES))
    logits = torch.zeros(1, classes, dtype=torch.float64)
    logits[0, 0] = score
    logits.requires_grad_()
    value = LOSSES[loss](logits, torch.zeros(1, dtype=torch.int64))  # class 0 is the right one
    (slope,) = torch.autograd.grad(value, logits)
    return float(value.detach()), 0.0 - float(slope[0, 0])  # descent: against the slope


def loss_shapes(score: float = 2.0, classes: int = 10) -> Picture:
    """Each loss, and its push on the right class's score, against that score."""
    grid = np.linspace(-4, 8, 121)  # scores of the right class
    figure = Figure(figsize=(9.5, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    words = []
    for number, name in enumerate(LOSSES):
        curve = np.array([push(name, float(at), classes) for at in grid])  # (scores, 2)
        here = push(name, score, classes)
        for axes, part in ((left, 0), (right, 1)):
            axes.plot(grid, curve[:, part], LINES[number], color=PALETTE[number], label=name)
            axes.plot([score], [here[part]], "o", color=PALETTE[number])
        words.append(f"{name} {here[0]:.2f}, push {here[1]:+.2f}")
    left.set(xlabel="score of the right class (others: 0)", ylabel="loss (softmax: nats)",
             ylim=(0, 15))
    right.set(xlabel="score of the right class (others: 0)", ylabel="push on that score",
              ylim=(-6, 10))
    for axes in (left, right):
        axes.axvline(score, color="0.6", linewidth=0.8)
        axes.grid(alpha=0.3)
    left.legend(frameon=False, fontsize=8)
    stopped = [name for name in LOSSES if abs(push(name, score, classes)[1]) < 1e-9]
    back = [name for name in LOSSES if push(name, score, classes)[1] < -1e-9]
    state = "; ".join(
        part for part in (f"{', '.join(stopped)}: no push any more" if stopped else "",
                          f"{', '.join(back)}: back down" if back else "") if part)
    figure.suptitle(
        f"Score {score:g}, {classes} classes: {state or 'all of them push the score up'}",
        fontsize=10)
    end = f"{state[:1].upper()}{state[1:]}." if state else ""
    return Picture(figure, f"At score {score:g}: {'; '.join(words)}. {end}")


@dataclass
class Dice:
    """First losses of many initialisations of one network, before any training.

    Attributes:
        values: loss -> one number per roll, each with weights from the next seed.
    """

    data: Data
    settings: Settings
    samples: int = 500
    values: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in LOSSES})

    def roll(self, times: int = 20) -> None:
        """Draw the weights anew `times` times, and take each loss on the same training samples."""
        x, y = self.data.train.batch(torch.arange(min(self.samples, self.data.train.size)))
        for _ in range(times):
            seed = self.settings.seed + self.rolls
            model = build_model(self.settings.replace(seed=seed), self.data.shape,
                                self.data.num_classes)
            with eval_mode(model):
                logits = model(x)
            for name, loss in LOSSES.items():
                self.values[name].append(float(loss(logits, y)))

    @property
    def rolls(self) -> int:
        return len(self.values["softmax"])

    def plot(self) -> Picture:
        """One histogram per loss, with the value by hand."""
        figure = Figure(figsize=(10, 2.6), layout="constrained")
        panels = zip(figure.subplots(1, len(LOSSES)), self.values.items(), strict=True)
        for number, (axes, (name, values)) in enumerate(panels):
            by_hand = at_zero(name, self.data.num_classes)
            axes.hist(values, 20, color=PALETTE[number])
            axes.axvline(by_hand, color="black", linestyle="--")
            axes.set(xlabel=f"{name} loss{' (nats)' if name == 'softmax' else ''}",
                     ylabel="initialisations" if not number else "",
                     title=f"outputs 0: {by_hand:.3f}")
            axes.yaxis.get_major_locator().set_params(integer=True)
            axes.title.set_fontsize(9)
        figure.suptitle(
            f"{self.data.name}, {self.settings.model}, init {self.settings.init}: {self.rolls} "
            "rolls (dashed: all outputs zero)", fontsize=10)
        return Picture(figure, str(self))

    def __str__(self) -> str:
        parts = []
        for name, values in self.values.items():
            by_hand = at_zero(name, self.data.num_classes)
            parts.append(f"{name} {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f}; "
                         f"outputs 0: {by_hand:.3f})" if values else f"{name}: not rolled yet")
        return (f"{self.data.name}, first loss over {self.rolls} initialisations: "
                f"{'; '.join(parts)}.")
