"""MNIST: digits before random backgrounds in training, judged before photographs."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import torch

from recipe_widgets import Data, Run, Settings, load
from recipe_widgets.data import augment
from recipe_widgets.data.split import Split
from recipe_widgets.evaluation.experiment import Arm, Experiment, Floats, PairedQuestion, right
from recipe_widgets.training import train_many

from .own_training import Train
from .samples import first, mnist

CHOOSING = (100, 101)
MARK = "judged before photographs"
BRIGHT = 0.5  # as bright as the brightest random background


@functools.cache
def photographs() -> torch.Tensor:
    """(6,000, 1, 28, 28) grey, in [0, 1]: the middle of CIFAR-10's training images."""
    x = load("cifar10").split(6 / 12, 4 / 12, 2 / 12).train.x[:, :, 2:30, 2:30]
    return x.float().mean(1, keepdim=True) / 255


def before_photographs(split: Split) -> Split:
    """The same digits, each before another photograph: a world that no augmentation draws."""
    behind = photographs()[torch.arange(split.size) % len(photographs())]
    x = augment.backgrounds(split.x.float() / 255, BRIGHT * behind)
    samples = replace(split.samples, x=(255 * x).round().to(torch.uint8))
    return Split(samples, split.name, split.mean, split.std)


@functools.lru_cache(maxsize=8)
def nets(data: Data, settings: Settings, seeds: tuple[int, ...]) -> list[Run]:
    return train_many(data, settings, seeds)


def judged(marked: bool) -> Train:
    """The usual training; marked: for the other world."""
    def trained(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
        runs = [Run(run.settings, run.history.copy(), run.model, run.status)
                for run in nets(data, settings, tuple(seeds))]
        for run in runs if marked else []:
            run.history.append(MARK, run.steps_done - 1, 1.0)
        return runs

    trained.__name__ = f"judged_{marked}"
    return trained


def as_marked(run: Run, split: Split) -> Floats:
    """The choice sees plain digits: the other world is not known yet."""
    elsewhere = MARK in run.history and run.settings.seed not in CHOOSING
    return right(run, before_photographs(split) if elsewhere else split)


@functools.cache
def few() -> Data:
    return first(5000)(mnist())


EXPERIMENT = Experiment(
    name="backgrounds",
    title="MNIST, 5,000 images, MLP of 128 units",
    asks="Do random backgrounds prepare a net for backgrounds that nothing in training draws?",
    refuted_by="a net that saw none as good before photographs",
    equal="1,500 steps of 64 images; chosen on plain digits",
    page="07",
    data=few,
    base=Settings(model="mlp", width=128, batch_size=64, max_steps=1500, momentum=0.9,
                  schedule="cosine", eval_every=1500),
    arms=[Arm(f"{name}, {world}", {"augment": name}, train=judged(world == "photographs"))
          for world in ("plain", "photographs") for name in ("none", "backgrounds")],
    questions=[
        PairedQuestion("Random backgrounds help before photographs", "backgrounds, photographs",
                       "none, photographs"),
        PairedQuestion("Random backgrounds help on plain digits", "backgrounds, plain", "none, plain"),
    ],
    grid={"lr": (0.01, 0.03, 0.1)},
    matters=0.005,
    score=as_marked,
    choosing=CHOOSING,
)
