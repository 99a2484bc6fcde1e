"""Foresight: on spare time only, and true."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import pytest

from recipe_widgets import Data, Settings, load, train
from recipe_widgets.live import Session, foresight
from recipe_widgets.live.foresight import SEEDS, Foresight, rates
from tests.live.test_session import until

pytestmark = pytest.mark.usefixtures("no_leaked_threads")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foresight, "STEPS", 20)
    monkeypatch.setattr(foresight, "BUSY_SHARE", 0.0)  # the tests' machine may well be


@pytest.fixture
def session(blobs: Data) -> Iterator[Session]:
    made = Session(blobs, Settings(width=16, max_steps=10**8, batch_size=32))
    yield made
    made.close()


def test_rates_stand_on_one_grid_the_nearest_first() -> None:
    assert rates(0.05)[:3] == [0.063, 0.032, 0.13]
    assert len(rates(0.05)) == 9
    assert set(rates(0.06)) == set(rates(0.05))
    assert max(rates(10.0)) <= 10.0
    assert min(rates(0.0)) >= 1e-4


def test_an_outcome_is_what_such_runs_come_to(session: Session) -> None:
    session.foresee(True)
    until(lambda: not session.trainer.foresight.missing(session.settings))
    found = session.trainer.foresight.outcomes(session.settings)
    assert [one.lr for one in found] == sorted(rates(0.05))
    one = found[4]
    assert len(one.scores) == SEEDS
    alone = [train(session.data, session.settings.replace(lr=one.lr, max_steps=20, seed=seed)) for seed in range(SEEDS)]
    assert one.scores == pytest.approx([run.history.last("val_accuracy") for run in alone], abs=0.03)


def test_nothing_is_tried_while_a_run_goes_on(session: Session) -> None:
    session.order("restart")
    until(lambda: session.run is not None and session.run.steps_done > 3)
    session.foresee(True)
    steps = session.run.steps_done
    until(lambda: session.run.steps_done > steps + 100)
    assert session.trainer.foresight.outcomes(session.settings) == []
    session.order("pause")
    until(lambda: session.trainer.foresight.outcomes(session.settings))
    before = session.run.steps_done
    session.order("resume")  # at once, whatever foresight is about
    until(lambda: session.run.steps_done > before)


def test_off_means_off_and_what_is_known_stays(session: Session) -> None:
    assert not session.trainer.foresight.on
    session.foresee(True)
    until(lambda: session.trainer.foresight.outcomes(session.settings))
    session.foresee(False)
    known = len(session.trainer.foresight.outcomes(session.settings))
    time.sleep(0.2)
    assert len(session.trainer.foresight.outcomes(session.settings)) <= known + 1
    assert session.trainer.foresight.outcomes(session.settings.replace(momentum=0.5)) == []


def test_it_rests_where_others_want_the_core(blobs: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foresight, "BUSY_SHARE", 0.7)
    made = Foresight()
    made.on = True
    assert made._rest(0.4, 0.39) == 0.0
    assert not made.busy
    assert made._rest(0.4, 0.1) == foresight.REST
    assert made.busy
    assert made.moment(blobs, Settings(width=16)) is not None
    made.on = False
    assert made.moment(blobs, Settings(width=16)) is None


def test_a_rate_that_diverges_counts_as_chance() -> None:
    data = load("mnist").subset(200)
    made, settings = Foresight(), Settings(width=16, depth=3, lr=10.0, momentum=0.99)
    made.on = True
    while made.moment(data, settings) is not None:
        pass
    assert all(math.isfinite(score) for one in made.outcomes(settings) for score in one.scores)
