"""What a page that draws by itself is told: every number once, no more than it needs, at once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from recipe_widgets import Data, Settings
from recipe_widgets.core import History, Run
from recipe_widgets.live import Session
from recipe_widgets.live.page_stream import Message, PageStream
from recipe_widgets.live.score import WHOLE_ACCURACY, WHOLE_LOSS
from recipe_widgets.live.slider_grid import slider_place
from recipe_widgets.live.tiles import tiles
from tests.live.test_session import until

pytestmark = pytest.mark.usefixtures("no_leaked_threads")
SHORT = Settings(width=16, max_steps=60, batch_size=32, eval_every=20)
LONG = SHORT.replace(max_steps=10**8)


@pytest.fixture
def session(blobs: Data) -> Iterator[Session]:
    made = Session(blobs, SHORT)
    yield made
    made.close()


def curves(message: Message) -> dict[tuple[int, str], tuple[np.ndarray, np.ndarray]]:
    """(key of the run, column) -> steps and values, as a page reads them."""
    numbers, found = np.frombuffer(message.numbers, np.float32), {}
    start = 0
    for key, column, n in message.facts.get("points", []):
        found[key, column] = numbers[start:start + n], numbers[start + n:start + 2 * n]
        start += 2 * n
    bands = sum(4 * n for *_, n in message.facts.get("bands", []))
    assert start + bands == len(numbers)
    return found


def news(session: Session, stream: PageStream) -> Message:
    return stream.news(session.frame())


def test_a_page_gets_each_number_once(session: Session) -> None:
    stream = PageStream(session)
    session.order("restart", SHORT)
    run = session.wait(60)
    told = curves(stream.everything(session.frame()))
    key = next(iter(told))[0]
    for column in ("train_loss", "val_loss", "train_accuracy", "val_accuracy"):
        steps, values = run.history.arrays(column)
        x, y = told[key, column]
        assert x.tolist() == steps.tolist()
        assert np.array_equal(y, values.astype(np.float32))
    second = news(session, stream)
    assert (second.facts, second.numbers) == ({}, b"")
    again = stream.everything(session.frame())
    assert again.facts["anew"] is True
    assert {column for _, column in curves(again)} == {column for _, column in told}


def test_the_list_has_the_whole_score_also_where_it_comes_in_two_parts(session: Session) -> None:
    stream = PageStream(session)
    session.order("restart", LONG)
    until(lambda: session.run is not None and session.run.steps_done > 25)
    session.order("stop")
    run = session.wait(60)
    stream.everything(session.frame())
    for column, value in ((WHOLE_LOSS, 0.5), (WHOLE_ACCURACY, 0.123)):
        run.history.append(column, run.steps_done - 1, value)
        message = news(session, stream)
    (listed, ) = message.facts["list"]
    assert listed["score"] == "12.3%"


def test_a_tick_of_a_fast_run_is_small_and_loses_no_stretch(session: Session) -> None:
    stream = PageStream(session)
    session.order("restart", LONG)
    until(lambda: session.run is not None and session.run.steps_done > 5)
    session.order("pause")
    session.wait(60)
    stream.everything(session.frame())
    run = session.run
    done = run.steps_done
    for step in range(done, done + 3000):  # as a very fast machine would do in a tick
        run.history.append("train_loss", step, float("nan") if step % 50 == 0 else 2.0)
        if step % 10 == 0:
            run.history.append("train_accuracy", step, 0.5)
    message = news(session, stream)
    assert len(json.dumps(message.facts)) + len(message.numbers) <= 2800
    points = [value for value in curves(message).items() if value[0][1] == "train_loss"]
    (_, (x, y)), = points
    assert np.all(y == 2.0)  # a NaN is no point, and spoils none
    assert done <= x[0] < done + 40
    assert done + 2960 < x[-1] < done + 3000


def test_an_ordinary_tick_is_below_two_kilobytes(session: Session) -> None:
    stream = PageStream(session)
    session.order("restart", LONG)
    until(lambda: session.run is not None and session.run.steps_done > 5)
    session.order("pause")
    session.wait(60)
    stream.everything(session.frame())
    done = session.run.steps_done
    for step in range(done, done + 110):
        session.run.history.append("train_loss", step, 2.0)
    message = news(session, stream)
    assert len(json.dumps(message.facts)) + len(message.numbers) <= 2000


def test_a_fork_is_named_flagged_and_marked_on_the_slider(session: Session) -> None:
    stream = PageStream(session)
    session.order("restart", LONG)
    until(lambda: session.run is not None and session.run.steps_done > 25)
    session.order("fork", LONG.replace(lr=0.1))
    until(lambda: session.other is not None)
    session.order("stop")
    session.wait(60)
    facts = stream.everything(session.frame()).facts
    old, new = facts["runs"]
    assert (old["part"], old["label"]) == ("other", "old: learning rate 0.05")
    assert (new["part"], new["label"]) == ("new", "new: learning rate 0.1")
    step = session.tree.of(session.run).at_step
    assert new["fork"] == step
    assert [step, "fork", "forked from run 1"] in new["flags"]
    assert [step, "knob", "learning rate 0.1"] in new["flags"]
    assert facts["was"] == {"lr": ["0.05", round(slider_place("lr", 0.05, 0.05), 4)]}
    assert [(one["number"], one["depth"]) for one in facts["list"]] == [(1, 0), (2, 1)]


def test_bands_come_with_their_numbers(session: Session) -> None:
    stream = PageStream(session)
    session.order("restart", SHORT)
    session.wait(60)
    session.order("restart", SHORT.replace(lr=0.1))
    session.wait(60)
    session.order("seeds", SHORT.replace(lr=0.1))
    session.wait(120)
    message = stream.everything(session.frame())
    curves(message)  # all numbers are accounted for
    assert {(role, chart) for _, role, chart, _ in message.facts["bands"]} == {
        ("old", "loss"), ("new", "loss"), ("old", "accuracy"), ("new", "accuracy")}
    assert "bands" not in news(session, stream).facts


@pytest.mark.parametrize(("name", "value", "place"), [
    ("lr", 1e-4, 0.0), ("lr", 10.0, 1.0), ("lr", 10**-1.5, 0.5), ("dropout", 0.45, 0.5),
    ("batch_size", 1, 0.0), ("batch_size", 32, 0.5), ("batch_size", 1024, 1.0),
    ("weight_decay", 0.0, 0.0), ("weight_decay", 0.1, 1.0)])
def test_the_place_of_a_value_on_its_slider(name: str, value: float, place: float) -> None:
    stands = getattr(Settings(), name)
    assert slider_place(name, value, stands) == pytest.approx(place, abs=1e-9)


def test_tiles_say_what_stood_at_a_past_step(session: Session) -> None:
    run, before = (Run(Settings(max_steps=100), History()) for _ in range(2))
    for step in range(50):
        run.history.append("train_loss", step, 2.0 - step / 50)
        before.history.append("train_loss", step, 1.0)
        if step % 10 == 9:
            run.history.append("val_accuracy", step, step / 100)
            before.history.append("val_accuracy", step, 0.5)
            run.history.append("val_loss", step, 1.0 + step)
    now = tiles(run, before, None, session.state())
    assert (now[0].value, now[0].note) == ("49.0%", "run before: 50.0%")
    then = tiles(run, before, 20, session.state())
    assert (then[0].value, then[1].value) == ("19.0%", "20")
    assert then[1].note == "training loss: 1.81"  # the median of the 20 batches before
    assert tiles(None, None, None, session.state())[0].value == "–"


def test_the_speed_of_a_run_stays_when_it_has_ended(session: Session) -> None:
    session.order("restart", LONG)
    until(lambda: session.trainer.rate.steps_per_second > 0)
    session.order("stop")
    session.wait(60)
    label, value, note = tiles(session.run, None, None, session.state())[2]
    assert (label, note.split()[1]) == ("images per second", "steps/s")
    assert int(value.replace(",", "")) > 0
    assert "img/s" not in session.words()  # nothing moves
    session.order("reset")
    until(lambda: session.run is None)
    assert tiles(None, None, None, session.state())[2].value == "–"
