"""CIFAR-10, the sample of the package: from a linear model to a small recipe, one measured rung at a time."""

from __future__ import annotations

import itertools
from typing import Any

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import cifar10

# (rung, what it changes against the one below, the claim about it)
RUNGS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("linear", {"model": "linear"}, ""),
    ("MLP", {"model": "mlp", "width": 128}, "An MLP is better than a linear model"),
    ("ConvNet", {"model": "convnet", "width": 32}, "A ConvNet is better than an MLP"),
    ("+ BatchNorm", {"norm": "batch"}, "BatchNorm helps the ConvNet"),
    ("+ cosine", {"schedule": "cosine"}, "A cosine on top of it helps"),
    ("+ shifts and flips", {"augment": "crop+flip", "augment_strength": 0.5},
     "Shifted and flipped images on top of it help"),
)
NAMES = [name for name, _, _ in RUNGS]


def merged(below: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {**below, **new}


CHANGES = itertools.accumulate((change for _, change, _ in RUNGS), merged)

EXPERIMENT = Experiment(
    name="recipe_ladder",
    title="CIFAR-10, 6,000 images",
    asks="Which steps from a linear model to a recipe bring something?",
    refuted_by="a rung no better than the one below, each at its own learning rate",
    equal="400 steps of 64 images (4 epochs)",
    page="10",
    data=cifar10,
    base=Settings(batch_size=64, max_steps=400, momentum=0.9, schedule="constant", eval_every=400),
    arms=[Arm(name, change) for name, change in zip(NAMES, CHANGES, strict=True)],
    questions=[PairedQuestion(claim, name, below)
               for below, (name, _, claim) in zip(NAMES[:-1], RUNGS[1:], strict=True)],
    grid={"lr": (0.003, 0.01, 0.03)},
    matters=0.01,
)
