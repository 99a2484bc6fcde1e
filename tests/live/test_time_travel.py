"""Back to a past step and on from there; tabs that look inside; neither changes a run."""

import threading
from collections.abc import Iterator

import pytest
import torch

from recipe_widgets import RecipeError, Settings, load
from recipe_widgets.live import Session
from recipe_widgets.live.inspector import TABS
from recipe_widgets.live.time_travel import TimeTravel
from recipe_widgets.training import LayerUpdates, Rewind, Snapshots, Training, replay
from tests.live.test_session import until

LONG = Settings(width=16, max_steps=100_000, dropout=0.2, batch_size=32)


@pytest.fixture
def session() -> Iterator[Session]:
    made = Session(load("mnist").subset(500), LONG)
    yield made
    made.close()


def paused_at(session: Session, least: int) -> int:
    session.order("restart", LONG)
    until(lambda: session.run is not None and session.run.steps_done > least)
    session.order("pause")
    session.wait(20)
    return session.run.steps_done


def visit(session: Session, step: int) -> None:
    session.order("visit", step=step)
    session.wait(30)


def test_visit_then_resume(session: Session) -> None:
    done = paused_at(session, 300)
    run, weights = session.run, [p.clone() for p in session.run.model.parameters()]
    visit(session, 123)
    assert session.phase == "paused"
    assert session.time_travel.goal == 123
    assert session.words().startswith(f"Looking at step 123 of {done:,}.")
    fresh = replay(run.data, run.settings, steps=123, threads=run.threads)
    there = session.time_travel.moment.training.model
    assert all(
        torch.equal(a, b)
        for a, b in zip(there.parameters(), fresh.model.parameters(), strict=True))
    assert session.run is run
    assert all(torch.equal(a, b) for a, b in zip(run.model.parameters(), weights, strict=True))
    session.order("resume")
    until(lambda: run.steps_done > done + 20)
    assert session.time_travel.goal is None


def test_rewind_goes_on_from_there_with_other_knobs(session: Session) -> None:
    paused_at(session, 200)
    old = session.run
    visit(session, 90)
    session.order("rewind", old.newest.replace(lr=0.01))
    until(lambda: session.run is not old and session.run.steps_done > 150)
    session.order("stop")
    session.wait(20)
    new = session.run
    branch = session.tree.of(new)
    assert (branch.parent, branch.at_step) == (session.tree.of(old).number, 90)
    assert new.changes == [(90, {"lr": 0.01})]
    assert session.ghost is old
    again = replay(new.data, new.settings, new.changes, steps=new.steps_done, threads=new.threads)
    assert again.history.series("train_loss") == new.history.series("train_loss")
    assert all(
        torch.equal(a, b)
        for a, b in zip(again.model.parameters(), new.model.parameters(), strict=True))


def test_rewind_with_a_cold_knob_says_that_it_cannot(session: Session) -> None:
    paused_at(session, 100)
    visit(session, 40)
    session.order("rewind", LONG.replace(width=24))
    until(lambda: session.run.steps_done > 41 and session.tree.of(session.run).at_step == 40)
    assert "width" in session.note
    assert session.run.settings.width == 16


def test_rewind_without_a_moment_says_so(session: Session) -> None:
    done = paused_at(session, 60)
    session.order("rewind")
    session.wait(10)
    assert "past step" in session.note
    assert session.run.steps_done == done


def branched(session: Session, old: object, lr: float) -> None:
    """Wait for the new run, and look where it left."""
    until(lambda: session.run is not old and session.run.newest.lr == lr and session.run.steps_done
          > 100)
    branch = session.tree.of(session.run)
    assert (branch.parent, branch.at_step) == (session.tree.of(old).number, 90)
    assert session.visiting is None
    assert session.time_travel.goal is None


def test_visit_and_rewind_in_a_row(session: Session) -> None:
    paused_at(session, 200)
    old = session.run
    session.order("visit", step=90)
    session.order("rewind",
                  old.newest.replace(lr=0.01))  # replaces the visit, which nobody has read yet
    branched(session, old, 0.01)


def test_rewind_on_the_way_back_begins_on_arrival_with_its_own_settings(
        session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    paused_at(session, 200)
    old, gate, move = session.run, threading.Event(), TimeTravel.move
    monkeypatch.setattr(TimeTravel, "move", lambda self: move(self) if gate.wait(0.01) else True)
    session.order("visit", step=90)
    until(lambda: session.time_travel.going)
    session.order("rewind", old.newest.replace(lr=0.01))
    until(lambda: not session.has_command)
    session.order("rewind", old.newest.replace(lr=0.02))
    until(lambda: not session.has_command)
    assert "Going back to step 90" in session.words()
    gate.set()
    branched(session, old, 0.02)


def test_a_newer_order_takes_back_a_rewind_on_its_way(session: Session,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    done = paused_at(session, 200)
    old, gate, move = session.run, threading.Event(), TimeTravel.move
    monkeypatch.setattr(TimeTravel, "move", lambda self: move(self) if gate.wait(0.01) else True)
    session.order("visit", step=90)
    session.order("rewind")
    until(lambda: session.time_travel.going)
    gate.set()
    session.order("visit", step=7)
    session.wait(20)
    assert (session.run, session.phase, session.time_travel.goal, old.steps_done) == (old, "paused", 7,
                                                                                  done)


def test_rewind_without_a_moment_stops_no_run(session: Session) -> None:
    session.order("restart", LONG)
    until(lambda: session.run is not None and session.run.steps_done > 20)
    session.order("rewind")
    until(lambda: not session.has_command)
    until(lambda: "past step" in session.note)
    assert session.phase == "running"


def test_beyond_the_end_is_now(session: Session) -> None:
    done = paused_at(session, 60)
    visit(session, done + 1000)
    assert session.time_travel.goal is None
    assert session.phase == "paused"


def test_a_newer_order_ends_a_long_journey(session: Session) -> None:
    done = paused_at(session, 400)
    session.run.snapshots = None  # from the seed
    session.order("visit", step=done - 1)
    session.order("visit", step=7)
    session.wait(20)
    assert session.time_travel.goal == 7


def test_each_step_is_done_with_the_threads_on_record(session: Session,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    done = paused_at(session, 100)
    counts, step = [], Training.step
    session.run.threads[:] = [(0, 2), (60, 1)]
    session.run.snapshots = Snapshots()
    monkeypatch.setattr(Training, "step",
                        lambda self: counts.append(torch.get_num_threads()) or step(self))
    monkeypatch.setattr(Rewind, "_compare", lambda self: None)  # nothing was really done with two
    session.order("visit", step=90)
    session.wait(20)
    assert counts == [2] * 60 + [1] * 30
    counts.clear()
    session.run.threads[:] = [(0, 2)]
    session.order("resume")
    until(lambda: session.run.steps_done > done + 5)
    assert set(counts) == {2}
    counts.clear()
    session.order("visit", step=40)
    session.order("rewind")
    until(lambda: session.tree.of(session.run).at_step == 40 and session.run.steps_done > 50)
    assert set(counts) == {2}


def test_a_journey_that_fails_leaves_the_run(session: Session) -> None:
    done = paused_at(session, 60)
    session.run.history._columns["train_loss"][1][
        29] += 1.0  # another number on record than a walk will give
    visit(session, 30)
    assert session.words().startswith("Could not go back.")
    assert session.phase == "paused"
    session.order("resume")
    until(lambda: session.run.steps_done > done)


def test_the_slider_stays_where_it_was_put(session: Session) -> None:
    paused_at(session, 60)
    frames = []
    session.view = frames.append
    for step in (0, 5, 9):
        session.order("visit", step=step)
        assert session.frame().moment == step  # also before the trainer has heard of it
    session.wait(20)
    session.order("resume")
    assert session.frame().moment is None


@pytest.mark.parametrize("tab", TABS)
def test_an_open_tab_shows_a_page_and_changes_no_bit(session: Session, tab: str) -> None:
    short = LONG.replace(max_steps=260)
    session.look(tab)
    session.order("restart", short)
    session.wait(60)
    run = session.run
    assert run.status == "done"
    assert "recipe-inside" in session.inspector.page or tab == "time"
    twin = replay(run.data, run.settings, threads=run.threads)
    assert twin.history.series("train_loss") == run.history.series("train_loss")
    assert all(
        torch.equal(a, b)
        for a, b in zip(twin.model.parameters(), run.model.parameters(), strict=True))


@pytest.mark.parametrize("model", ["mlp", "convnet"])
def test_a_look_at_the_whole_network_changes_no_bit(session: Session, model: str) -> None:
    session.show_network(True)
    session.order("restart", LONG.replace(max_steps=60, model=model))
    session.wait(60)
    run, look = session.run, session.inspector.network
    assert run.status == "done"
    assert look.step == 60
    twin = replay(run.data, run.settings, threads=run.threads)
    assert twin.history.series("train_loss") == run.history.series("train_loss")


def test_no_page_of_now_stands_under_the_words_of_a_past_step(session: Session) -> None:
    paused_at(session, 2000)
    session.look("activations")
    until(lambda: "Activations on" in session.frame().inside)
    pages = []
    session.view = lambda frame: pages.append((frame.words, frame.inside))
    session.order("visit", step=1990)  # far from a snapshot
    session.wait(60)
    until(lambda: "Activations on" in session.frame().inside)
    on_the_way = [inside for words, inside in pages if words.startswith("Going back")]
    assert all("Going back to step 1,990" in inside for inside in on_the_way)


def test_a_closed_tab_measures_nothing(session: Session) -> None:
    session.look("gradients")
    session.order("restart", LONG)
    until(lambda: session.run is not None and any(
        n.startswith("gradient ") for n in session.run.history.names))
    session.look("")
    until(lambda: not any(isinstance(p, LayerUpdates) for p in session.trainer.active[-1].training.probes))
    assert session.inspector.page == ""
    before = session.run.steps_done
    until(lambda: session.run.steps_done > before + 100)
    column = next(n for n in session.run.history.names if n.startswith("gradient "))
    assert session.run.history.steps(column)[-1] <= before + 20


def test_tabs_of_a_past_moment(session: Session) -> None:
    paused_at(session, 300)
    session.look("confusion")
    until(lambda: session.inspector.page != "")
    now = session.inspector.page
    visit(session, 0)
    until(lambda: session.inspector.page not in ("", now))
    assert session.inspector.page != now  # an untrained net is right by chance only


def test_no_such_tab(session: Session) -> None:
    with pytest.raises(RecipeError, match="activations"):
        session.look("brain")
