"""What several workers must leave in any storage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def run_workers(url: str, folder: Path, trials: int, kills: int, together: int = 2,
                seed: int = 0) -> dict[str, Any]:
    done = subprocess.run([
        sys.executable,
        str(Path(__file__).with_name("workers.py")), url,
        str(folder), *map(str, (trials, kills, together, seed))
    ], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS":
                               "1"}, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    found["stderr"] = done.stderr
    assert set(found["codes"]) == {0}, done.stderr[-3000:]
    return found


def nothing_is_lost(found: dict[str, Any], trials: int) -> list[dict[str, Any]]:
    """Asserts it, and returns the interrupted trials."""
    by_number = {trial["number"]: trial for trial in found["trials"]}
    ended = [trial for trial in found["trials"] if trial["state"] in ("COMPLETE", "PRUNED")]
    assert len(ended) == trials, [(t["number"], t["state"], t["again"]) for t in found["trials"]]
    assert {trial["state"] for trial in found["trials"]} <= {"COMPLETE", "PRUNED",
                                                             "FAIL"}  # none hangs
    for number, value in found["told"]:  # a worker heard that this one is stored
        assert by_number[number]["state"] == ("PRUNED" if value != value else "COMPLETE")
        assert value != value or by_number[number]["value"] == value
    again = {number: trial for trial in ended for number in trial["again"]}
    broken = [trial for trial in found["trials"] if trial["state"] == "FAIL"]
    for trial in broken:  # each was run again, with the same knobs, until it ended
        assert trial["number"] in again
        knobs = again[trial["number"]]["params"]
        assert {name: knobs[name] for name in trial["params"]} == trial["params"]
    assert len({json.dumps(trial["params"]) for trial in ended}) == trials  # and none twice
    return broken
