"""What a good teacher would say of 65 real runs, held against what the panel says: one judgement
each, and none that the curves contradict.
"""

from __future__ import annotations

import pytest

from recipe_widgets.core import Run
from recipe_widgets.live.diagnosis import diagnose
from tests.live.recorded import run_named, table

SAID = {
    "too high": "The learning rate is too high",
    "high": "The learning rate is high",
    "low": "The learning rate is low",
    "long steps": "The steps are too long",
    "hangs": "Both curves hang",
    "decay": "The curves hang",
    "dropout": "Hardly anything is learnt",
    "nothing": "Nothing is learnt",
    "falling": "It was still falling at the end",
    "together": "The curves end together",
    "diverged": "",  # the line above says it
}
TEACHER = {
    "lr 1e-05": "low", "lr 0.2": "hangs", "lr 0.16": "together", "lr 0.3": "too high",
    "lr 0.5": "too high", "lr 1": "too high", "lr 2.5": "too high", "lr 10": "too high",
    "adam 0.01": "together", "adam 0.1": "high", "batch 4": "too high", "batch 16": "hangs",
    "momentum 0.99": "long steps", "momentum 0.99 lr .1": "long steps", "dropout 0.5": "together",
    "dropout 0.9": "dropout", "width 2": "hangs", "width 8": "together", "depth 3 lr .2": "too high",
    "depth 6 lr .2": "diverged", "init normal": "hangs", "init zeros": "nothing",
    "linear": "together", "linear lr .5": "too high", "weight decay .1": "decay",
    "weight decay .01": "together", "cifar lr 0.05": "too high", "cifar lr 0.1": "diverged",
    "cifar lr 0.3": "diverged", "cifar linear": "too high", "cifar long": "too high",
    "cifar wide small batch": "too high", "convnet lr .3": "too high"
}  # all others: "falling"
UP = ("higher learning rate", "larger learning rate")
GOOD, HALF, LOST = run_named("lr 0.02"), run_named("lr 0.2"), run_named("lr 0.5")


@pytest.mark.parametrize("name", table())
def test_one_judgement_as_a_teacher_would_give_it(name: str) -> None:
    words = diagnose(run_named(name), classes=10)
    wanted = SAID[TEACHER.get(name, "falling")]
    if not wanted:
        assert words == ""
        return
    assert words.startswith(wanted)
    assert sum(words.count(other) for other in SAID.values() if other) == 1


@pytest.mark.parametrize("name", table())
@pytest.mark.parametrize("before", [None, GOOD, HALF, LOST], ids=["alone", "good", "half", "lost"])
def test_no_two_hints_oppose_each_other(name: str, before: Run | None) -> None:
    words = diagnose(run_named(name), before, classes=10)
    assert not ("too high" in words and any(hint in words for hint in UP))
    assert words.count("Try ") + words.count("Go back") <= 1
    assert "Try" not in words or "not tried yet" in words


@pytest.mark.parametrize("name", table())
def test_numbers_are_those_of_the_curves(name: str) -> None:
    """The loss that is said is the last one of the curve, not one from further back."""
    run = run_named(name)
    words = diagnose(run, classes=10)
    if "validation loss" in words:
        assert f"validation loss {run.history.last('val_loss'):.3g}" in words


def test_a_run_is_judged_beside_the_one_before() -> None:
    words = diagnose(run_named("lr 0.16"), GOOD, classes=10)
    assert words.startswith("Learning rate 0.02 → 0.16: 95.8% → 81.5%, worse.")
    assert words.endswith("Go back to learning rate 0.02.")
    assert "better." in diagnose(GOOD, run_named("lr 0.16"), classes=10)
    assert "no difference beyond chance" in diagnose(run_named("lr 0.05"), GOOD, classes=10)


def test_runs_that_cannot_be_compared_are_not() -> None:
    """Other data, another length, or the same settings."""
    for other in (run_named("cifar lr 0.01"), run_named("depth 6 lr .2"), GOOD):
        assert "→" not in diagnose(GOOD, other, classes=10)


def test_a_loss_below_guessing_is_not_said_to_be_above_it() -> None:
    for name in table():
        words = diagnose(run_named(name), classes=10)
        if "worse than guessing" in words:
            assert run_named(name).history.last("val_loss") > 2.30
