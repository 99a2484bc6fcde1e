"""MNIST: is the learning rate of a narrow net also that of a wide one, in the usual form and in the
maximal update parametrisation?
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from recipe_widgets import Data, Run, Settings
from recipe_widgets.evaluation.experiment import (
    Arm,
    Experiment,
    PairedQuestion,
    right,
    trained,
    tune_on_grid,
)

from .own_training import Train, with_optimizer
from .samples import mnist

BASE = 16  # units of the net that both forms share
NARROW, WIDE = (16, 64), 512
RATES = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)
PARAMETRISED_RATES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1)  # of a net of `BASE` units
CHOOSING = (100, 101)


class AdamByWidth(torch.optim.Adam):
    """Adam whose groups each have a factor to the run's learning rate."""

    def step(self, closure: Any = None) -> Any:
        rates = [group["lr"] for group in self.param_groups]
        for group in self.param_groups:
            group["lr"] *= group["factor"]
        loss = super().step(closure)
        for group, rate in zip(self.param_groups, rates, strict=True):
            group["lr"] = rate
        return loss


def maximal_update(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """The maximal update parametrisation for Adam (Yang et al. 2022, table 3): matrices that have as
    many inputs as there are units get a smaller rate, the last one begins smaller, and biases begin
    as in a net of `BASE` units.
    """
    ratio = BASE / settings.width
    first, *others = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        others[-1].weight.mul_(math.sqrt(ratio))  # from a standard deviation ~ 1/sqrt(width) to ~ 1/width
        for layer in others:
            layer.bias.div_(math.sqrt(ratio))  # PyTorch draws them within 1/sqrt(width)
    matrices = [layer.weight for layer in others]
    vectors = [first.weight, *(layer.bias for layer in (first, *others))]
    return AdamByWidth([{"params": matrices, "factor": ratio}, {"params": vectors, "factor": 1.0}],
                       lr=settings.lr, betas=(settings.momentum, 0.999))


PARAMETRISED = with_optimizer(maximal_update)


@functools.lru_cache(maxsize=16)
def best_rate(data: Data, settings: Settings, train: Train, rates: Sequence[float]) -> float:
    """Chosen on the same images, from the same seeds and as many rates, as for the wide net."""
    def score(point: dict[str, float]) -> float:
        runs = train(data, settings.replace(**point), CHOOSING)
        return float(sum(right(run, data.validation).mean() for run in runs)) / len(runs)

    return tune_on_grid({"lr": rates}, score).best["lr"]


def at_rate_of(width: int, train: Train, rates: Sequence[float]) -> Train:
    """Training at the rate that suits a net of `width` units best, in the same form."""
    def found(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
        lr = best_rate(data, settings.replace(width=width), train, rates)
        return train(data, settings.replace(lr=lr), seeds)

    found.__name__ = f"rate_of_{width}_{train.__name__}"
    return found


EXPERIMENT = Experiment(
    name="rate_across_width",
    title=f"MNIST, MLPs of two hidden layers of {WIDE} units, Adam",
    asks="Can the learning rate be tuned on a narrow net?",
    refuted_by=f"{WIDE} units as good at the rate of {NARROW[0]} units as at their own",
    equal="400 steps of 64 images, six learning rates tried",
    page="09",
    data=mnist,
    base=Settings(model="mlp", width=WIDE, depth=2, optimizer="adam", batch_size=64, max_steps=400,
                  momentum=0.9, schedule="cosine", eval_every=400),
    arms=[
        Arm("own rate", grid={"lr": RATES}),
        *(Arm(f"rate of {width} units", untuned=True, train=at_rate_of(width, trained, RATES))
          for width in NARROW),
        Arm("maximal update, own rate", grid={"lr": PARAMETRISED_RATES}, train=PARAMETRISED),
        *(Arm(f"maximal update, rate of {width} units", untuned=True,
              train=at_rate_of(width, PARAMETRISED, PARAMETRISED_RATES)) for width in NARROW),
    ],
    questions=[
        *(PairedQuestion(f"{WIDE} units are better at their own rate than at that of {width} units",
                         "own rate", f"rate of {width} units") for width in NARROW),
        *(PairedQuestion(f"In the maximal update parametrisation, {WIDE} units are better at their own rate "
                         f"than at that of {width} units", "maximal update, own rate",
                         f"maximal update, rate of {width} units") for width in NARROW),
        PairedQuestion("Each at its own rate, the maximal update parametrisation is better",
                       "maximal update, own rate", "own rate"),
    ],
    grid={},
    matters=0.005,
)
