"""MNIST: grid, random search and TPE, each search with trainings of its own."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import cast

from recipe_widgets import Data, Run, Settings, train
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion
from recipe_widgets.tune import Trial, space, tune
from recipe_widgets.tune.samplers import Sampler

from .own_training import Train
from .samples import mnist

SEARCHED = space(lr=(1e-4, 10.0), dropout=(0.0, 0.8))
SIDE, MOST = 4, 32  # of the grid; trials of the others


@functools.lru_cache(maxsize=64)
def trials(data: Data, settings: Settings, sampler: Sampler) -> tuple[Trial, ...]:
    """One search: it draws its points and trains each from the seed of the settings."""
    count = SIDE**2 if sampler == "grid" else MOST
    return tuple(tune(data, SEARCHED, settings, trials=count, sampler=sampler, pruner="none",
                      metric="val_accuracy", grid_points=SIDE).table())


def best_of(sampler: str, count: int) -> Train:
    """The best of the first trials of each seed's own search, by the images that choose."""
    def found(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
        runs = []
        for seed in seeds:
            own = settings.replace(seed=seed)
            tried = trials(data, own, cast(Sampler, sampler))[:count]
            best = max((one for one in tried if one.state == "complete"), key=lambda one: one.value)
            runs.append(train(data, own.replace(**best.knobs)))
        return runs

    found.__name__ = f"best_of_{count}_{sampler}"
    return found


def arm(sampler: str, count: int) -> Arm:
    return Arm(f"{sampler}, {count}", train=best_of(sampler, count), untuned=True)


EXPERIMENT = Experiment(
    name="searches",
    title="MNIST, MLP of 64 units, 150 steps, learning rate and dropout",
    asks="Which way to search finds the better net with as many trainings?",
    refuted_by="a grid as good as random search, and random search as good as TPE",
    equal="as many trainings of 150 steps of 64 images; no trial is cut short",
    page="09",
    data=mnist,
    base=Settings(model="mlp", width=64, batch_size=64, max_steps=150, momentum=0.9, eval_every=150),
    arms=[arm("grid", SIDE**2), arm("random", SIDE**2), arm("tpe", SIDE**2), arm("random", MOST),
          arm("tpe", MOST)],
    questions=[
        PairedQuestion("Random search finds a better net than a grid, 16 trials each", "random, 16", "grid, 16"),
        PairedQuestion("TPE finds a better net than random search, 16 trials each", "tpe, 16", "random, 16"),
        PairedQuestion("TPE finds a better net than random search, 32 trials each", "tpe, 32", "random, 32"),
        PairedQuestion("32 random trials find a better net than 16", "random, 32", "random, 16"),
    ],
    grid={},
    matters=0.003,
    seeds=tuple(range(12)),  # searches of their own differ much
    again=tuple(range(1000, 1012)),
)
