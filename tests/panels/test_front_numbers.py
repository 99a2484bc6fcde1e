"""The front end's numbers and axes, as its own module computes them: the same words as the kernel's, and
limits that hide nothing and have room.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipe_widgets.core.number_words import percent, plain
from recipe_widgets.panels.front_widget import FOLDER

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed: apt-get install npm")
NUMBERS = [0.0, 0.5, 1.125, 2.375, 0.0123, 0.01235, 0.00012, 0.000099, 1.2e-5, 9.96e-5, 2.302585, 99.96, 100.5, 999.5,
           1234.5, 999_999.4, 1e6, 3e7, 1.25e13, -0.7, -1.125, float("nan"), float("inf")]
SHARES = [0.0, 1.0, 0.9625, 0.96, 0.5, 1 / 3, 0.9995, 0.99949, 0.0005, float("nan")]


def in_node(expression: str, given: Any) -> Any:
    """What an expression on `scale.js`'s functions and `given` comes to."""
    module = (FOLDER / "scale.js").as_uri()
    text = (f"import * as scale from {json.dumps(module)};\n"
            f"const given = {json.dumps(given).replace('-Infinity', '-1/0').replace('Infinity', '1/0')};\n"
            f"process.stdout.write(JSON.stringify({expression}));")
    done = subprocess.run(["node", "--input-type=module", "-e", text], capture_output=True, text=True,
                          timeout=60, check=False, cwd=Path(__file__).parent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def limits(values: Any, now: list[float] | None = None, **how: Any) -> list[float]:
    how = {"log": True, "percent": False, "start": 2.4, "first": 2.4, "falls": False, **how}
    given = {"values": [float(value) for value in values], "how": how, "now": now}
    return in_node("scale.limits(given.values, {...given.how, now: given.now ?? undefined})", given)


def test_numbers_read_the_same_in_the_kernel_and_on_the_page() -> None:
    random = np.random.default_rng(0)
    numbers = [*NUMBERS, *(float(value) for value in 10**random.uniform(-7, 8, 500))]
    assert in_node("given.map(scale.plain)", numbers) == [plain(value) for value in numbers]
    shares = [*SHARES, *(float(value) for value in random.uniform(0, 1, 200)),
              *(k / 2000 for k in range(2001))]
    assert in_node("given.map(scale.percent)", shares) == [percent(share) for share in shares]


@pytest.mark.parametrize(("value", "said"), [
    (0.0123, "0.0123"), (2.302585, "2.3"), (1234.4, "1,234"), (0.000012, "1.2e-5"), (3e7, "3e7"),
    (1.125, "1.13"), (float("nan"), "–"), (0.0, "0"), (100.5, "101")])
def test_measured_numbers_are_plain(value: float, said: str) -> None:
    assert plain(value) == said


def share(of: list[float], value: float, log: bool = True) -> float:
    low, high, at = (np.log([*of, value]) if log else np.array([*of, value]))
    return float((at - low) / (high - low))


@pytest.mark.parametrize("curve", [
    np.geomspace(2.4, 0.01, 400), np.geomspace(2.4, 0.5, 400), np.geomspace(2.4, 0.1, 400),
    np.linspace(2.3, 1.5, 20), np.full(50, 2.3)], ids=["mnist", "half", "tenth", "begun", "flat"])
@pytest.mark.parametrize("log", [True, False], ids=["log", "linear"])
def test_no_curve_runs_along_an_edge(curve: np.ndarray, log: bool) -> None:
    found = limits(curve, log=log)
    assert share(found, curve.min(), log) > 0.02
    assert share(found, curve.max(), log) < 0.98
    assert share(found, curve.max(), log) - share(found, curve.min(), log) > 0.3 or curve.min() > 1


def test_the_one_best_value_is_seen() -> None:
    curve = np.full(1000, 0.3)
    curve[500] = 0.004
    assert limits(curve)[0] < 0.004


def test_a_run_that_diverges_leaves_the_axis_at_its_top() -> None:
    curve = np.concatenate([[2.4], np.geomspace(3, 1e13, 60)])
    low, high = limits(curve)
    assert low < 2.4 < high < 30


def test_a_fork_is_seen_closely() -> None:
    curve = np.random.default_rng(0).uniform(0.08, 0.12, 200)
    low, high = limits(curve, first=0)
    assert 0.05 < low < 0.08
    assert 0.12 < high < 0.2


def test_an_accuracy_near_all_right_keeps_off_the_frame() -> None:
    low, high = limits([96, 97, 98, 99.8], log=False, percent=True, first=0)
    assert high > 100
    assert low < 96
    assert limits([10, 60, 95], log=False, percent=True)[0] < 10


def test_limits_that_still_fit_stay() -> None:
    before = limits(np.geomspace(2.4, 0.5, 100), falls=True)
    assert limits(np.geomspace(2.4, 0.47, 110), now=before, falls=True) == before
    after = limits(np.geomspace(2.4, 0.1, 300), now=before, falls=True)
    assert after[0] < 0.1


def test_a_narrow_log_axis_has_marks() -> None:
    assert len(in_node("scale.logMarks(0.055, 0.093, 5)", None)) >= 2
