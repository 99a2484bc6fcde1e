"""A trainer that is killed again and again. RECIPE_KILLS=50 makes the long form of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

KILLS = int(os.environ.get("RECIPE_KILLS", "8"))
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL and fork")
@pytest.mark.timeout(1800)
def test_whatever_moment_it_is_killed_the_newest_whole_checkpoint_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable,
         Path(__file__).with_name("killed.py"), tmp_path / "run",
         str(KILLS), "0"], env={**os.environ, "PYTHONPATH":
                                str(ROOT)}, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert seen["code"] == 0, done.stderr
    assert [kill["killed"] for kill in seen["kills"]] == [True] * KILLS
    assert {kill["how"] for kill in seen["kills"]} >= {"random", "half", "moved"}
    assert sum(kill["writing"] for kill in seen["kills"]) >= 2
    for kill in seen["kills"]:
        assert kill["after"] >= kill["before"]
        assert kill["after"] > kill["before"] or kill["how"] in ("random", "half", "moved")
    whole, broken = (json.loads((tmp_path / f"{name}.json").read_text())
                     for name in ("whole", "run"))
    assert broken == whole
    weights = [torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("whole", "run")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
