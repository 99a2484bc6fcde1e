"""MNIST: which knob explains which trials are good, from searches with trainings of their own."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from recipe_widgets import Data, Run, Settings
from recipe_widgets.data.split import Split
from recipe_widgets.evaluation.experiment import Arm, Experiment, Floats, PairedQuestion
from recipe_widgets.tune import Tuning, space, tune
from recipe_widgets.tune.importances import BEST, shares_among, whole_trials

from .own_training import Train
from .samples import mnist

SEARCHED = space("lr", "momentum", "dropout")
MANY, FEW = 64, 8
# (trials of a search, how many of them count as good at least; by Optuna's default a tenth: of 8 one)
FIRST = ((FEW, 2), (FEW, BEST), (16, BEST), (MANY, BEST))
SERIES = "importance"


@functools.lru_cache(maxsize=64)
def search(data: Data, settings: Settings) -> Tuning:
    """Random trials, none of them cut short."""
    return tune(data, SEARCHED, settings, trials=MANY, sampler="random", pruner="none", metric="val_accuracy")


def importances(data: Data, settings: Settings, trials: int, best: int = BEST) -> Mapping[str, float]:
    """Of the first trials of a search; `Tuning.importances` refuses so few as 8."""
    study = search(data, settings).study
    return shares_among(study, whole_trials(study)[:trials], best)


def explains(knob: str, trials: int) -> Train:
    """The share that a knob explains in each seed's own search."""
    def found(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
        return [told(own, importances(data, own, trials)[knob])
                for own in (settings.replace(seed=seed) for seed in seeds)]

    found.__name__ = f"explains_{knob}_{trials}"
    return found


def rate_is_first(trials: int, best: int) -> Train:
    """1 where the learning rate explains most, else 0."""
    def found(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
        each = [importances(data, settings.replace(seed=seed), trials, best) for seed in seeds]
        return [told(settings.replace(seed=seed), float(max(one, key=lambda knob: one[knob]) == "lr"))
                for seed, one in zip(seeds, each, strict=True)]

    found.__name__ = f"rate_is_first_{trials}_{best}"
    return found


def told(settings: Settings, value: float) -> Run:
    run = Run(settings)
    run.history.append(SERIES, 0, value)
    run.status = "done"
    return run


def as_told(run: Run, split: Split) -> Floats:
    return np.full(split.size, run.history.last(SERIES))


EXPERIMENT = Experiment(
    name="importances",
    title="MNIST, MLP of 64 units, 150 steps",
    asks="Which knob matters most, and how many trials does it take to see it?",
    refuted_by="momentum or dropout that explain as much as the learning rate",
    equal="random trials of 150 steps of 64 images; none is cut short",
    page="09",
    data=mnist,
    base=Settings(model="mlp", width=64, batch_size=64, max_steps=150, eval_every=150),
    arms=[
        *(Arm(f"{knob}, {MANY} trials", train=explains(knob, MANY), untuned=True)
          for knob in SEARCHED.names),
        *(Arm(f"lr is first, {count} trials, best {max(best, math.ceil(count / 10))}",
              train=rate_is_first(count, best), untuned=True) for count, best in FIRST),
    ],
    questions=[
        PairedQuestion("The learning rate explains more than momentum", f"lr, {MANY} trials",
                       f"momentum, {MANY} trials"),
        PairedQuestion("The learning rate explains more than dropout", f"lr, {MANY} trials",
                       f"dropout, {MANY} trials"),
        PairedQuestion(f"The best {BEST} of {FEW} trials name the learning rate first more often than the best 2",
                       f"lr is first, {FEW} trials, best {BEST}", f"lr is first, {FEW} trials, best 2"),
        PairedQuestion(f"{MANY} trials name the learning rate first more often than {FEW}",
                       f"lr is first, {MANY} trials, best 7", f"lr is first, {FEW} trials, best {BEST}"),
    ],
    grid={},
    matters=0.1,
    score=as_told,
    measure="share of what makes a trial good (PED-ANOVA, Watanabe et al. 2023)",
)
