"""Knobs turned in a live run: go on, fork, compare seeds, keep runs, a reader's own generator.
No test depends on speed.
"""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.core import BranchTree, History, Run
from recipe_widgets.core.number_words import percent
from recipe_widgets.live import PRESETS, Guess, Session, UserLoop, live_settings, loop
from recipe_widgets.live.score import WHOLE_LOSS, score_of
from recipe_widgets.live.status_text import SessionState, status_text
from recipe_widgets.live.tiles import tiles
from recipe_widgets.training import replay
from tests.live.test_session import until

pytestmark = pytest.mark.usefixtures("no_leaked_threads")
SHORT = Settings(width=16, max_steps=80, batch_size=32)
LONG = SHORT.replace(max_steps=10**9 - 1)


@pytest.fixture
def session(blobs: Data) -> Iterator[Session]:
    session = Session(blobs, SHORT)
    yield session
    session.close()


def begun(session: Session, settings: Settings = LONG, steps: int = 30) -> None:
    session.order("restart", settings)
    until(lambda: session.run is not None and session.run.settings.lr == settings.lr and session.run
          .steps_done > steps)


def paused(session: Session) -> int:
    session.order("pause")
    run = session.wait(60)
    assert session.phase == "paused"
    return run.steps_done


def replayed(session: Session, run: object, data: Data) -> list[float]:
    twin = replay(data, run.settings, run.changes, steps=run.steps_done, threads=run.threads)
    assert run.steps_done == twin.steps_done
    return twin.history.series("train_loss")


def test_continue_keeps_the_run_and_replays_to_the_last_bit(session: Session, blobs: Data) -> None:
    begun(session)
    first = session.run
    for lr in (0.2, 0.01):
        session.order("continue", LONG.replace(lr=lr, batch_size=16))
        until(lambda lr=lr: first.newest.lr == lr)
        at = first.steps_done
        until(lambda at=at: first.steps_done > at + 20)
    session.order("stop")
    assert session.wait(60) is first
    assert [values for _, values in first.changes] == [{"lr": 0.2, "batch_size": 16}, {"lr": 0.01}]
    assert first.history.series("train_loss") == replayed(session, first, blobs)


def test_a_cold_knob_begins_anew_and_says_why(session: Session) -> None:
    begun(session)
    first = session.run
    session.order("continue", LONG.replace(width=32))
    until(lambda: session.run is not first)
    assert "width cannot change in a running network" in session.words()
    session.order("fork", LONG.replace(width=8))
    until(lambda: session.run.settings.width == 8)
    assert session.other is None


def test_a_finished_run_goes_on_when_more_steps_are_asked_for(session: Session,
                                                              blobs: Data) -> None:
    session.order("restart", SHORT)
    first = session.wait(60)
    assert first.status == "done"
    session.order("continue", SHORT.replace(max_steps=120))
    assert session.wait(60) is first
    assert (first.status, first.steps_done) == ("done", 120)
    assert first.history.series("train_loss") == replayed(session, first, blobs)


def test_a_fork_has_one_cause_and_both_branches_replay(session: Session, blobs: Data) -> None:
    begun(session)
    old = session.run
    session.order("fork", LONG.replace(lr=0.2))
    until(lambda: session.other is old and session.run.steps_done > session.tree.of(session.run).
          at_step + 30)
    new, at = session.run, session.tree.of(session.run).at_step
    assert "One cause: learning rate 0.05 → 0.2" in session.words()
    session.order("stop")
    session.wait(60)
    assert abs(old.steps_done - new.steps_done) <= 1
    assert old.history.series("train_loss")[:at] == new.history.series("train_loss")[:at]
    assert old.history.series("train_loss")[at] == new.history.series("train_loss")[
        at]  # the same batch, before any update
    assert old.history.series("train_loss") == replayed(session, old, blobs)
    assert new.history.series("train_loss") == replayed(session, new, blobs)
    assert session.tree.of(new).parent == session.tree.of(old).number


def test_a_fork_of_nothing_changed_stays_equal(session: Session) -> None:
    begun(session, LONG.replace(dropout=0.3))
    session.order("fork", LONG.replace(dropout=0.3))
    until(lambda: session.other is not None and session.run.steps_done > session.tree.of(
        session.run).at_step + 40)
    assert "nothing differs" in session.words()
    for _ in range(50):
        torch.rand(10)
    session.order("stop")
    session.wait(60)
    n = min(session.run.steps_done, session.other.steps_done)
    assert session.run.history.series("train_loss")[:n] == session.other.history.series(
        "train_loss")[:n]


def test_moving_on_while_a_fork_is_fresh_makes_it_anew_else_the_branch_becomes_the_old_one(
        session: Session) -> None:
    begun(session)
    old = session.run
    for lr in (0.1, 0.2, 0.3):  # a slider being dragged
        session.order("fork", LONG.replace(lr=lr))
    until(lambda: session.run.newest.lr == 0.3 and session.other is old)
    branch = session.run
    until(lambda: branch.steps_done > session.tree.of(branch).at_step + 30)
    session.order("fork", LONG.replace(lr=0.4))
    until(lambda: session.run.newest.lr == 0.4)
    assert session.other is branch
    assert session.ghost is old
    assert len(session.tree) == 3


def test_pinned_runs_stay_and_removed_ones_go(session: Session) -> None:
    for number in range(12):
        session.order("restart", SHORT.replace(lr=0.01 * (number + 1)))
        session.wait(60)
        if number == 0:
            session.pin(1, "the first")
    titles = [title for _, title, _ in session.frame().runs]
    assert len(session.tree) == 10  # eight before, the pinned one, the newest
    assert any(title.startswith("the first:") for title in titles)
    assert "the first" in session.picture()
    session.remove(1)
    assert "the first" not in session.picture()
    with pytest.raises(RecipeError, match="newest"):
        session.remove(session.tree.branches[-1].number)
    with pytest.raises(RecipeError, match="99"):
        session.pin(99)


def test_seeds_tell_a_real_difference_from_luck(session: Session) -> None:
    session.order("seeds", SHORT)
    session.wait(60)
    assert "Turn a knob first" in session.words()
    for settings in (SHORT, SHORT.replace(lr=1e-4)):
        session.order("restart", settings)
        session.wait(60)
    session.order("seeds", SHORT.replace(lr=1e-4))
    session.wait(120)
    assert session.band.result.real
    assert "That difference is real" in session.words()
    assert "n = 8 paired seeds" in session.words()
    assert "band-new" in session.picture()
    session.order("restart", SHORT.replace(lr=0.0501))
    session.wait(60)
    session.order("restart", SHORT.replace(lr=0.05))
    session.wait(60)
    session.order("seeds", SHORT.replace(lr=0.05))
    session.wait(120)
    assert "No difference beyond the seeds' spread" in session.words()


def test_a_comparison_that_is_stopped_gives_no_verdict(session: Session) -> None:
    for settings in (LONG, LONG.replace(lr=1e-4)):
        session.order("restart", settings)
        until(lambda: session.run is not None and session.run.steps_done > 60)
    session.order("seeds", LONG.replace(lr=1e-4), against=LONG)
    until(lambda: session.band is not None and session.band.new_runs[0].steps_done > 5)
    session.order("stop", LONG)
    session.wait(60)
    assert session.band.reached < session.band.steps == LONG.max_steps
    assert (f"over 8 seeds was stopped at step {session.band.reached:,} of {LONG.max_steps:,}: "
            "no verdict.") in session.words()
    assert "real" not in session.words()
    session.order("restart", SHORT.replace(lr=0.02))
    session.wait(60)
    assert "seeds" not in session.words()  # of the run that is shown now nothing was compared


def test_a_saved_sitting_comes_back_and_replays(session: Session, blobs: Data) -> None:
    begun(session)
    session.order("fork", LONG.replace(lr=0.2))
    until(lambda: session.other is not None and session.run.steps_done > session.tree.of(
        session.run).at_step + 25)
    session.order("stop")
    session.wait(60)
    again = BranchTree.from_json(session.tree.to_json(blobs.name, blobs.sha256))
    assert [b.parent for b in again] == [b.parent for b in session.tree]
    for mine, theirs in zip(again, session.tree, strict=True):
        assert mine.run.history.to_dict() == theirs.run.history.to_dict()
        assert replayed(session, mine.run, blobs) == theirs.run.history.series("train_loss")
    for text in ("{}", "[1]", "no", '{"recipe_session": 1, "runs": [{}]}',
                 '{"recipe_session": 1, "runs": [{"run": {}}]}'):
        with pytest.raises(RecipeError):
            BranchTree.from_json(text)


def test_diagnosis_names_a_rate_that_is_too_high_and_one_too_low(blobs: Data) -> None:
    said = {}
    for lr in (30.0, 1e-6, 0.05):
        session = Session(blobs, SHORT.replace(max_steps=300, lr=lr, momentum=0.0))
        session.order("restart")
        session.wait(60)
        said[lr] = session.frame().diagnosis + session.words()
        session.close()
    assert "too high" in said[30.0]
    assert "is low" in said[1e-6]
    assert "too high" not in said[0.05]


def test_a_guess_is_answered(session: Session) -> None:
    session.guess = Guess("val_accuracy", (80.0,), (0.5,))
    session.order("restart", SHORT)
    run = session.wait(60)
    assert f"a validation accuracy of 50.0%, it came to {percent(score_of(run).accuracy)}:" in session.words()
    assert "your guess: validation accuracy" in session.picture()
    session.guess = Guess("train_loss", (0.0, 40.0, 79.0), (1.0, 1.0, 1.0))
    assert "off on average" in session.words()
    with pytest.raises(RecipeError, match="column"):
        Guess("speed", (1.0,), (1.0,))


def test_presets_are_settings() -> None:
    for preset in PRESETS:
        assert preset.on(SHORT).width == SHORT.width
        assert preset.reason


def own(steps: int = 10**6, p: float = 0.1) -> tuple[nn.Module, torch.optim.Optimizer, UserLoop]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(p), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    x = torch.randn(64, 4)
    return model, optimizer, UserLoop(
        loop(model, [(x, (x[:, 0] > 0).long())], nn.functional.cross_entropy, optimizer), model,
        optimizer)


def test_a_readers_own_loop_gets_curves_and_hot_sliders() -> None:
    model, optimizer, source = own()
    session = Session(source, source.settings())
    assert (session.settings.lr, session.settings.momentum, session.settings.dropout) == (0.1, 0.5,
                                                                                          0.1)
    assert source.without_effect(session.settings, "lr") == ""
    assert source.without_effect(session.settings, "batch_size") == "your own training decides that"
    session.order("restart")
    until(lambda: session.run is not None and session.run.steps_done > 20)
    session.order("continue", session.settings.replace(lr=0.02, dropout=0.4))
    until(lambda: session.run.newest.lr == 0.02)
    assert optimizer.param_groups[0]["lr"] == 0.02
    assert model[2].p == 0.4
    session.order("pause")
    session.wait(60)
    losses = session.run.history.series("train_loss")
    assert losses[-1] < losses[0]
    assert "train_accuracy" in session.run.history
    session.close()


def test_a_readers_own_loop_begins_again_from_its_first_weights() -> None:
    _, _, source = own(p=0.0)
    session = Session(source, source.settings())
    firsts = []
    for _ in range(2):
        session.order("restart")
        until(lambda: session.run is not None and session.run.steps_done > 5)
        session.order("stop")
        firsts.append(session.wait(60).history.series("train_loss")[:5])
    assert firsts[0] == firsts[1]
    session.close()


def test_a_bare_generator_runs_once_and_its_slips_are_told() -> None:
    def numbers() -> Iterator[object]:
        for step in range(5):
            yield {"loss": 1.0 / (step + 1), "val_accuracy": step / 10}

    source = UserLoop(numbers())
    session = Session(source, source.settings())
    session.order("resume")
    assert session.wait(60).history.series("val_accuracy") == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert session.run.status == "done"
    session.order("restart")
    session.wait(60)
    assert "a function that makes a new one" in session.words()
    session.close()
    for bad in (iter(["text"]), iter([{"accuracy": 1.0}]), iter([{}])):
        wrong = Session(UserLoop(bad), Settings())
        wrong.order("resume")
        wrong.wait(60)
        assert "train_loss" in wrong.words()
        wrong.close()
    with pytest.raises(RecipeError, match="generator"):
        UserLoop(3)


@pytest.mark.parametrize(("given", "tile", "words"), [
    ({"val_accuracy": 0.9}, ("training loss", "0.5"), "Validation accuracy 90.0%."),
    ({"val_loss": 0.7}, ("validation loss", "0.7"), ""),
    ({"val_loss": 0.7, "val_accuracy": 0.9}, ("validation loss", "0.7"), "Validation accuracy 90.0%.")],
    ids=["accuracy alone", "loss alone", "both"])
def test_what_a_readers_own_loop_gives_is_shown_and_no_more(
        given: dict[str, float], tile: tuple[str, str], words: str) -> None:
    source = UserLoop({"train_loss": 0.5, **given} for _ in range(5))
    session = Session(source, source.settings())
    session.order("resume")
    run = session.wait(60)
    assert words in session.words()
    assert "whole validation set" not in session.words()
    for step in (3, 5):
        shown = tiles(run, None, step, SessionState("ended", run.settings, run.settings, run))
        assert shown[1][:2] == tile
    session.close()


def test_the_message_of_a_run_stands_until_its_score_does() -> None:
    run = Run(SHORT, History(), status="done", message="On the whole validation set: so and so.")
    run.history.append("train_loss", 0, 1.0)
    run.history.append(WHOLE_LOSS, 0, 1.0)  # its accuracy comes in a moment
    assert run.message in status_text(SessionState("ended", SHORT, SHORT, run))


def test_the_sliders_reach_groups_that_were_added_later_and_leave_the_decay_of_the_first() -> None:
    model = nn.Sequential(nn.Linear(4, 2), nn.LayerNorm(2), nn.Linear(2, 2))
    optimizer = torch.optim.AdamW([{"params": model[1].parameters(), "weight_decay": 0.0},
                                   {"params": model[0].parameters(), "weight_decay": 0.1}])
    source = UserLoop(lambda: iter(()), model, optimizer)
    source.apply(source.settings())
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0, 0.1]
    optimizer.add_param_group({"params": model[2].parameters(), "lr": 1.0})
    source.apply(source.settings().replace(lr=0.02))
    assert [group["lr"] for group in optimizer.param_groups] == [0.02] * 3


def test_a_generator_that_fails_at_its_end_stops_no_panel() -> None:
    def clumsy() -> Iterator[float]:
        try:
            while True:
                yield 1.0
        finally:
            raise OSError("no such file")

    session = Session(UserLoop(clumsy), Settings())
    for _ in range(2):
        session.order("restart")
        until(lambda: session.run is not None and session.run.status == "running" and session.run.
              steps_done > 5)
        session.order("stop")
        assert session.wait(60).status == "stopped"
        assert "did not end cleanly: OSError('no such file')" in session.words()
    session.close()


def test_live_settings_leave_a_readers_choice_alone() -> None:
    assert live_settings(SHORT.replace(eval_every=7)).eval_every == 7
    assert live_settings(SHORT).eval_samples > 0
    assert np.isfinite(live_settings(SHORT).lr)
