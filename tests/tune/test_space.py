"""Search spaces from the knobs of Settings."""

import math

import optuna
import pytest

from recipe_widgets import RecipeError, Settings
from recipe_widgets.tune import Categorical, Range, Space, space
from recipe_widgets.tune.search_space import size_of


def test_ranges_come_from_the_knobs() -> None:
    found = {one.name: one for one in space("lr", "momentum", "batch_size", "depth", "optimizer")}
    assert found["lr"] == Range("lr", 1e-4, 10.0, log=True, whole=False)
    assert found["momentum"] == Range("momentum", 0.0, 0.99, log=False, whole=False)
    assert found["batch_size"] == Range("batch_size", 1, 1024, log=True, whole=True)
    assert found["depth"] == Range("depth", 1, 8, log=False, whole=True)
    assert found["optimizer"] == Categorical("optimizer", Settings.knob("optimizer").choices)


def test_own_ranges_and_choices() -> None:
    one, two, three = space("lr", lr=(0.01, 0.1), width=[32, 64], activation=["relu", "tanh"])
    assert one == Range("lr", 0.01, 0.1, log=True, whole=False)
    assert (two, three) == (Categorical("width", (32, 64)), Categorical("activation", ("relu", "tanh")))
    assert space().names == ("lr", "momentum", "weight_decay", "batch_size", "width")


@pytest.mark.parametrize(
    ("names", "given", "words"), [(("learning_rate", ), {}, "the knob 'learning_rate'"),
                                  (("seed", ), {}, "finalists"), (("device", ), {}, "device"),
                                  ((), {"lr": (0.1, 0.01)}, "low < high"),
                                  ((), {"lr": (0.0, 0.1)}, "as a list"),
                                  ((), {"lr": 0.1}, r"\(low, high\)"),
                                  ((), {"momentum": (0.0, 1.5)}, "Settings.momentum"),
                                  ((), {"width": (1.5, 3)}, "whole number"),
                                  ((), {"optimizer": ["sgd", "sgd"]}, "each once"),
                                  ((), {"optimizer": ["sdg"]}, "Did you mean 'sgd'"),
                                  ((), {"width": []}, "some values"),
                                  (("patience", ), {}, "patience")])
def test_what_cannot_be_searched_is_told(names: tuple, given: dict, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        space(*names, **given)


def test_grids_are_spread_in_the_scale_of_the_knob() -> None:
    grid = space(lr=(1e-4, 1e-1), momentum=(0.0, 0.9), width=(8, 64), optimizer=["sgd",
                                                                                 "adam"]).grid(4)
    assert grid["lr"] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])
    assert grid["momentum"] == pytest.approx([0.0, 0.3, 0.6, 0.9])
    assert grid["width"] == [8, 16, 32, 64]
    assert size_of(grid) == 4 * 4 * 4 * 2
    assert space(depth=(1, 2)).grid(5)["depth"] == [1, 2]  # integers that fall together
    assert space(lr=(1e-3, 1e-1)).grid(1)["lr"] == pytest.approx([1e-2])
    assert all(1e-4 <= value <= 10.0 for value in space("lr").grid(7)["lr"])


@pytest.mark.parametrize("seed", range(3))
def test_suggestions_stay_inside_and_make_settings(seed: int) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    searched = space("lr", "weight_decay", width=(8, 64), optimizer=["sgd", "adam"])
    for _ in range(20):
        settings = searched.suggest(study.ask(), Settings(depth=3))
        assert 1e-4 <= settings.lr <= 10
        assert 8 <= settings.width <= 64
        assert isinstance(settings.width, int)
        assert settings.optimizer in ("sgd", "adam")
        assert settings.depth == 3


def test_logarithmic_knobs_are_drawn_evenly_in_the_logarithm() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    low = sum(space(lr=(1e-4, 1.0)).suggest(study.ask(), Settings()).lr < 1e-2 for _ in range(400))
    assert abs(low - 200) < 4 * math.sqrt(400 * 0.25)  # half of the decades, within 4 sigma


def test_narrowing_goes_around_the_good_and_never_beyond() -> None:
    searched = space(lr=(1e-4, 1.0), depth=(1, 8), optimizer=["sgd", "adam", "rmsprop"])
    good = [{"lr": 1e-2, "depth": 8, "optimizer": "adam"},
            {"lr": 1e-1, "depth": 7, "optimizer": "adam"}]
    lr, depth, optimizer = searched.narrowed(good)
    # a tenth of four decades on both sides
    assert (lr.low, lr.high) == pytest.approx((10**-2.4, 10**-0.6))
    assert (depth.low, depth.high) == (6, 8)
    assert optimizer == Categorical("optimizer", ("adam",))
    assert Space([lr]).narrowed([{"lr": 1e-2}]).dimensions[0].low >= lr.low
