"""MNIST: is the learning rate of a narrow net also that of a wide one?"""

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
    tune_on_grid,
)
from recipe_widgets.training import train_many

from .own_training import Train, with_optimizer
from .samples import mnist

NARROW, WIDE = 16, 512
RATES = {"lr": (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)}
CHOOSING = (100, 101)


@functools.lru_cache(maxsize=4)
def narrow_rate(data: Data, settings: Settings) -> float:
    """The rate that suits the narrow net best, on the same images that choose for the others."""
    def score(point: dict[str, float]) -> float:
        runs = train_many(data, settings.replace(width=NARROW, **point), CHOOSING)
        return float(sum(right(run, data.validation).mean() for run in runs)) / len(runs)

    return tune_on_grid(RATES, score).best["lr"]


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
    """The maximal update parametrisation (Yang et al. 2022, table 3) from the narrow net: matrices
    that have as many inputs as there are units get a smaller rate, and the last one begins smaller.
    """
    ratio = NARROW / settings.width
    first, *others = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        others[-1].weight.mul_(math.sqrt(ratio))  # from a standard deviation ~ 1/sqrt(width) to ~ 1/width
    matrices = [layer.weight for layer in others]
    vectors = [first.weight, *(layer.bias for layer in (first, *others))]
    return AdamByWidth([{"params": matrices, "factor": ratio}, {"params": vectors, "factor": 1.0}],
                       lr=settings.lr, betas=(settings.momentum, 0.999))


def at_narrow_rate(then: Train) -> Train:
    """Training at the rate that suits the narrow net."""
    def trained(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
        return then(data, settings.replace(lr=narrow_rate(data, settings)), seeds)

    trained.__name__ = f"narrow_rate_{then.__name__}"
    return trained


EXPERIMENT = Experiment(
    name="rate_across_width",
    title=f"MNIST, MLPs of two hidden layers of {WIDE} units, Adam",
    asks="Can the learning rate be tuned on a narrow net?",
    refuted_by=f"{WIDE} units as good at the rate of {NARROW} units as at their own",
    equal="400 steps of 64 images",
    page="09",
    data=mnist,
    base=Settings(model="mlp", width=WIDE, depth=2, optimizer="adam", batch_size=64, max_steps=400,
                  momentum=0.9, schedule="cosine", eval_every=400),
    arms=[
        Arm("own rate"),
        Arm(f"rate of {NARROW} units", train=at_narrow_rate(train_many), untuned=True),
        Arm(f"rate of {NARROW} units, maximal update", untuned=True,
            train=at_narrow_rate(with_optimizer(maximal_update))),
    ],
    questions=[
        PairedQuestion(f"{WIDE} units are better at their own rate than at that of {NARROW} units",
                       "own rate", f"rate of {NARROW} units"),
        PairedQuestion("The narrow net's rate is better in the maximal update parametrisation",
                       f"rate of {NARROW} units, maximal update", f"rate of {NARROW} units"),
        PairedQuestion(f"{WIDE} units are better at their own rate than in the maximal update "
                       f"parametrisation at the rate of {NARROW} units",
                       "own rate", f"rate of {NARROW} units, maximal update"),
    ],
    grid=RATES,
    matters=0.005,
)
