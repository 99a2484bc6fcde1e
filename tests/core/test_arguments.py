"""Arguments held against annotations and rules: what passes, what is refused, and in which
words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from recipe_widgets import RecipeError
from recipe_widgets.core.arguments import (
    checked,
    filled,
    fitting,
    measured,
    one_of,
    real,
    some_of,
    tensor,
    whole,
)
from recipe_widgets.core.hints import fits, in_words, shown


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
    assert fits(value, hint) is passes


@pytest.mark.parametrize(("value", "words"), [(torch.zeros(2, 3), "a tensor float32 (2, 3)"),
                                              (np.zeros(2), "an array float64 (2,)"), ("x", "'x'"),
                                              (None, "None"),
                                              ([1, 2, 3, 4], "list of 4 (1, 2, 3, ...)"),
                                              (1 << 400, "a whole number of 401 bits"),
                                              (object(), "object")])
def test_how_values_are_shown(value: Any, words: str) -> None:
    assert shown(value) == words


def test_annotations_in_words() -> None:
    assert in_words(int | None) == "a whole number or None"
    assert in_words(Sequence[float]) == "a sequence, each a finite number"
    assert in_words(tuple[int, str]) == "(a whole number, a text)"


@checked(count=whole(1, 9), share=real(0, 1), loss=measured(), way=one_of("a", "b"),
         x=tensor("N", "D", kind="float"), many=filled(), ways=some_of("a", "b"), own=None)
def door(count: int = 1, share: float = 0.5, loss: float = 0.0, way: str = "a",
         x: torch.Tensor | None = None, many: Sequence[int] = (1, ), ways: Sequence[str] = ("a", ),
         path: str | Path = "here", own: int = 0, device: torch.device | str = "cpu") -> str:
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
        checked()(lambda: None)(x=1)  # type: ignore[call-arg]


class OwnError(Exception):
    """A reader's."""


@fitting("two tensors of one length")
def joined(a: torch.Tensor, b: Any) -> torch.Tensor:
    if isinstance(b, Exception):
        raise b
    return a + b


def test_what_does_not_fit_together_is_shown_with_its_cause() -> None:
    said = r"joined\(a, b\): found a a tensor float32 \(2,\), b a tensor float32 \(3,\)"
    with pytest.raises(RecipeError, match=said) as told:
        joined(torch.zeros(2), torch.zeros(3))
    assert isinstance(told.value.__cause__, RuntimeError)
    assert told.value.expected == "two tensors of one length"


def test_errors_of_a_readers_own_class_pass() -> None:
    with pytest.raises(OwnError):
        joined(torch.zeros(2), OwnError())
