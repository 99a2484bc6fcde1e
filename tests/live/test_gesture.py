"""The moves of one drag are one: what is compared is the value before it and the value after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recipe_widgets import Data, Settings
from recipe_widgets.live import Session
from recipe_widgets.live.gesture import Gesture
from tests.live.test_session import until

pytestmark = pytest.mark.usefixtures("no_leaked_threads")
LONG = Settings(width=16, max_steps=10**8, batch_size=32)
SHORT = LONG.replace(max_steps=60)


@pytest.fixture
def session(blobs: Data) -> Iterator[Session]:
    made = Session(blobs, LONG)
    yield made
    made.close()


def runs_long(session: Session, lr: float) -> None:
    """So far that by itself the run would stay to be compared with."""
    def far() -> bool:
        run = session.run
        branch = session.tree.of(run) if run is not None else None
        return branch is not None and run.newest.lr == lr and run.steps_done > branch.at_step + 200

    until(far)


def test_moves_are_one_while_a_slider_is_held_and_shortly_after() -> None:
    gesture = Gesture()
    assert gesture.of(("lr", )) != gesture.of(("lr", ))  # from code: each its own
    gesture.hold(True)
    first = gesture.of(("lr", ))
    assert gesture.of(("lr", )) == first
    gesture.hold(False)
    assert gesture.of(("lr", )) == first  # a page's last value comes late
    gesture.hold(True)  # once more, within that time
    assert gesture.of(("lr", )) != first
    assert gesture.of(("momentum", )) != first


def test_a_slow_drag_forks_once_from_the_value_before(session: Session) -> None:
    session.order("restart", LONG)
    runs_long(session, 0.05)
    session.gesture.hold(True)
    for lr in (0.06, 0.08, 0.1):
        session.turn_knobs("fork", LONG.replace(lr=lr))
        runs_long(session, lr)
        assert session.other.newest.lr == 0.05
    session.gesture.hold(False)
    assert "learning rate 0.05 → 0.1." in session.words()
    assert [branch.run.newest.lr for branch in session.tree] == [0.05, 0.1]
    assert [branch.number for branch in session.tree] == [1, 2]


def test_the_ghost_of_a_drag_is_the_run_before_it(session: Session) -> None:
    session.order("restart", SHORT)
    session.wait(60)
    session.gesture.hold(True)
    for lr in (0.06, 0.08, 0.1):
        session.turn_knobs("restart", SHORT.replace(lr=lr))
        session.wait(60)
    session.gesture.hold(False)
    assert session.ghost.newest.lr == 0.05
    assert len(session.tree) == 2


def test_two_drags_are_two(session: Session) -> None:
    session.order("restart", LONG)
    for knob, value in (("lr", 0.1), ("momentum", 0.5)):
        runs_long(session, session.settings.lr)
        session.gesture.hold(True)
        session.turn_knobs("fork", session.settings.replace(**{knob: value}))
        until(lambda name=knob, to=value: getattr(session.run.newest, name) == to)
        session.gesture.hold(False)
    assert (session.other.newest.lr, session.other.newest.momentum) == (0.1, 0.9)


def test_a_hand_that_forks_where_no_run_goes_on_begins_one(session: Session) -> None:
    session.order("restart", LONG)
    runs_long(session, 0.05)
    session.order("stop")
    session.wait(60)
    session.gesture.hold(True)
    for lr in (0.06, 0.08):
        session.turn_knobs("fork", LONG.replace(lr=lr))
        runs_long(session, lr)
    assert session.other is None
    assert [(branch.run.newest.lr, branch.parent) for branch in session.tree] == [(0.05, None), (0.08, None)]
    session.gesture.hold(False)
    session.gesture.hold(True)  # the next one has a run to fork
    session.turn_knobs("fork", LONG.replace(lr=0.1))
    until(lambda: session.other is not None)
    assert session.other.newest.lr == 0.08


def test_a_pinned_run_stays_whatever_the_hand_does(session: Session) -> None:
    session.order("restart", LONG)
    runs_long(session, 0.05)
    session.gesture.hold(True)
    session.turn_knobs("restart", LONG.replace(lr=0.1))
    runs_long(session, 0.1)
    session.pin(session.tree.of(session.run).number)
    session.turn_knobs("restart", LONG.replace(lr=0.2))
    until(lambda: session.run.newest.lr == 0.2)
    assert [branch.run.newest.lr for branch in session.tree] == [0.05, 0.1, 0.2]
