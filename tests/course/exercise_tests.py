"""What the tests of every notebook's exercises share. Such a file holds, at its end:

    RIGHT = [("accuracy", accuracy_numpy), ...]                     must pass
    WRONG = [("accuracy", accuracy_percent, "no per cent"), ...]    words of the reason (a pattern)
    FOREIGN = [("accuracy", accuracy_first, "mean taken"), ...]     words of a slip that is not theirs


    class TestExercises(ExerciseTests):
        \"""Of notebook 00.\"""
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import nn

from recipe_widgets.course import check
from recipe_widgets.course.exercises import exercise_named

ODD: list[Any] = [
    None, 3, [], {}, "text", torch.tensor(1.0), float("nan"), [None, 1], (1, 2, 3), [[1], [2, 3]],
    ["a", "b", "c"], {"2": None}, {"2": "text", "1": 3}, {1: 2}, torch.ones(2, 2) > 0, object(), 10**400, 1j,
    torch.empty(3, device="meta"), torch.empty((), device="meta"), torch.eye(3).to_sparse()]


def word(value: Any) -> str:
    """A test's name for a value: that of a function or class, or its type."""
    return str(getattr(value, "__name__", type(value).__name__))


class ExerciseTests:
    """Tests of all exercises that occur in RIGHT of the file."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "exercise" in metafunc.fixturenames:
            names = dict.fromkeys(name for name, _ in metafunc.module.RIGHT)
            metafunc.parametrize("exercise", list(names))
        for variant in ("right", "wrong", "foreign"):
            if variant in metafunc.fixturenames:
                rows = getattr(metafunc.module, variant.upper(), [])
                metafunc.parametrize(variant, rows, ids=[word(row[1]) for row in rows])

    def test_other_right_ways_pass(self, right: tuple[str, Any]) -> None:
        name, mine = right
        verdict = check(mine, name)
        assert verdict.accepted, verdict

    def test_wrong_ones_are_refused_for_what_is_wrong(self, wrong: tuple[str, Any, str]) -> None:
        name, mine, reason = wrong
        verdict = check(mine, name)
        assert not verdict.accepted
        assert re.search(reason, str(verdict)), verdict

    def test_nobody_is_told_of_a_slip_that_is_not_theirs(self, foreign: tuple[str, Any, str]) -> None:
        name, mine, reason = foreign
        verdict = check(mine, name)
        assert not verdict.accepted
        assert not re.search(reason, " ".join(one.reason for one in verdict.trials)), verdict

    @pytest.mark.parametrize("odd", ODD, ids=word)
    def test_whatever_is_returned_is_judged(self, exercise: str, odd: Any) -> None:
        if isinstance(exercise_named(exercise).reference, type):
            pytest.skip("a class returns nothing but its objects")

        def returns_it(*_: Any) -> Any:
            return odd

        verdict = check(returns_it, exercise)
        assert not verdict.accepted
        assert verdict.trials, verdict
        for trial in verdict.trials:
            assert trial.result != "wrong" or trial.reason

    @pytest.mark.parametrize("odd", [*ODD, int, nn.Linear], ids=word)
    def test_whatever_is_handed_in_gets_one_sentence(self, exercise: str, odd: Any) -> None:
        verdict = check(odd, exercise)
        assert not verdict.accepted
        assert "Traceback" not in str(verdict)
        if not verdict.trials:
            assert len(str(verdict).splitlines()) == 1
