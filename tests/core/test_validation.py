"""Arguments compared with annotations and limits: what passes, what is refused, and in which
words.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
import torch

import recipe_widgets
from recipe_widgets import RecipeError
from recipe_widgets.core.describe import describe_annotation, describe_value
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import (
    filled,
    matches,
    measured,
    one_of,
    real,
    some_of,
    tensor,
    unchecked,
    validated,
    whole,
)


@pytest.mark.parametrize(("value", "hint", "passes"), [(1, int, True), (np.int64(1), int, True),
                                                       (True, int, False), (1.0, int, False),
                                                       (10**30, int, False), (1, float, True),
                                                       (np.float32(1), float, True),
                                                       (math.nan, float, False),
                                                       (10**400, float, False), ("1", float, False),
                                                       (True, bool, True), (1, bool, False),
                                                       ("a", str, True), (b"a", str, False),
                                                       (None, int | None, True),
                                                       ("a", Literal["a", "b"], True),
                                                       ("c", Literal["a", "b"], False),
                                                       ([], Literal["a"], False),
                                                       ([1, 2], Sequence[int], True),
                                                       ("12", Sequence[str], False),
                                                       ([1, "2"], Sequence[int], False),
                                                       (np.arange(3), Sequence[int], True),
                                                       (np.arange(3), Sequence[str], False),
                                                       (np.array(3), Sequence[int], False),
                                                       ({"a": 1}, Mapping[str, int], True),
                                                       ({1: 1}, Mapping[str, int], False),
                                                       ((1, 2), tuple[int, int], True),
                                                       ((1, ), tuple[int, int], False),
                                                       (len, Callable[..., Any], True),
                                                       (3, Callable[..., Any], False),
                                                       (object(), Any, True)])
def test_what_fits(value: Any, hint: Any, passes: bool) -> None:
    assert matches(value, hint) is passes


@pytest.mark.parametrize(("value", "words"), [(torch.zeros(2, 3), "a tensor float32 (2, 3)"),
                                              (np.zeros(2), "an array float64 (2,)"), ("x", "'x'"),
                                              (None, "None"),
                                              ([1, 2, 3, 4], "list of 4 (1, 2, 3, ...)"),
                                              (1 << 400, "a whole number of 401 bits"),
                                              (object(), "object")])
def test_how_values_are_shown(value: Any, words: str) -> None:
    assert describe_value(value) == words


def test_annotations_in_words() -> None:
    assert describe_annotation(int | None) == "a whole number or None"
    assert describe_annotation(Sequence[float]) == "a sequence, each a finite number"
    assert describe_annotation(tuple[int, str]) == "(a whole number, a text)"


@validated
def door(count: Annotated[int, whole(1, 9)] = 1, share: Annotated[float, real(0, 1)] = 0.5,
         loss: Annotated[float, measured] = 0.0, way: Annotated[str, one_of("a", "b")] = "a",
         x: Annotated[torch.Tensor | None, tensor("N", "D", kind="float")] = None,
         many: Annotated[Sequence[int], filled()] = (1, ),
         ways: Annotated[Sequence[str], some_of("a", "b")] = ("a", ), path: str | Path = "here",
         own: Annotated[int, unchecked] = 0, device: torch.device | str = "cpu") -> str:
    return "open"


@pytest.mark.parametrize(
    "arguments", [{}, {"count": 9, "share": 1}, {"loss": math.nan}, {"way": "b"}, {"x": None}, {
        "x": torch.zeros(2, 3)
    }, {"many": np.arange(2)}, {"path": Path("a/b")}, {"own": "whatever"}, {"ways": ("b", "a")}])
def test_a_door_opens(arguments: dict[str, Any]) -> None:
    assert door(**arguments) == "open"


@pytest.mark.parametrize(("name", "value", "words"),
                         [("count", 0, "a whole number from 1 to 9"), ("count", "3", "found '3'"),
                          ("share", 1.5, "up to 1"), ("share", math.nan, "nan"),
                          ("loss", None, "a number"), ("way", "c", "one of a, b"),
                          ("way", "\ud800", "one of a, b"), ("x", torch.zeros(3), "(N, D)"),
                          ("x", torch.zeros(0, 3), "not empty"),
                          ("x", torch.zeros(2, 3, dtype=torch.int64), "of floats"),
                          ("x", torch.zeros(2, 3, device="meta"), "a tensor"),
                          ("many", [], "at least 1 item"), ("ways", [], "at least one item"),
                          ("ways", ["a", "c"], "each one of a, b"),
                          ("path", "a\0b", "the path of a file"), ("path", "a" * 300, "255 bytes"),
                          ("device", "nonsense", "a device of this machine")])
def test_a_door_says_what_is_wrong(name: str, value: Any, words: str) -> None:
    with pytest.raises(RecipeError) as told:
        door(**{name: value})
    assert f"door({name}=)" in str(told.value)
    assert words in str(told.value)


def test_a_wrong_number_of_arguments_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'x'"):
        validated(lambda: None)(x=1)  # type: ignore[call-arg]


@validated
def nested(seeds: Sequence[Annotated[int, whole(0, 9)]], sides: tuple[Annotated[int, whole(1)], str]
           = (1, "a")) -> str:
    return "open"


def test_limits_may_stand_inside_a_type() -> None:
    assert nested([0, 9]) == "open"
    with pytest.raises(RecipeError, match="each a whole number from 0 to 9"):
        nested([0, 10])
    with pytest.raises(RecipeError, match=r"expected \(a whole number from 1, a text\)"):
        nested([1], sides=(0, "a"))


@validated
@dataclass(frozen=True)
class Bounds:
    low: Annotated[float, real(0)]
    other: Annotated[Bounds | None, filled(0)] = None  # annotations may name what comes later


def test_the_fields_of_a_dataclass_are_checked() -> None:
    assert Bounds(1).low == 1
    with pytest.raises(RecipeError, match=r"Bounds\(low=\): found -1, expected a number from 0"):
        Bounds(-1)


def test_every_signature_in_the_package_can_be_read() -> None:
    """Limits in an annotation that names a class imported for type checkers only would be lost."""
    for module in pkgutil.walk_packages(recipe_widgets.__path__, "recipe_widgets."):
        # two need libraries that are not installed everywhere
        if module.name.endswith(("__main__", ".lightning", ".huggingface")):
            continue
        for thing in vars(importlib.import_module(module.name)).values():
            members = vars(thing).values() if isinstance(thing, type) else [thing]
            for function in members:
                plan = getattr(function, "validation_plan", None)
                if plan is not None:
                    plan()


class OwnError(Exception):
    """A reader's."""


def call(error: Exception) -> None:
    with user_code("train(loss_fn=)", "a loss (output, y)"):
        raise error


def test_an_error_in_the_readers_code_says_which_argument_it_was() -> None:
    said = r"train\(loss_fn=\): found KeyError: 'weight', expected a loss \(output, y\)"
    with pytest.raises(RecipeError, match=said) as told:
        call(KeyError("weight"))
    assert isinstance(told.value.__cause__, KeyError)


@pytest.mark.parametrize("error", [OwnError(), RecipeError("Settings.lr", found=1)])
def test_errors_of_a_readers_own_class_and_ours_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as told:
        call(error)
    assert told.value is error
