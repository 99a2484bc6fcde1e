"""How much each knob explains: planted answers, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import optuna
import pytest

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.tune import space, tune
from recipe_widgets.tune.importances import FEWEST, importances
from recipe_widgets.tune.storage import quiet_optuna

KNOBS = {"lr": optuna.distributions.FloatDistribution(1e-4, 1.0, log=True),
         "momentum": optuna.distributions.FloatDistribution(0.0, 0.99),
         "width": optuna.distributions.CategoricalDistribution([16, 64])}


def searched(loss: Callable[[float, float, int, float], float], trials: int, seed: int) -> optuna.Study:
    """A random search over a loss of (decades of lr, momentum, width, noise)."""
    draw = np.random.default_rng(seed)
    with quiet_optuna():
        study = optuna.create_study()
        for _ in range(trials):
            decade, momentum, width = draw.uniform(-4, 0), draw.uniform(0, 0.99), int(draw.choice([16, 64]))
            study.add_trial(optuna.create_trial(
                params={"lr": 10**decade, "momentum": momentum, "width": width}, distributions=KNOBS,
                value=loss(decade, momentum, width, draw.normal())))
    return study


def only_the_rate(decade: float, momentum: float, width: int, noise: float) -> float:
    return (decade + 1.5)**2 + 0.05 * noise


def nothing_at_all(decade: float, momentum: float, width: int, noise: float) -> float:
    return noise


def rate_and_momentum_alike(decade: float, momentum: float, width: int, noise: float) -> float:
    return ((decade + 1.5) / 4)**2 + (momentum / 0.99 - 0.625)**2 + 0.01 * noise


def test_what_matters_alone_is_first_and_sure() -> None:
    for seed in range(5):
        found = importances(searched(only_the_rate, 64, seed))
        assert next(iter(found)) == "lr"
        assert found["lr"] > 0.7
        assert found.warning == ""
        assert sum(found.values()) == pytest.approx(1.0)
        assert list(found.values()) == sorted(found.values(), reverse=True)
        assert "from 64 trials that ran to their end" in str(found)


@pytest.mark.parametrize(("loss", "trials"), [(nothing_at_all, 20), (nothing_at_all, 64),
                                              (rate_and_momentum_alike, 64)])
def test_an_order_that_is_chance_is_warned_of(loss: Callable[[float, float, int, float], float],
                                              trials: int) -> None:
    found = [importances(searched(loss, trials, seed)) for seed in range(6)]
    assert sum(bool(one.warning) for one in found) >= 5
    warned = next(one for one in found if one.warning)
    first, second = list(warned)[:2]
    assert f"which of {first} and {second} explains more" in str(warned)


def test_intervals_hold_what_other_searches_find() -> None:
    """The mean over many searches of the same size."""
    def both(decade: float, momentum: float, width: int, noise: float) -> float:
        return (decade + 1.5)**2 + 2 * momentum + 0.5 * noise

    found = [importances(searched(both, 48, seed)) for seed in range(20)]
    mean = {knob: np.mean([one[knob] for one in found]) for knob in KNOBS}
    held = [one.intervals[knob][0] <= mean[knob] <= one.intervals[knob][1]
            for one in found for knob in ("lr", "momentum")]
    assert np.mean(held) > 0.85


def test_too_few_trials_are_refused_with_the_reason() -> None:
    with pytest.raises(RecipeError, match=f"{FEWEST - 1} whole trials") as caught:
        importances(searched(only_the_rate, FEWEST - 1, 0))
    assert f"at least {FEWEST}" in str(caught.value)
    assert "chance" in str(caught.value)
    assert importances(searched(only_the_rate, FEWEST, 0)).trials == FEWEST


def test_trials_that_were_cut_short_do_not_count() -> None:
    study = searched(only_the_rate, FEWEST, 0)
    before = importances(study)
    study.add_trial(optuna.create_trial(
        params={"lr": 1e-4, "momentum": 0.5, "width": 16}, distributions=KNOBS, value=-math.inf,
        state=optuna.trial.TrialState.PRUNED))
    assert importances(study) == before


def test_the_knob_that_matters_is_found_important(blobs: Data) -> None:
    found = tune(blobs, space("lr", activation=["relu", "leaky_relu"]),
                 Settings(width=8, max_steps=60, batch_size=32, eval_every=15), trials=30,
                 sampler="random", pruner="none")
    shares = found.importances()
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["lr"] > 0.7
    picture = found.plot("importances")
    assert f"lr {shares['lr']:.0%} ({shares.intervals['lr'][0]:.0%} to" in picture.alt
