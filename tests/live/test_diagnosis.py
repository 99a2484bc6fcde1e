"""What is the matter with a run: said anew while it goes on, but not at every repaint."""

from __future__ import annotations

import math

import numpy as np

from recipe_widgets.core import History, Run, Settings
from recipe_widgets.live.diagnosis import Diagnosis, diagnose


def _run(losses: list[float]) -> Run:
    history = History()
    for step, loss in enumerate(losses):
        history.append("train_loss", step, loss)
    return Run(Settings(max_steps=1000), history, None)


def test_words_on_a_running_run_stay_for_a_moment_and_are_new_at_its_end() -> None:
    run, other, diagnosis = _run([2.3] * 200), _run([math.exp(-i / 50) + 0.01
                                                     for i in range(200)]), Diagnosis()
    flat = diagnosis.of(run, going=True)
    assert flat == diagnose(run) != ""
    for step in range(200, 600):
        run.history.append("train_loss", step, 2.3 + step / 10)
    assert diagnosis.of(run, going=True) == flat  # a moment has not passed yet
    assert diagnosis.of(run, going=False) == diagnose(run) != flat
    assert diagnosis.of(other, going=True) == diagnose(other)  # another run is judged at once


def test_after_a_turned_knob_the_updates_before_it_are_not_judged() -> None:
    """300 steps at a rate that throws the weights about, then a small one on a plateau."""
    run = _run([2.3 + 0.001 * (step % 2) for step in range(420)])
    for step in range(0, 420, 10):
        run.history.append("update_ratio", step, 0.5 if step < 300 else 1e-5)
    assert "too high" in diagnose(run)
    run.changes.append((300, {"lr": 1e-4}))
    assert "too high" not in diagnose(run)
    assert "is low" in diagnose(run)


def test_noise_of_a_network_that_had_learnt_is_no_leap() -> None:
    """1,000 steps down to 0.1, then a fork at a lower rate: single batches scatter by as much."""
    draw = np.random.default_rng(0)
    fall = 2.2 * np.exp(-np.arange(1000) / 80) + 0.1
    plateau = np.full(1000, 0.1)
    noise = np.exp(draw.normal(0, 0.6, 2000))
    run = _run((np.concatenate([fall, plateau]) * noise).tolist())
    for step in range(0, 2000, 10):
        run.history.append("update_ratio", step, 1.2e-3)
    run.changes.append((1000, {"lr": 0.0025}))
    said = diagnose(run, classes=10)
    assert "too high" not in said
    assert "is low" not in said


def test_a_leap_after_a_turned_knob_is_still_said() -> None:
    losses = (2.2 * np.exp(-np.arange(500) / 80) + 0.1).tolist() + [2.1] * 500
    run = _run(losses)
    run.changes.append((500, {"lr": 5.0}))
    assert diagnose(run, classes=10).startswith("The learning rate is ")
    assert "high" in diagnose(run, classes=10)


def test_a_loss_that_falls_to_that_of_guessing_has_learnt_nothing() -> None:
    """Inputs from 0 to 255: the first steps kill all units, the loss goes from 27 to ln 10."""
    run = _run([math.log(10) + 25 * math.exp(-step / 15) for step in range(400)])
    assert diagnose(run, classes=10).startswith("Nothing is learnt (training loss 2.3")
