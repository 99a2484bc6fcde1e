"""What trains in a lesson's cell: the same numbers, the time left, and no more threads than serve."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from recipe_widgets import Data, Settings
from recipe_widgets import training as plain
from recipe_widgets.lessons.common import guarded
from recipe_widgets.training import thread_count

SHORT = Settings(width=16, max_steps=40, batch_size=32, eval_every=20)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    guarded._counts.cache_clear()
    yield
    guarded._counts.cache_clear()


def test_the_numbers_are_those_of_plain_training(blobs: Data) -> None:
    ours, theirs = guarded.train(blobs, SHORT), plain.train(blobs, SHORT)
    assert list(ours.history.series("train_loss")) == list(theirs.history.series("train_loss"))
    many, alone = guarded.train_many(blobs, SHORT, range(2)), plain.train_many(blobs, SHORT, range(2))
    for mine, other in zip(many, alone, strict=True):
        assert list(mine.history.series("train_loss")) == list(other.history.series("train_loss"))
    stopped = guarded.train(blobs, SHORT, until=lambda step: step.index == 4)
    assert (stopped.status, stopped.steps_done) == ("stopped", 5)


def test_a_long_training_tells_its_time_left(blobs: Data, monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    guarded.train(blobs, SHORT)
    assert capsys.readouterr().err == ""  # short: no bar
    monkeypatch.setattr(guarded, "SHOWN_AFTER", 0)
    guarded.train(blobs, SHORT)
    assert "blobs" in capsys.readouterr().err


def test_beside_a_neighbour_it_goes_on_with_one_thread(blobs: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads serve at first; then each step takes ten times as long."""
    clock, used, now = [0.0], [], [2]
    monkeypatch.setattr(torch, "get_num_threads", lambda: now[0])
    monkeypatch.setattr(thread_count, "cores", lambda: 2)
    monkeypatch.setattr(thread_count, "set_threads", lambda count, _: now.__setitem__(0, count))
    monkeypatch.setattr(guarded.time, "perf_counter", lambda: clock[0])

    def until(step: object) -> bool:
        used.append(now[0])
        busy = len(used) > 60
        clock[0] += 0.004 if now[0] == 1 else 0.05 if busy else 0.002
        return False

    # the guard hears of a step before `until` is asked: the clock moves between two steps
    guarded.train(blobs, SHORT.replace(max_steps=200), until=until)
    assert 1 in used[:20]  # tried
    assert set(used[30:60]) == {2}  # and found to be slower
    assert used[-1] == 1
    assert now[0] == 2  # as before
