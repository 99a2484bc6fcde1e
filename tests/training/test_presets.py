"""The settings that come with the package."""

from __future__ import annotations

import pytest
import torch

from recipe_widgets import RecipeError, Settings
from recipe_widgets.core import machine
from recipe_widgets.models import build_model
from recipe_widgets.recipes import recipe, recipe_names
from recipe_widgets.training import presets

SHAPES = {"cifar10": (3, 32, 32), "mnist": (1, 28, 28)}


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_whole_and_builds_a_model_for_its_data(name: str) -> None:
    settings = recipe(name)
    assert Settings.from_json(settings.to_json()) == settings
    shape = SHAPES[name.split("_")[0]]
    assert build_model(settings, shape, 10)(torch.zeros(2, *shape)).shape == (2, 10)


def test_the_promised_recipes_are_there_and_others_are_told() -> None:
    assert {"cifar10_5min", "mnist_strong"} <= set(recipe_names())
    with pytest.raises(RecipeError, match="Did you mean 'cifar10_5min'"):
        recipe("cifar10_6min")


@pytest.mark.parametrize("fast", [True, False], ids=["with_bf16", "without"])
def test_bf16_only_where_it_is_fast(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "bf16_is_fast", lambda: fast)
    monkeypatch.setattr(presets, "pick_device", lambda _: torch.device("cpu"))
    for name in recipe_names():
        found = recipe(name)
        assert found.precision == ("bf16" if fast else "float32")
        assert found.replace(precision="bf16") == presets.PRESETS[name]
