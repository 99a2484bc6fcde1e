"""Steps of heavy models that are left in their middle."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from recipe_widgets import Data, Settings, load
from recipe_widgets.live import Session
from recipe_widgets.live.interruption import Interrupted, interruptible
from recipe_widgets.training import thread_count
from tests.live.test_session import until

pytestmark = pytest.mark.usefixtures("no_leaked_threads")


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])  # of 2 layers on the way there, 4 gradients back
def test_a_step_is_left_at_any_layer_and_leaves_no_trace(at: int) -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2))
    was, asked = {name: one.clone() for name, one in model.state_dict().items()}, []

    def wanted() -> bool:
        asked.append(1)
        return len(asked) == at

    with pytest.raises(Interrupted), interruptible([model], wanted):
        model(torch.randn(8, 3)).sum().backward()
    for name, one in model.state_dict().items():
        assert torch.equal(one, was[name])
    model(torch.randn(8, 3)).sum().backward()  # nobody asks any more
    assert len(asked) == at


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Session, threading.Event]]:
    """A session whose model takes for ever in its middle layer."""
    monkeypatch.setattr(thread_count, "HEAVY_STEP", 0.0)  # whatever trains is heavy
    session, inside = Session(load("mnist").subset(100), Settings(width=16, max_steps=100)), threading.Event()
    yield session, inside
    session.close()


@pytest.mark.parametrize("action", ["stop", "restart", "reset"])
def test_who_ends_a_run_does_not_wait_for_the_end_of_its_step(
        held: tuple[Session, threading.Event], action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session, inside = held
    go_on = threading.Event()

    class Slow(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            inside.set()
            assert go_on.wait(30)
            return x

    after = []
    begin = session.source.begin

    def begin_slow(settings: Settings) -> object:
        begun = begin(settings)
        if settings.lr == 0.5:
            begun.training.model.insert(1, Slow())
            begun.training.model.insert(2, nn.Identity())
            begun.training.model[2].register_forward_hook(lambda *_: after.append(1))
        return begun

    monkeypatch.setattr(session.source, "begin", begin_slow)
    monkeypatch.setattr(session.threads, "choose", lambda *_: setattr(session.threads, "estimate", 1.0))
    session.order("restart", Settings(width=16, max_steps=100, lr=0.5))
    assert inside.wait(30)
    session.order(action, Settings(width=16, max_steps=5))
    go_on.set()
    session.wait(30)
    until(lambda: not session.has_command)
    assert after == []  # the layers behind the slow one were never asked
    assert session.problem == ""
    if action == "stop":
        assert (session.phase, session.run.status, session.run.steps_done) == ("ended", "stopped", 0)
    elif action == "restart":
        assert (session.run.status, session.run.steps_done) == ("done", 5)
    else:
        assert (session.phase, session.run) == ("idle", None)


def test_a_heavy_run_tries_both_counts_in_its_own_first_steps(blobs: Data,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_count, "HEAVY_STEP", 0.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(thread_count, "cores", lambda: 2)
    counts = thread_count.ThreadCount()
    assert counts.available == 2
    session = Session(blobs, Settings(width=16, max_steps=9))
    training = session.source.begin(session.settings).training
    run = training.new_run()
    counts.choose(training, run, "blobs")
    set_to = []
    monkeypatch.setattr(counts, "set", set_to.append)
    assert (run.threads, counts.heavy) == ([(0, 2)], True)
    for seconds in (9.0, 1.0, 1.0, 5.0, 2.0, 2.0):  # the first of each is not counted
        counts.note(seconds, [run])
    assert set_to == [1, 2]
    assert [count for _, count in run.threads] == [2, 1, 2]
    assert counts._usual == 1.0
    again = training.new_run()
    counts.choose(training, again, "blobs")
    assert again.threads == [(0, 2)]
    counts.note(9.0, [again])
    assert again.threads == [(0, 2)]  # known by now
    session.close()
