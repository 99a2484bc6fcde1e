"""What the replays hold: which settings are trained beforehand, and when they are looked at."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from recipe_widgets import Settings


@dataclass(frozen=True)
class Plan:
    """One replay: every combination of a few values of a few knobs, all else as in `base`.

    Attributes:
        name: of the page and of the data set. choices: knob -> its values, in the order of the
            slider.
        looks: after so many steps the inside of the net is looked at and the validation set
            measured; the first is 0.
        pictures: those of `looks` at which the first layer's weights are kept as pictures.
        questions: what to find out by turning the sliders.
    """

    name: str
    title: str
    base: Settings
    choices: Mapping[str, tuple[Any, ...]]
    looks: tuple[int, ...]
    pictures: tuple[int, ...]
    questions: tuple[str, ...] = field(default=())

    def settings(self) -> Iterator[Settings]:
        """All combinations; the last knob changes fastest."""
        for values in itertools.product(*self.choices.values()):
            yield self.base.replace(**dict(zip(self.choices, values, strict=True)))


MNIST = Plan(
    "mnist", "Four sliders on MNIST",
    Settings(model="mlp", max_steps=300, eval_every=20, eval_samples=1000), {
        "lr": (0.001, 0.01, 0.05, 0.2, 1.0, 3.0), "batch_size": (8, 64, 256), "dropout":
        (0.0, 0.5), "momentum": (0.0, 0.5, 0.9)
    }, looks=(0, 10, *range(20, 301, 20)), pictures=(0, 20, 100, 300), questions=(
        "Which learning rates are too high with momentum 0.9? And without momentum?",
        "Which learning rate without momentum gives nearly the curve of 0.05 with momentum 0.9?",
        "How does the training curve change from 8 samples per step to 256?",
        "Does dropout help within 300 steps?"))
CIFAR10 = Plan(
    "cifar10", "Four sliders on CIFAR-10",
    Settings(model="convnet", width=64, depth=1, max_steps=200, eval_every=20, eval_samples=500), {
        "lr": (0.002, 0.01, 0.05, 0.2), "batch_size": (16, 64), "dropout": (0.0, 0.5), "momentum":
        (0.0, 0.9)
    }, looks=(0, 10, *range(20, 201, 20)), pictures=(0, 10, *range(20, 201, 20)), questions=(
        "Which learning rate is best with momentum 0.9, and which without?",
        "At equal numbers of steps, what do 64 samples per step gain over 16?",
        "Which choices learn nothing at all, and what do the words say is the matter with them?"))
PLANS = (MNIST, CIFAR10)
