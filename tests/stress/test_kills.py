"""kill -9 during each write: what was acknowledged is there, nothing half-written is believed.

Trainers, searches and whole sessions that are killed are in tests/training/test_killed.py (its long
form is run here), tests/tune/test_workers.py and tests/panels/test_ledger_part.py: RECIPE_KILLS
says how often.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stress.killed_writers import SELDOM
from tests.stress.kinds import KINDS
from tests.stress.tally import FULL, Tally, times

ROOT = Path(__file__).parents[2]
KILLS = times(4, 200)


@pytest.mark.timeout(900)
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL and fork")
def test_nothing_acknowledged_is_lost(tmp_path: Path, tally: Callable[[str], Tally]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.stress.killed_writers", tmp_path,
         str(KILLS), "0"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert set(seen) == {kind.name for kind in KINDS}
    for name, kills in seen.items():
        row = tally(f"kill -9 while writing: {name}")
        row.tried = len(kills)
        row.lost = sum(kill["found"] < kill["said"] for kill in kills)
        row.recovered(max(kill["seconds"] for kill in kills))
        assert row.tried == (KILLS if name not in SELDOM else max(2, KILLS // 5))
        assert all(kill["killed"] for kill in kills), done.stderr
        assert row.lost == 0, [kill for kill in kills if kill["found"] < kill["said"]]
        # At most the one version that was whole on the disk, but whose writer could not say so any
        # more.
        assert all(kill["said"] <= kill["found"] <= kill["said"] + 1 for kill in kills)
        assert kills[-1]["found"] > 0


@pytest.mark.timeout(900)
@pytest.mark.skipif(os.name != "posix" or not FULL,
                    reason="the short form of it is in tests/training")
def test_trainers_go_on_to_the_same_bit(tally: Callable[[str], Tally]) -> None:
    row = tally("kill -9 while training: to the same bit")
    row.tried = 40
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/training/test_killed.py"],
                          cwd=ROOT, env={**os.environ, "RECIPE_KILLS":
                                         str(row.tried)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
