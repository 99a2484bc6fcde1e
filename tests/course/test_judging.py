"""Whatever a learner hands in: a verdict in words, never a traceback; right versions are accepted."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest
import torch
from torch import nn

from recipe_widgets.course import check, hint, progress, solution
from recipe_widgets.course.exercise import Exercise, Wrong
from recipe_widgets.course.exercises import NAMES, exercise_named
from recipe_widgets.course.guarded_call import run_guarded
from recipe_widgets.course.trial_tools import by_hand, close, inputs_kept, number, tensor


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_is_accepted_and_the_starter_is_empty(name: str) -> None:
    exercise = exercise_named(name)
    assert check(exercise.reference).accepted, check(exercise.reference)
    assert exercise.hints
    assert 'print(' not in exercise.starter
    compile(exercise.starter, "starter", "exec")
    assert len(exercise.source.splitlines()) <= 30


def odd_inputs() -> list[Any]:
    def too_few(x: Any) -> None: ...

    return [None, "accuracy", "no such thing", 3, int, nn.Linear, torch.ones(2), lambda x: x, print,
            too_few, [check], object(), nn.Linear(2, 2), torch.compile]


@pytest.mark.parametrize("given", odd_inputs(), ids=lambda value: type(value).__name__)
def test_odd_inputs_give_one_sentence(given: Any) -> None:
    verdict = check(given)
    assert not verdict.accepted
    assert len(verdict.lines()) == 1, verdict
    assert "Traceback" not in str(verdict)


def shown(function: Any, name: str) -> str:
    verdict = check(function, name)
    assert not verdict.accepted
    return str(verdict)


def test_an_empty_body_is_not_tried() -> None:
    def accuracy(model: Any, loader: Any) -> Any:
        """Not yet."""

    assert "nothing is written yet" in str(check(accuracy))
    assert progress().of("accuracy").tries == 0


def test_errors_of_the_learner_are_told_with_their_line() -> None:
    def accuracy(model: Any, loader: Any) -> Any:
        x, _ = loader[0]
        return model(x.reshape(3, 1000))

    said = shown(accuracy, "accuracy")
    assert "RuntimeError" in said
    assert "return model(x.reshape(3, 1000))" in said
    assert "line " in said
    assert "as above" in said


@pytest.mark.parametrize("leave", [sys.exit, exit])
def test_exit_does_not_end_the_process(leave: Any) -> None:
    def accuracy(model: Any, loader: Any) -> Any:
        leave()

    assert "ends the program" in shown(accuracy, "accuracy")


def test_a_loop_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def accuracy(model: Any, loader: Any) -> Any:
        print("still at it")
        while True:
            time.sleep(0.001)

    slow = exercise_named("accuracy")
    quick = Exercise(slow.reference, slow.notebook, slow.trials, slow.hints, seconds=0.5)
    monkeypatch.setattr("recipe_widgets.course.judge.exercise_named", lambda name: quick)
    said = shown(accuracy, "accuracy")
    assert "did not end within 0.5 seconds" in said
    assert said.count("–") == len(quick.trials) - 1  # the others are not tried
    assert "still at it" in said


def test_a_loop_that_catches_everything_is_ended() -> None:
    def stubborn() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                time.sleep(0.001)
            except BaseException:
                if time.monotonic() > until - 59.5:
                    raise

    assert run_guarded(stubborn, 0.2).out_of_time


def test_global_state_comes_back() -> None:
    before = torch.random.get_rng_state()

    def work() -> None:
        torch.manual_seed(99)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        print("kept apart")

    outcome = run_guarded(work, 10)
    assert outcome.printed == "kept apart\n"
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()


def test_a_function_that_waits_is_told_so() -> None:
    async def accuracy(model: Any, loader: Any) -> Any:
        return 0.5

    assert "async def accuracy" in shown(accuracy, "accuracy")


def test_a_fault_of_ours_stays_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(yours: Any) -> None:
        """A trial with a slip"""
        raise ZeroDivisionError

    real = exercise_named("accuracy")
    broken = Exercise(real.reference, real.notebook, (faulty,), real.hints)
    monkeypatch.setattr("recipe_widgets.course.judge.exercise_named", lambda name: broken)
    with pytest.raises(ZeroDivisionError):
        check(real.reference, "accuracy")


def test_a_slip_is_told_where_its_value_is_found() -> None:
    slips = [(2.0, "doubled"), (torch.nan, "no number")]
    for found, told in ((2.0, "doubled"), (torch.nan, "no number"), (3.0, r"1\.$")):
        with pytest.raises(Wrong, match=told):
            close(found, 1.0, "It", slips=slips)
    close(torch.inf, torch.inf, "It")
    with pytest.raises(Wrong, match="1e\\+09, and should be inf"):
        close(1e9, torch.inf, "It")


def test_the_tools_of_trials() -> None:
    with pytest.raises(Wrong, match="number is wanted"):
        number(None)
    with pytest.raises(Wrong, match="number is wanted"):
        number(True)
    assert number(torch.tensor([2.0])) == 2.0
    with pytest.raises(Wrong, match="shape should be"):
        tensor([1.0, 2.0], (3,))
    with pytest.raises(Wrong, match="tensor is wanted"):
        tensor("text", (3,))
    with pytest.raises(Wrong, match=r"at \[1, 0\]"):
        close(torch.tensor([[1.0], [3.0]]), torch.tensor([[1.0], [2.0]]), "It")
    with pytest.raises(Wrong):
        close(float("nan"), 1.0, "It")
    x = torch.ones(2)
    with pytest.raises(Wrong, match="changes its input x"), inputs_kept(x=x):
        x += 1


def test_autograd_is_refused_where_by_hand_is_asked() -> None:
    w = torch.ones(2, requires_grad=True)

    def backward() -> None:
        with torch.enable_grad():
            (w * w).sum().backward()

    def grad() -> None:
        with torch.enable_grad():
            torch.autograd.grad((w * w).sum(), w)

    def loss() -> None:
        nn.CrossEntropyLoss()(torch.ones(2, 3), torch.tensor([0, 1]))

    for call in (backward, grad, loss):
        with pytest.raises(Wrong, match="It calls|It uses autograd"), by_hand("cross_entropy"):
            call()
    with by_hand("cross_entropy"):
        assert float(torch.ones(3).exp().sum().log()) > 0


def test_hints_come_one_by_one_and_solutions_are_shown() -> None:
    count = len(exercise_named("accuracy").hints)
    first = hint("accuracy")
    assert first.startswith(f"Hint 1 of {count}")
    assert hint("accuracy").startswith("Hint 2")
    for _ in range(count):
        last = hint("accuracy")
    assert "solution(" in last
    assert "def accuracy" in solution("accuracy")
    assert "expected" in hint(3)
    assert "expected" in solution("nothing")
    assert progress().of("accuracy").hints == count
