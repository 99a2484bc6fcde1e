"""The title of a picture of runs states what they came to."""

from __future__ import annotations

import math

import pytest

from recipe_widgets.core import History, Run, Settings
from recipe_widgets.plots import plot_runs
from recipe_widgets.plots.curves import PlottedRun, describe, headline


def _run(losses: list[float], accuracy: float | None = None, **more: object) -> Run:
    history = History()
    for step, loss in enumerate(losses):
        history.append("train_loss", step, loss)
    if accuracy is not None:
        history.append("val_accuracy", len(losses) - 1, accuracy)
    return Run(Settings(), history, data_name="mnist", **more)  # type: ignore[arg-type]


def test_accuracy_of_the_newest_run_and_of_the_one_it_is_compared_with() -> None:
    new, old = _run([2.0] * 1200, 0.913), _run([2.0] * 1200, 0.881)
    assert headline([PlottedRun(new, "new")
                     ]) == "mnist mlp gets 91.3% of the validation set right (1,200 steps)"
    assert headline([PlottedRun(old, "ghost"),
                     PlottedRun(new, "new")]).endswith("right, the run before 88.1% (1,200 steps)")
    assert "the old settings 88.1%" in headline([PlottedRun(old, "other"), PlottedRun(new, "new")])
    assert "88.1%" not in headline([PlottedRun(old, "pinned"), PlottedRun(new, "new")])


def test_a_sample_of_the_validation_set_is_named_as_one() -> None:
    run = _run([2.0], 0.5)
    run.settings = run.settings.replace(eval_samples=500)
    assert "50.0% of 500 validation samples" in headline([PlottedRun(run, "new")])


@pytest.mark.parametrize(("losses", "said"), [
    ([2.0] * 5 + [0.5] * 95, "falls from 2 to 0.5"), ([2.0] * 100, "stays near 2"),
    ([2.0] * 5 + [4.0] * 95, "rises from 2 to 4"),
])
def test_a_loop_of_ones_own_is_told_by_its_loss(losses: list[float], said: str) -> None:
    run = _run(losses, own=True)
    run.data_name = "your own training"
    assert headline([PlottedRun(run,
                           "new")]) == f"your own training: the training loss {said} in 100 steps"
    assert Run.from_json(run.to_json()).what == "your own training"


def test_the_description_says_one_accuracy() -> None:
    run = _run([2.0, 1.0], 0.913, status="done")
    assert "validation accuracy is 91.3%" in describe(run)
    run.message = "On the whole validation set: loss 0.4, accuracy 90.20% on 5,000 samples."
    assert "91.3%" not in describe(run)
    assert "90.20%" in describe(run)


def test_runs_without_a_result() -> None:
    assert headline([PlottedRun(_run([]), "new")]) == "mnist mlp: nothing has been trained yet"
    bad = _run([2.0, math.nan], status="diverged")
    assert headline([PlottedRun(bad,
                           "new")]) == "mnist mlp diverged: the loss is no number after 2 steps"
    assert plot_runs([PlottedRun(bad, "new")]).figure.get_suptitle() == headline([PlottedRun(bad, "new")])
