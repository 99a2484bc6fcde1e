"""The panel's ledger and its look inside, driven from code."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from recipe_widgets import Data, LivePanel, RecipeError, Settings
from recipe_widgets.core import RunLog
from recipe_widgets.panels.ledger_section import line
from tests.live.test_session import until

pytestmark = pytest.mark.usefixtures("no_leaked_threads")
SHORT = Settings(width=16, max_steps=60, batch_size=32)


@pytest.fixture
def panel(blobs: Data) -> Iterator[LivePanel]:
    made = LivePanel(blobs, SHORT)
    yield made
    made.close()


def ended(panel: LivePanel, **knobs: object) -> None:
    panel.turn(**knobs) if knobs else panel.start()
    panel.wait(60)


def test_every_ended_run_is_written_with_what_was_expected(panel: LivePanel,
                                                           tmp_path: Path) -> None:
    panel.expect("learns fast")
    ended(panel)
    panel.expect("faster <script>")
    ended(panel, lr=0.2)
    first, second = panel.ledger
    assert (first.expected, second.expected) == ("learns fast", "faster <script>")
    assert (first.status, first.steps, second.knobs.lr) == ("done", 60, 0.2)
    assert (tmp_path / "state" / "ledger.jsonl").exists()
    part = panel._ledger
    part.widget.selected_index = 0
    assert len(part.list.options) == 2
    assert "expected: faster <script>" in part.list.options[0][0]
    part.list.value = (0, 1)
    part.buttons["compare"].click()
    assert "One thing changed: learning rate 0.05 → 0.2" in part.said.value
    assert "&lt;script&gt;" in part.said.value
    assert "<script>" not in part.said.value


def test_a_frame_that_comes_while_the_reader_writes_loses_nothing(panel: LivePanel) -> None:
    """As a message from the page is taken in: the box has the new text, those who observe it do
    not know of it yet.
    """
    part = panel._ledger
    part.widget.selected_index = 0
    with part.expected.hold_trait_notifications():
        part.expected.value = "falls"
        part.show(panel._session.frame())
    assert part.expected.value == "falls"
    ended(panel)
    assert [entry.expected for entry in panel.ledger] == ["falls"]


def test_what_was_expected_of_one_run_is_not_expected_of_the_next(panel: LivePanel) -> None:
    part = panel._ledger
    part.widget.selected_index = 0
    part.expected.value = "slow"
    ended(panel)
    until(lambda: part.expected.value == "")
    ended(panel, lr=0.2)
    panel.expect("fast")
    ended(panel, lr=0.3)
    panel.start()
    until(lambda: len(panel.runs) == 4)
    part.expected.value = "the one after"  # while that run goes on, or after it
    panel.wait(60)
    ended(panel, lr=0.4)
    assert [entry.expected for entry in panel.ledger] == ["slow", "", "fast", "", "the one after"]


def test_slips_are_told(panel: LivePanel) -> None:
    ended(panel)
    part = panel._ledger
    part.widget.selected_index = 0
    part.buttons["compare"].click()
    assert "found 0 chosen, expected two runs" in part.said.value
    part.buttons["back"].click()
    assert "found 0 chosen, expected one run" in part.said.value


def test_knobs_of_an_old_run(panel: LivePanel) -> None:
    ended(panel, lr=0.2)
    ended(panel, lr=0.01)
    part = panel._ledger
    part.widget.selected_index = 0
    part.list.value = (0,)
    part.buttons["back"].click()
    assert panel.settings.lr == 0.2


def test_both_from_seeds(panel: LivePanel) -> None:
    ended(panel)
    ended(panel, lr=0.2)
    part = panel._ledger
    part.widget.selected_index = 0
    part.list.value = (0, 1)
    part.buttons["seeds"].click()
    until(lambda: panel._session.band is not None and panel._session.phase == "ended")
    assert "n = 8 paired seeds" in panel.words
    assert "learning rate 0.2" in panel.words


def test_a_ledger_that_cannot_be_written_stops_no_training(blobs: Data, tmp_path: Path) -> None:
    panel = LivePanel(blobs, SHORT, ledger=tmp_path / "nowhere" / "ledger.jsonl")
    panel.start()
    run = panel.wait(60)
    assert run is not None
    assert run.status == "done"
    assert "can be written" in panel.words
    panel.close()


def test_look_inside_from_code(panel: LivePanel) -> None:
    panel.look("activations")
    ended(panel)
    inside = panel._inspector
    until(lambda: "Activations on" in inside.page.value)
    panel.visit(10)
    until(lambda: panel.words.startswith("Looking at step 10 of 60"))
    until(lambda: not inside.rewind.disabled)
    panel.rewind()
    until(lambda: panel.run is not None and panel.run.status == "done" and len(panel.runs) == 2)
    assert panel.runs.branches[1].at_step == 10
    panel.look("")
    assert panel._session.inspector.tab == ""
    with pytest.raises(RecipeError, match="activations"):
        panel.look("brain")


def test_a_drag_is_heard_while_the_panel_itself_moves_the_slider(panel: LivePanel) -> None:
    """The painter does so on a thread of its own, eight times a second."""
    panel.look("activations")
    ended(panel)
    inside, session = panel._inspector, panel._session

    def meanwhile(change: object) -> None:
        reader = threading.Thread(target=setattr, args=(inside.moment, "value", 7))
        reader.start()
        reader.join()

    until(lambda: inside.moment.max == 60)
    inside.moment.observe(meanwhile, names="max")
    inside.show(replace(session.frame(), steps_done=61))
    assert session.visiting == 7
    assert inside.moment.value == 7


def test_the_slider_stands_still_before_the_words_say_so(panel: LivePanel) -> None:
    """Who reads "Paused" and takes the slider must not have it moved under the hand by what
    belongs to that frame.
    """
    panel.look("activations")
    ended(panel)
    inside, view, came = panel._inspector, panel._view, []
    until(lambda: inside.moment.value == 60 and "Done" in view.words.value)
    inside.moment.observe(lambda change: came.append("slider"), names="max")
    view.words.observe(lambda change: came.append("words"), names="value")
    view.show(replace(panel._session.frame(), steps_done=61, words="Paused"))
    assert came == ["slider", "words"]


def test_a_line_of_the_list(panel: LivePanel) -> None:
    ended(panel, lr=0.2)
    text = line(panel.ledger[0])
    assert "learning rate 0.2" in text
    assert "done, 60 steps" in text


SITTING = """
import sys
import numpy as np
from recipe_widgets import Data, LivePanel, Settings
rng = np.random.default_rng(0)
data = Data.from_arrays(rng.integers(0, 255, (300, 8, 8), dtype=np.uint8), np.arange(300) % 3)
panel = LivePanel(data, Settings(width=8, max_steps=20, batch_size=32), ledger=sys.argv[1])
for n in range(10_000):
    panel.turn(lr=0.001 + n / 10_000)
    panel.wait(60)
    print(panel.run.settings.lr, flush=True)  # seen to have ended: acknowledged
"""


KILLS = int(os.environ.get("RECIPE_KILLS", "2"))


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
@pytest.mark.timeout(60 + 30 * KILLS)
def test_kill_9_in_mid_session_loses_no_ended_run(tmp_path: Path) -> None:
    """As often as RECIPE_KILLS says, all on one file, as a reader's kernels would."""
    file, said = tmp_path / "ledger.jsonl", []
    for number in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", SITTING, str(file)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(1 + number % 7)]
        time.sleep(random.Random(number).random() / 20)
        process.kill()
        said += [
            float(text) for text in [*lines, *process.stdout.read().splitlines()] if text.strip()
        ]
        process.wait()
        book = RunLog(file)
        found = [one.knobs.lr for one in book.entries()]
        assert len(found) >= len(said)
        left = list(found)
        for lr in said:
            left.remove(lr)  # each acknowledged run has a line of its own
        # at most one more per kernel: ended, but not yet seen to have
        assert len(left) <= number + 1
