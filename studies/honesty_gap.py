"""MNIST: what the accuracy on a small validation set is worth once it has chosen among settings."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch

from recipe_widgets import Data, Run, Settings
from recipe_widgets.core import generator
from recipe_widgets.data.split import Split
from recipe_widgets.evaluation.experiment import Arm, Experiment, Floats, PairedQuestion, right
from recipe_widgets.training import evaluate, train_many

from .own_training import Train, model_of
from .samples import first, mnist

IMAGES = 300  # of a validation set; each seed draws its own
TRIES = (1, 8, 48)
SERIES = "accuracy that chose"


def tried() -> list[dict[str, float]]:
    """Settings that are all sensible, so that chance has a say among them."""
    draw = np.random.default_rng(0)
    return [{"lr": 10**draw.uniform(-2.0, -0.7), "weight_decay": 10**draw.uniform(-5, -3),
             "dropout": draw.uniform(0, 0.4), "width": int(draw.choice([48, 64, 96]))}
            for _ in range(max(TRIES))]


@functools.lru_cache(maxsize=2)
def trained(data: Data, settings: Settings, seeds: tuple[int, ...]) -> list[list[Run]]:
    """All settings from all seeds, each with its accuracy on the seed's validation set."""
    rows = [torch.randperm(data.validation.size, generator=generator(seed, "split"))[:IMAGES]
            for seed in seeds]
    splits = [Split(data.validation.samples.take(one), "validation", data.validation.mean,
                    data.validation.std) for one in rows]
    found = [train_many(data, settings.replace(**point), seeds) for point in tried()]
    for runs in found:
        for run, split in zip(runs, splits, strict=True):
            run.history.append(SERIES, run.steps_done - 1, evaluate(model_of(run), split).accuracy)
    return found


def best_of(count: int) -> Train:
    """The best of the first `count` settings, by the seed's own validation set."""
    def chosen(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
        found = trained(data, settings, tuple(seeds))[:count]
        return [max(runs, key=lambda run: run.history.last(SERIES))
                for runs in zip(*found, strict=True)]

    chosen.__name__ = f"best_of_{count}"
    return chosen


def told_by_validation(count: int) -> Train:
    """The same; judged by the accuracy that chose it."""
    def chosen(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
        return [Run(run.settings, run.history, None, "done")  # no model: nothing else to judge by
                for run in best_of(count)(data, settings, seeds)]

    chosen.__name__ = f"told_by_validation_{count}"
    return chosen


def told_or_right(run: Run, split: Split) -> Floats:
    return np.full(split.size, run.history.last(SERIES)) if run.model is None else right(run, split)


@functools.cache
def few() -> Data:
    return first(1000)(mnist())


EXPERIMENT = Experiment(
    name="honesty_gap",
    title=f"MNIST, 1,000 images, a validation set of {IMAGES}",
    asks="Is the accuracy that chose a setting also its accuracy on other images?",
    refuted_by="the best of 48 settings as good on other images as on those that chose it",
    equal="200 steps of 64 images; the same 48 settings",
    page="10",
    data=few,
    base=Settings(model="mlp", batch_size=64, max_steps=200, momentum=0.9, eval_every=200),
    arms=[arm for count in TRIES for arm in (
        Arm(f"best of {count}, as the validation set says", train=told_by_validation(count), untuned=True),
        Arm(f"best of {count}, on 15,000 other images", train=best_of(count), untuned=True))],
    questions=[PairedQuestion(
        f"The best of {count} settings looks better on the images that chose it than on others"
        if count > 1 else "One setting that nobody chose looks better on its validation set than on other images",
        f"best of {count}, as the validation set says", f"best of {count}, on 15,000 other images")
        for count in TRIES] + [
        PairedQuestion("The best of 48 settings is better than the first one, on other images",
                       "best of 48, on 15,000 other images", "best of 1, on 15,000 other images")],
    grid={},
    matters=0.01,
    score=told_or_right,
    seeds=tuple(range(24)),  # 300 images are few: one seed's gap says little
    again=tuple(range(1000, 1024)),
)
