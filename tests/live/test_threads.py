"""How many threads a live run computes with, by step times that are given."""

import math

import pytest

from recipe_widgets import Settings
from recipe_widgets.live import threads
from recipe_widgets.live.threads import FEW, WINDOW, Threads
from recipe_widgets.records import Run


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Threads:
    """Two threads were chosen, at 1 ms per step; no thread count is really set."""
    monkeypatch.setattr(threads, "set_threads", lambda count, default: None)
    chosen = Threads()
    chosen._usual = 0.001
    return chosen


def running() -> Run:
    run = Run(Settings(max_steps=10))
    run.threads[:] = [(0, 2)]
    return run


@pytest.mark.parametrize(("durations", "falls"), [
    ([0.001] * WINDOW, False),
    ([0.0015] * WINDOW, False),
    ([0.002] * WINDOW, True),
    ([0.001] * 20 + [0.05] * (FEW - 1), False),  # a hiccup
    ([0.001] * 20 + [0.15] * FEW, True),  # two threads wait for each other: nobody waits for 16 such steps
    ([0.15] * (FEW - 1), False),
    ([0.001] * 17 + [0.05] * 14, False),  # more than half of the window as usual, and less than a while late
])
def test_a_neighbour_is_told_from_a_hiccup(two: Threads, durations: list[float], falls: bool) -> None:
    run = running()
    for seconds in durations:
        two.note(seconds)
    two.mind_neighbours([run])
    assert (run.threads[-1][1] == 1) == falls


def test_two_branches_take_twice_the_time(two: Threads) -> None:
    old, new = running(), running()
    for _ in range(WINDOW):
        two.note(0.0025)
    two.mind_neighbours([old, new])
    assert old.threads == new.threads == [(0, 2)]
    two.mind_neighbours([new])
    assert new.threads[-1] == (0, 1)


def test_a_run_of_unknown_time_keeps_its_threads(two: Threads) -> None:
    two.forget()
    assert two._usual == math.inf
    run = running()
    for _ in range(WINDOW):
        two.note(9.0)
    two.mind_neighbours([run])
    assert run.threads == [(0, 2)]


def test_one_thread_is_not_asked_twice(two: Threads) -> None:
    run = running()
    run.threads[:] = [(0, 1)]
    for _ in range(WINDOW):
        two.note(9.0)
    two.mind_neighbours([run])
    assert run.threads == [(0, 1)]
