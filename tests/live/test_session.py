"""The live session, driven without a browser. No test here depends on how fast the machine is."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import torch

from recipe_widgets import Data, Settings, train
from recipe_widgets.live import Frame, Session, live_settings
from recipe_widgets.live.engine import ENGINE

pytestmark = pytest.mark.usefixtures("no_leaked_threads")
SHORT = Settings(width=16, max_steps=60, batch_size=32)
LONG = SHORT.replace(max_steps=10**9)


@pytest.fixture
def session(blobs: Data) -> Iterator[Session]:
    session = Session(blobs, SHORT)
    yield session
    session.close()


def until(what: object, patience: float = 60.0) -> None:
    end = time.monotonic() + patience
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.002)


def turns_of_the_trainer(session: Session, number: int) -> None:
    """Let the trainer thread come round to this session so often: a run that did not pause would
    train for a moment in each of these turns.
    """
    came, turn = threading.Semaphore(0), session.turn

    def counted() -> bool:
        more = turn()
        came.release()
        return more

    session.turn = counted  # type: ignore[method-assign]
    try:
        for _ in range(number):
            session.engine.enqueue(session)
            assert came.acquire(timeout=60)
    finally:
        session.turn = turn  # type: ignore[method-assign]


def test_a_run_equals_the_headless_one_to_the_last_bit(session: Session, blobs: Data) -> None:
    session.order("restart", SHORT)
    run = session.wait(60)
    assert run is not None
    torch.set_num_threads(run.threads[-1][1])
    try:
        twin = train(blobs, live_settings(SHORT))
    finally:
        torch.set_num_threads(session.threads.available)
    assert run.history.series("train_loss") == twin.history.series("train_loss")
    assert run.history.series("val_loss") == twin.history.series("val_loss")
    assert run.status == "done"
    assert "whole validation set" in run.message


def test_neighbours_random_numbers_change_nothing(session: Session) -> None:
    losses = []
    for _ in range(2):
        session.order("restart", SHORT.replace(dropout=0.5))
        while session.wait(0.001) is None or session.phase == "running":
            torch.rand(100)
        losses.append(session.wait(60).history.series("train_loss"))
    assert losses[0] == losses[1]


def test_new_settings_restart_and_leave_a_ghost(session: Session) -> None:
    session.order("restart", SHORT)
    first = session.wait(60)
    session.order("restart", SHORT.replace(lr=0.2))
    second = session.wait(60)
    assert second is not first
    assert session.ghost is first
    assert second.settings.lr == 0.2
    assert second.history.series("train_loss")[0] == first.history.series("train_loss")[0]


def test_pause_holds_resume_goes_on_to_the_same_numbers(session: Session) -> None:
    session.order("restart", SHORT)
    whole = session.wait(60).history.series("train_loss")
    session.order("restart", LONG)
    until(lambda: session.run is not None and session.run.settings.max_steps > 60 and session.run.
          steps_done > 5)
    session.order("pause")
    run = session.wait(60)
    assert session.phase == "paused"
    held = run.steps_done
    turns_of_the_trainer(session, 3)
    assert run.steps_done == held
    session.order("resume")
    until(lambda: run.steps_done > held + 60)
    session.order("stop")
    assert session.wait(60) is run
    assert run.history.series("train_loss")[:60] == whole
    assert run.status == "stopped"


def test_a_run_that_does_not_pause_would_be_noticed(session: Session) -> None:
    session.order("restart", LONG)
    until(lambda: session.run is not None and session.run.steps_done > 5)
    before = session.run.steps_done
    turns_of_the_trainer(session, 3)
    assert session.run.steps_done > before


def test_stop_leaves_a_whole_run_and_reset_leaves_none(session: Session) -> None:
    session.order("restart", LONG)
    until(lambda: session.run is not None and session.run.steps_done > 3)
    session.order("stop")
    run = session.wait(60)
    assert (run.status, session.phase) == ("stopped", "ended")
    session.order("reset")
    session.wait(60)
    assert (session.run, session.ghost, session.phase, session.settings) == (None, None, "idle",
                                                                             SHORT)


def test_stop_while_another_session_computes_is_obeyed_at_once(blobs: Data) -> None:
    first, second = Session(blobs, LONG), Session(blobs, SHORT)
    first.order("restart")
    until(lambda: first.run is not None and first.run.steps_done > 3)
    second.order("restart")
    assert second.waiting_for == 1
    assert "Waits for another panel" in second.words()
    until(lambda: "about" in second.words())  # the other one knows its pace by now
    second.order("stop")
    second.wait(60)
    assert second.phase == "idle"
    second.order("restart")
    first.order("stop")
    assert second.wait(60).status == "done"
    first.close()
    second.close()


def test_a_session_that_waits_may_take_over(blobs: Data) -> None:
    first, second = Session(blobs, LONG), Session(blobs, SHORT)
    first.order("restart")
    until(lambda: first.run is not None and first.run.steps_done > 3)
    second.order("restart")
    second.take_over()
    assert second.wait(60).status == "done"
    assert (first.phase, first.run.status) == ("paused", "running")
    first.order("resume")
    until(lambda: first.phase == "running")
    first.close()
    second.close()


def test_a_diverged_run_says_step_and_cause(session: Session) -> None:
    session.order("restart", SHORT.replace(lr=1e6, depth=3, max_steps=500))
    run = session.wait(60)
    assert run.status == "diverged"
    assert "learning rate 1e+06 is too high" in session.words()
    assert run.model is not None


def test_an_impossible_model_is_told_in_words_and_the_session_lives_on(session: Session) -> None:
    session.order("restart", SHORT.replace(model="convnet", depth=6))
    session.wait(60)
    assert "each stage halves the image" in session.words()
    session.order("restart", SHORT)
    assert session.wait(60).status == "done"


def test_a_run_in_the_making_is_named(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    made, go = threading.Event(), threading.Event()
    begin = session.source.begin

    def slowly(settings: Settings) -> object:
        made.set()
        assert go.wait(60)
        return begin(settings)

    session.order("restart", SHORT)
    session.wait(60)
    monkeypatch.setattr(session.source, "begin", slowly)
    session.order("restart", SHORT.replace(model="linear", lr=0.1))
    assert made.wait(60)
    until(lambda: session.words().startswith("Setting up linear: learning rate 0.1,"))
    go.set()
    session.wait(60)
    assert session.words().startswith("Done with learning rate 0.1,")


def test_frames_reach_the_view_and_a_broken_view_does_not_stop_training(blobs: Data) -> None:
    frames: list[Frame] = []
    session = Session(blobs, SHORT, frames.append)
    session.order("restart")
    session.wait(60)
    until(lambda: frames and frames[-1].phase == "ended")
    assert "Done with learning rate 0.05, batch size 32, dropout 0, momentum 0.9" in frames[
        -1].words
    assert "<svg" in session.picture()
    session.view = lambda frame: 1 / 0  # type: ignore[assignment,return-value]
    session.order("restart")
    assert session.wait(60).status == "done"
    session.close()


def test_one_trainer_serves_all_and_its_thread_count_stays_its_own(blobs: Data) -> None:
    before = torch.get_num_threads()
    sessions = [Session(blobs, SHORT) for _ in range(5)]
    for session in sessions:
        session.order("restart")
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("recipe-trainer") == 1
    assert names.count("recipe-painter") == 1
    for session in sessions:
        assert session.wait(60).status == "done"
    seen: list[int] = []
    fresh = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    fresh.start()
    fresh.join()
    assert (torch.get_num_threads(), seen) == (before, [before])
    for session in sessions:
        session.close()


def test_a_storm_of_orders_never_fails_and_the_last_one_wins(session: Session) -> None:
    draw = random.Random(0)
    for _ in range(300):
        action = draw.choice(["restart", "restart", "restart", "resume", "pause", "stop", "reset"])
        session.order(action,
                      SHORT.replace(lr=10**draw.uniform(-4, 1), batch_size=2**draw.randrange(8)))
        if draw.random() < 0.2:
            time.sleep(0.002)
        assert [thread.name for thread in threading.enumerate()].count("recipe-trainer") == 1
    session.order("restart", SHORT.replace(lr=0.123))
    run = session.wait(60)
    assert session.problem == ""
    assert (run.settings.lr, run.status) == (0.123, "done")


def test_closing_in_mid_training_ends_the_threads_and_the_run(blobs: Data) -> None:
    session = Session(blobs, LONG)
    session.order("restart")
    until(lambda: session.run is not None and session.run.steps_done > 3)
    session.close()
    assert session.run.status == "stopped"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("recipe-")]
    session.order("restart")
    session.close()
    assert session.phase == "closed"


class Broken:
    """A worker that fails at all that it is asked."""

    skips_queue = has_command = False

    def turn(self) -> bool:
        raise ZeroDivisionError("turn")

    def paint(self) -> bool:
        raise ZeroDivisionError("paint")


def test_one_broken_worker_is_told_of_and_stops_no_other(blobs: Data,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(threading, "excepthook",
                        lambda args: told.append(f"{args.thread.name}: {args.exc_value}"))
    broken, frames = Broken(), []
    ENGINE.open(broken)
    session = Session(blobs, SHORT, frames.append)
    ENGINE.enqueue(broken)
    session.order("restart")
    assert session.wait(60).status == "done"
    until(lambda: frames and frames[-1].phase == "ended")
    ENGINE.close(broken)
    session.close()
    assert set(told) == {"recipe-trainer: turn", "recipe-painter: paint"}


LEAVES = """
import numpy as np
from recipe_widgets import Data, Settings
from recipe_widgets.live import Session
data = Data.from_arrays(np.zeros((300, 8, 8), np.uint8), np.arange(300) % 3)
session = Session(data, Settings(model="convnet", width=64, batch_size=32, max_steps=10**9))
session.order("restart")
while session.run is None or session.run.steps_done < 5:
    pass
"""


def test_a_process_may_end_in_mid_training() -> None:
    """A thread that computes while the interpreter is taken down would abort it."""
    left = subprocess.run([sys.executable, "-c", LEAVES], capture_output=True, text=True,
                          check=False)
    assert (left.returncode, left.stderr) == (0, "")


def test_torch_computes_as_before_after_its_helpers_were_sent_to_rest() -> None:
    from recipe_widgets.training.thread_count import rest_openmp

    a = torch.rand(300, 300, generator=torch.Generator().manual_seed(0))
    before, threads = a @ a, torch.get_num_threads()
    for _ in range(3):
        rest_openmp()
        assert torch.equal(a @ a, before)
        assert torch.get_num_threads() == threads


def test_a_run_that_cannot_begin_leaves_the_one_before_there(
        session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.order("restart")
    first = session.wait(60)
    monkeypatch.setattr(session.threads, "choose", lambda *_: 1 / 0)
    session.order("restart")
    session.wait(60)
    assert "ZeroDivisionError" in session.problem
    assert (session.run, session.ghost) == (first, None)
    assert [shown.part for shown in session.shown()] == ["new"]
