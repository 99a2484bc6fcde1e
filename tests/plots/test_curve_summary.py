"""Points of growing columns, against the means of all numbers at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recipe_widgets.core import History
from recipe_widgets.plots.curve_summary import CurveSummary, curve_points


def _grown(history: History, values: np.ndarray) -> None:
    begun = len(history.arrays("train_loss")[0])
    for step, value in enumerate(values.tolist(), begun):
        history.append("train_loss", step, value)


@pytest.mark.parametrize("pieces", [(1,), (7, 1, 30), (64, 1, 63, 200)],
                         ids=["all_at_once", "a_few", "over_the_limit"])
def test_stretches_hold_every_number_once(pieces: tuple[int, ...]) -> None:
    """Whatever comes at a time, each stretch is the sum of its own numbers."""
    history, summary = History(), CurveSummary(64)
    draw = np.random.default_rng(0)
    for turn in range(12):
        _grown(history, draw.normal(size=pieces[turn % len(pieces)]))
        sums = summary.newest(history, "train_loss")
    values = history.arrays("train_loss")[1]
    edges = np.arange(0, len(values), summary.length)
    assert sums.shape[1] == len(edges) <= 64
    assert sums[0] == pytest.approx(np.add.reduceat(np.arange(len(values)), edges))
    assert sums[1] == pytest.approx(np.add.reduceat(values, edges))
    assert sums[2].sum() == len(values)


def test_a_short_column_is_itself_and_a_long_one_keeps_its_mean() -> None:
    history = History()
    _grown(history, np.array([1.0, math.nan, 3.0]))
    steps, values = curve_points(history, "train_loss", 10)
    assert (steps.tolist(), values.tolist()) == ([0, 2], [1, 3])
    assert len(curve_points(history, "nothing", 10)[0]) == 0
    rising = np.arange(10_000) / 100
    _grown(history, rising)
    steps, values = curve_points(history, "train_loss", 10)
    assert len(steps) == 10
    # ten stretches of about a thousand: means of a straight line lie on it
    assert values == pytest.approx((steps - 3) / 100, abs=0.02)
    assert np.diff(steps) == pytest.approx(np.full(9, 1000), rel=1 / 16)


def test_a_repaint_reads_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    history, asked = History(), []
    since = History.since

    def counted(self: History, name: str, count: int, stop: int | None = None) -> object:
        found = since(self, name, count, stop)
        asked.append(len(found[0]))
        return found

    monkeypatch.setattr(History, "since", counted)
    monkeypatch.setattr(History, "arrays", None)  # would copy all
    falling = np.linspace(2, 1, 5000)
    for number in range(3):
        for step, value in enumerate(falling.tolist(), 5000 * number):
            history.append("train_loss", step, value)
        curve_points(history, "train_loss", 240)
    curve_points(history, "train_loss", 240)
    assert asked == [5000, 5000, 5000, 0]
