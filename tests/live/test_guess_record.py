"""Guesses are scored and kept, and what they say of who made them."""

from __future__ import annotations

from pathlib import Path

import pytest

from recipe_widgets import Data, Settings
from recipe_widgets.core import Run
from recipe_widgets.live import Session
from recipe_widgets.live.guess import Guess
from recipe_widgets.live.guess_record import (
    FILE,
    AnsweredGuess,
    answered,
    calibration,
    read_guesses,
    record,
)
from tests.live.test_session import until


def ended(*values: float) -> Run:
    run = Run(Settings(max_steps=100))
    for step, value in enumerate(values):
        run.history.append("val_accuracy", 10 * step, value)
    return run


def test_the_error_is_the_mean_distance_of_the_curves() -> None:
    guess = Guess("val_accuracy", (0.0, 10.0, 20.0, 900.0), (0.5, 0.6, 0.9, 0.99))
    found = answered(guess, ended(0.5, 0.7, 0.8))  # off by 0, +10, -10 points; 900 was never reached
    assert found is not None
    assert (found.error, found.bias) == (pytest.approx(20 / 3), pytest.approx(0, abs=1e-9))


def test_a_run_without_the_column_answers_nothing() -> None:
    assert answered(Guess("val_loss", (1.0,), (0.5,)), ended(0.5)) is None


def line(error: float, bias: float, column: str = "val_accuracy") -> AnsweredGuess:
    return AnsweredGuess("2026-01-01T00:00:00+00:00", "mnist mlp", column, error, bias)


def test_what_is_kept_over_weeks_says_who_guesses_too_low(tmp_path: Path) -> None:
    texts = [record(line(error, error), tmp_path) for error in (9.0, 8.0, 7.0, 3.0, 2.0, 1.0)]
    assert texts[:2] == ["", ""]  # two say nothing yet
    assert texts[2] == "Your 3 guesses of the validation accuracy were 8 points off at the median, always too low."
    assert texts[5] == ("Your 6 guesses of the validation accuracy were 5 points off at the median, the newest 5 3, "
                        "always too low.")
    assert record(line(0.1, -0.1, "val_loss"), tmp_path) == ""  # another column is counted by itself
    (tmp_path / FILE).open("a").write("no JSON\n{\"when\": 1}\n")
    assert len(read_guesses(tmp_path)) == 7
    assert "always" not in calibration([line(1, 1), line(1, -1), line(1, 1)])


def test_a_guess_is_written_down_once(blobs: Data) -> None:
    session = Session(blobs, Settings(width=16, max_steps=40, batch_size=32, eval_every=10), view=lambda _: None)
    session.guess = Guess("val_accuracy", (10.0, 30.0), (0.3, 0.4))
    for _ in range(2):
        session.order("restart")
        session.wait(60)
        until(lambda: "Your curve of the validation accuracy" in session.words())
    until(lambda: len(read_guesses()) == 1)
    session.close()
    assert len(read_guesses()) == 1
