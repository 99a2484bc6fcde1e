"""Workers come and die on a SQLite file. RECIPE_KILLS=20 makes the long form of it."""

import os
import sys
from pathlib import Path

import optuna
import pytest

from recipe_widgets.tune.stale_trials import step_back, trial_counts
from tests.tune.storages import nothing_is_lost, run_workers

KILLS = min(int(os.environ.get("RECIPE_KILLS", "5")), 20)
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and fork"),
    pytest.mark.timeout(900)
]


def test_of_two_who_took_the_last_place_the_later_one_steps_back() -> None:
    study = optuna.create_study()
    study.tell(study.ask(), 0.5)
    first, second = study.ask(), study.ask()  # both had counted one of two trials
    assert step_back(study, second, most=2, retries=3)
    assert not step_back(study, first, most=2, retries=3)
    counts = trial_counts(study, 3)
    assert (counts.finished, counts.running, counts.waiting) == (1, 1, 0)


def test_two_workers_share_the_trials(tmp_path: Path) -> None:
    found = run_workers(f"sqlite:///{tmp_path}/t.db", tmp_path, trials=12, kills=0)
    assert nothing_is_lost(found, 12) == []
    assert len({trial["worker"] for trial in found["trials"]}) == 2


def test_killed_workers_lose_nothing(tmp_path: Path) -> None:
    found = run_workers(f"sqlite:///{tmp_path}/t.db", tmp_path, trials=2 * KILLS, kills=KILLS,
                        seed=1)
    assert len(nothing_is_lost(found, 2 * KILLS)) >= KILLS // 2  # some died between two trials
