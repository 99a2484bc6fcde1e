"""Live panels without a browser: random use for a long time, made and dropped by the hundred,
fifty at once.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path

import ipywidgets
import psutil
import pytest

from recipe_widgets import Data, LivePanel
from tests.live.test_session import until
from tests.stress.hand import SMALL, Hand, answers, ours, watched
from tests.stress.tally import Tally, times

pytestmark = [pytest.mark.usefixtures("no_leaked_threads"), pytest.mark.timeout(1200)]
FLAT = 50e6  # bytes that the process may grow by after the warm-up


def widgets_alive() -> int:
    return len(ipywidgets.widgets.widget._instances)


def memory() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


def judge(row: Tally, faults: list[str], used: list[int]) -> None:
    """No fault, and no more memory at the end than after the first quarter."""
    warm = len(used) // 4
    grown = max(used[warm:]) - max(used[:warm + 1])
    row.lost = len(faults)
    row.notes.append(f"{grown / 1e6:+.0f} MB after the warm-up")
    assert faults == []
    assert grown < FLAT


def test_the_watch_hears_of_every_kind_of_fault(blobs: Data,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the storms below would show nothing."""
    panel = LivePanel(blobs, SMALL)
    with watched(monkeypatch) as faults:
        panel._session.view = lambda frame: 1 / 0
        panel.start()
        until(lambda: faults)
        assert "Could not draw: ZeroDivisionError" in faults[0]
        crash = threading.Thread(target=lambda: 1 / 0, name="recipe-other")
        crash.start()
        crash.join()
        assert faults[-1].startswith("recipe-other: ZeroDivisionError")
        panel.buttons["stop"].on_click(lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            panel.buttons["stop"].click()
    panel.close()


def test_random_actions(blobs: Data, tally: Callable[[str], Tally], monkeypatch: pytest.MonkeyPatch,
                        tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    row, hand, used = tally("random panel actions"), Hand(7, blobs, tmp_path), []
    before, each = widgets_alive(), times(60, 200)
    with watched(monkeypatch) as faults:
        for _ in range(times(300, 10_000) // each):
            panel = hand.panel()
            for _ in range(each):
                hand.act(panel)
                row.tried += 1
                assert ours().count("recipe-trainer") == ours().count("recipe-painter") == 1
            with row.recovery():
                answers(panel)
            panel.close()
            assert ours() == []
            assert widgets_alive() == before
            used.append(memory())
    judge(row, faults, used)


def test_made_and_dropped(blobs: Data, tally: Callable[[str], Tally],
                          monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    row, hand, used = tally("panels made and dropped"), Hand(8, blobs, tmp_path), []
    before = widgets_alive()
    with watched(monkeypatch) as faults:
        for number in range(times(20, 500)):
            panel = hand.panel()
            panel.start()
            for _ in range(3):
                hand.act(panel)
            if number % 2:
                panel.close()
            del panel  # the last hold on it, perhaps in mid-training
            row.tried += 1
            until(lambda: ours().count("recipe-trainer") <=
                  1)  # that of the panel before may be at its end
            if number % 10 == 9:
                used.append(memory())
                with row.recovery():
                    until(lambda: ours() == [])
                assert widgets_alive() == before
    judge(row, faults, used)


def test_many_at_once(blobs: Data, tally: Callable[[str], Tally], monkeypatch: pytest.MonkeyPatch,
                      tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    row, hand = tally("panels at once"), Hand(9, blobs, tmp_path)
    before = widgets_alive()
    with watched(monkeypatch) as faults:
        panels = [hand.panel() for _ in range(times(6, 50))]
        row.tried = len(panels)
        for panel in panels:
            panel.start()
        for _ in range(20 * len(panels)):
            hand.act(hand.draw.choice(panels))
            assert ours().count("recipe-trainer") == 1
        for panel in panels:
            panel.stop()  # needs no turn: it is obeyed while others train
            panel.wait(60)
        assert {panel._session.phase for panel in panels} <= {"ended", "idle"}
        for panel in panels:
            with row.recovery():
                answers(panel)
            panel.stop()
        hand.draw.shuffle(panels)
        for panel in panels:
            panel.close()
    assert widgets_alive() == before
    row.lost = len(faults)
    assert faults == []
