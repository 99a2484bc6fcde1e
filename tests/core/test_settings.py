import dataclasses
import inspect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_widgets import RecipeError, Settings
from recipe_widgets.core.settings import SYNONYMS


def test_replace_changes_one_knob_and_keeps_the_original() -> None:
    a = Settings()
    b = a.replace(lr=0.5)
    assert (a.lr, b.lr) == (0.05, 0.5)
    assert b - a == {"lr": (0.5, 0.05)}
    assert a - a == {}


def test_json_both_ways() -> None:
    a = Settings(model="convnet", lr=0.003, batch_size=128, optimizer="adam", seed=7)
    assert Settings.from_json(a.to_json()) == a
    assert json.loads(a.to_json())["batch_size"] == 128


def test_missing_knobs_take_their_defaults() -> None:
    assert Settings.from_dict({"lr": 0.2}) == Settings(lr=0.2)


@pytest.mark.parametrize(("change", "words"), [
    ({"lr": -0.1}, ["Settings.lr", "-0.1", "from 0"]),
    ({"lr": float("nan")}, ["Settings.lr", "nan"]),
    ({"lr": "fast"}, ["Settings.lr", "'fast'"]),
    ({"batch_size": 0}, ["Settings.batch_size", "whole number from 1"]),
    ({"batch_size": 2.5}, ["Settings.batch_size", "2.5"]),
    ({"batch_size": True}, ["Settings.batch_size", "True"]),
    ({"dropout": 1.0}, ["Settings.dropout", "0.99"]),
    ({"model": "MLP"}, ["Settings.model", "Did you mean 'mlp'"]),
    ({"model": None}, ["Settings.model", "None"]),
    ({"momentum": 1.0, "optimizer": "adam"}, ["momentum", "adam"]),
])
def test_bad_values_name_knob_value_and_mend(change: dict, words: list[str]) -> None:
    with pytest.raises(RecipeError) as error:
        Settings(**change)
    for word in words:
        assert word in str(error.value)


def test_an_unknown_knob_is_told_with_its_neighbour() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'batch_size'"):
        Settings().replace(batchsize=3)
    with pytest.raises(RecipeError, match="'learning_rate'"):
        Settings.from_dict({"learning_rate": 0.1})


@pytest.mark.parametrize("text", ["", "[1, 2]", "nonsense", '"lr"', "3"])
def test_json_of_another_kind_is_one_clear_error(text: str) -> None:
    with pytest.raises(RecipeError, match="expected"):
        Settings.from_json(text)


@given(
    st.dictionaries(
        st.sampled_from([item.name for item in dataclasses.fields(Settings)]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text()
        | st.lists(st.integers())))
def test_any_values_give_settings_or_a_recipe_error(values: dict) -> None:
    try:
        settings = Settings.from_dict(values)
    except RecipeError:
        return
    assert Settings.from_json(settings.to_json()) == settings


def test_every_knob_has_a_range_that_holds_its_default() -> None:
    for item in dataclasses.fields(Settings):
        knob = Settings.knob(item.name)
        assert knob.label
        assert knob.help
        if knob.value_type is str:
            assert not knob.choices or item.default in knob.choices
        else:
            assert knob.least is not None
            assert knob.most is not None
            assert item.default is None or knob.least <= item.default <= knob.most


def test_simplest_leaves_nothing_that_regularises() -> None:
    wild = Settings(dropout=0.5, weight_decay=0.1, schedule="cosine", clip_norm=1.0, warmup=10,
                    label_smoothing=0.1, augment="flip+crop", augment_strength=2.0, ema=0.99)
    assert set(wild.simplest() - Settings()) == set()


def test_knobs_are_hot_warm_or_cold() -> None:
    kinds = {
        "hot": {
            "lr", "momentum", "weight_decay", "dropout", "clip_norm", "loss", "label_smoothing", "schedule",
            "warmup"
        }, "warm": {"batch_size", "max_steps", "augment", "augment_strength"}, "fixed":
        {"eval_every", "eval_samples", "device", "patience", "final", "checkpoint_every"}
    }
    for item in dataclasses.fields(Settings):
        expected = next((kind for kind, names in kinds.items() if item.name in names), "cold")
        assert Settings.knob(item.name).kind == expected, item.name


@pytest.mark.parametrize(("given", "meant"), [
    ("learning_rate", "lr"), ("batchsize", "batch_size"), ("epochs", "max_steps"),
    ("Weight-Decay", "weight_decay"), ("optimiser", "optimizer"), ("hidden_dim", "width"),
])
def test_a_keyword_of_another_library_is_told_its_name_here(given: str, meant: str) -> None:
    with pytest.raises(RecipeError, match=f"the knob '{given}'.*Did you mean '{meant}'"):
        Settings(**{given: 1})


def test_synonyms_lead_to_knobs_and_hide_none() -> None:
    names = {item.name for item in dataclasses.fields(Settings)} | {"loss"}
    assert set(SYNONYMS.values()) <= names
    assert not set(SYNONYMS) & names


def test_the_call_keeps_its_signature() -> None:
    parameters = inspect.signature(Settings).parameters
    assert list(parameters) == [item.name for item in dataclasses.fields(Settings)]
    assert parameters["lr"].default == 0.05
    assert repr(Settings(lr=0.1)).startswith("Settings(model='mlp', ")


MAY_BE_OFF = ("clip_norm", "ema", "eval_every", "eval_samples", "patience", "checkpoint_every")


@pytest.mark.parametrize("name", MAY_BE_OFF)
def test_off_is_none_and_a_zero_of_older_files_becomes_none(name: str) -> None:
    assert getattr(Settings(), name) is None
    for zero in (0, 0.0) if Settings.knob(name).value_type is float else (0, ):
        assert getattr(Settings(**{name: zero}), name) is None
    assert Settings.from_json(json.dumps({name: 0})) == Settings()
    assert Settings.from_json(Settings().to_json()) == Settings()
    with pytest.raises(RecipeError, match=r"or None \("):
        Settings(**{name: False})


def test_only_these_may_be_none() -> None:
    assert tuple(item.name for item in dataclasses.fields(Settings)
                               if Settings.knob(item.name).none_means) == MAY_BE_OFF
