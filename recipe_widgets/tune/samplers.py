"""Optuna's samplers and pruners, by the names used here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from recipe_widgets.core import RecipeError

if TYPE_CHECKING:
    import optuna

    from recipe_widgets.tune.search_space import Value

Sampler = Literal["tpe", "random", "grid"]
Pruner = Literal["median", "hyperband", "none"]
SAMPLERS, PRUNERS = ("tpe", "random", "grid"), ("median", "hyperband", "none")
GRID_POINTS = 4  # values of each range
FREE_TRIALS = 5  # whole trials before the median may prune


def make_sampler(kind: str, grid: Mapping[str, Sequence[Value]], seed: int,
                 shared: bool) -> optuna.samplers.BaseSampler:
    """A sampler; where the storage is `shared` its random numbers differ between workers, or all
    would try the same.
    """
    import optuna

    if kind not in SAMPLERS:
        raise RecipeError("Sampler", found=repr(kind), expected="one of " + ", ".join(SAMPLERS))
    if kind == "grid":
        return grid_sampler(grid, seed)
    chosen = seed % 2**32  # numpy's limit
    if shared:  # the system's entropy, as process numbers of two machines may be equal
        entropy = np.random.SeedSequence().generate_state(2)
        mixed = np.random.SeedSequence([seed, os.getpid(), *entropy])
        chosen = int(mixed.generate_state(1)[0])
    if kind == "random":
        return optuna.samplers.RandomSampler(seed=chosen)
    # constant_liar: trials that other workers still train count as bad ones, so that not all
    # workers try the same place
    return optuna.samplers.TPESampler(seed=chosen, constant_liar=shared)


def grid_sampler(grid: Mapping[str, Sequence[Value]], seed: int) -> optuna.samplers.GridSampler:
    """Every point once, in an order shuffled by the seed, the same for all workers."""
    import optuna

    class Grid(optuna.samplers.GridSampler):
        def after_trial(self, *_: Any) -> None:
            """Nothing: who asks for trials knows when the grid is done; stopping a study from
            here needs Optuna's loop.
            """

    return Grid(grid, seed=seed % 2**32)


def make_pruner(kind: str, max_steps: int) -> optuna.pruners.BasePruner:
    import optuna

    if kind == "none":
        return optuna.pruners.NopPruner()
    if kind == "median":  # no verdict in the first eighth, where every curve is steep
        return optuna.pruners.MedianPruner(n_startup_trials=FREE_TRIALS,
                                           n_warmup_steps=max_steps // 8)
    if kind == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=max(1, max_steps // 9),
                                              max_resource=max(1, max_steps))
    raise RecipeError("Pruner", found=repr(kind), expected="one of " + ", ".join(PRUNERS))
