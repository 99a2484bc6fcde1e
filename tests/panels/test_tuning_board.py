"""The live board of a search."""

import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType

import pytest

from recipe_widgets import Data, LivePanel, RecipeError, Settings
from recipe_widgets.panels import CapacityExplorer, TuningBoard
from recipe_widgets.tune import space, tune

BASE = Settings(width=8, max_steps=60, batch_size=32, eval_every=20)
pytestmark = pytest.mark.usefixtures("no_leaked_threads")


def until(true: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def prepared(data: Data, trials: int) -> TuningBoard:
    return TuningBoard(
        tune(data, space("lr", "momentum"), BASE, trials=trials, sampler="random", start=False))


def test_a_search_runs_on_the_board_as_it_does_without(blobs: Data) -> None:
    board = prepared(blobs, 6)
    assert "Press Start" in board.words
    assert board.buttons["stop"].disabled
    board.buttons["start"].click()
    found = board.wait(60)
    plain = tune(blobs, space("lr", "momentum"), BASE, trials=6, sampler="random")
    assert [(t.knobs, t.state) for t in found.table()] == [(t.knobs, t.state)
                                                           for t in plain.table()]
    chart = board._chart
    assert until(lambda: chart.value.count("<circle") == len(found.ranked()))
    assert until(lambda: "Done. 6 of 6 trials" in board._words.value)
    board.close()


def test_stop_ends_the_search_soon_and_start_goes_on(blobs: Data) -> None:
    board = prepared(blobs, 400)
    board.start()
    assert until(lambda: board.tuning.trial_counts().finished >= 2)
    board.buttons["stop"].click()
    board.wait(20)
    stopped_at = board.tuning.trial_counts().finished
    assert stopped_at < 400
    assert until(lambda: "Stopped." in board.words)
    board.tuning.trials = stopped_at + 2
    board.start()
    assert board.wait(60).trial_counts().finished == stopped_at + 2
    board.close()


def test_another_panel_waits_its_turn(blobs: Data) -> None:
    board, panel = prepared(blobs, 8), LivePanel(blobs, BASE)
    board.start()
    panel.start()
    assert panel.wait(60).status == "done"
    assert board.tuning.trial_counts().finished == 8
    panel.close()
    board.close()


def test_an_error_is_shown_and_the_page_lives_on(blobs: Data) -> None:
    board = TuningBoard(tune(blobs, space("lr"), BASE, trials=2, start=False))
    board.tuning._train = None
    board.start()
    board.wait(20)
    assert "TypeError" in board.words
    board.close()
    board.close()


def test_it_wants_a_tuning() -> None:
    with pytest.raises(RecipeError, match="start=False"):
        TuningBoard("search")


def test_a_stop_is_heard_before_the_turn_comes_and_a_start_during_a_stop(blobs: Data) -> None:
    board, panel = prepared(blobs, 3), LivePanel(blobs, BASE.replace(max_steps=10**9))
    panel.start()
    assert until(lambda: panel.run is not None and panel.run.steps_done > 3)
    board.start()
    board.stop()
    assert board._search.phase == "ended"
    assert "Stopped." in board.words
    panel.stop()
    panel.wait(20)
    board.wait(20)
    assert board.tuning.trial_counts().finished == 0
    board.start()
    assert until(lambda: board.tuning.ended_here > 0)
    board.stop()
    board.start()  # the search is still about its last step
    assert board.wait(60).trial_counts().finished == 3
    assert "Done." in board.words
    panel.close()
    board.close()


def test_boards_and_explorers_train_in_the_foreground_where_the_page_needs_it(
        blobs: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    board, explorer = prepared(blobs, 2), CapacityExplorer(blobs, BASE, seeds=1)
    board.start()
    explorer.measure(("30 samples", 2))
    assert board.wait(60).trial_counts().finished == 2
    assert ("30 samples", 2) in explorer.wait(60).points
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("recipe-")]
    board.close()
    explorer.close()
