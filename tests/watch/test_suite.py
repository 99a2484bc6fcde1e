"""A sample of whole scripts under `recipe watch`; all of them: `python -m
tests.planted_bugs.watch_matrix --plain`.
"""

import os
from pathlib import Path

import pytest

from tests.planted_bugs.catalogue import programs
from tests.planted_bugs.watch_matrix import forked, run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="scripts run in forks")
SCRIPTS = Path(__file__).parent / "scripts"

# script -> the finding that names its bug
BUGGY = {
    "b09_mse_on_class_index": "loss_fits_targets", "b17_head_replaced": "optimizer_covers_model",
    "b22_clip_before_unscale": "clipping", "b38_heads_scrambled": "causal_dependence",
    "b46_best_is_alias": "checkpoint", "b55_validation_from_all": "split_leak",
}
HEALTHY = ("amp_scaler", "lbfgs_closure", "tiny_gan", "zero_init_head")
OTHER_BUGS = {"sigmoid_twice": "output_scale", "leak_by_index": "split_leak"}
OTHER_STYLES = ("functional_call", "wgan_gp")


def loud(report: dict) -> list[str]:
    return [f["check"] for f in report["findings"] if f["severity"] in ("error", "warning")]


@pytest.mark.parametrize("name", BUGGY)
def test_planted_bug_is_found_and_the_numbers_stay(name):
    program = next(p for p in programs("buggy") if p.path.stem == name)
    row = run(program, plain=True)
    assert row.problem == ""
    assert BUGGY[name] in row.having("error", "warning")
    assert row.same, "the script prints something else when it is watched"


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_script_is_not_accused(name):
    row = run(next(p for p in programs("healthy") if p.path.stem == name), plain=True)
    assert row.problem == ""
    assert row.having("error", "warning") == []
    assert row.same


@pytest.mark.parametrize("name", OTHER_BUGS)
def test_other_styles_with_a_bug(name):
    assert OTHER_BUGS[name] in loud(
        forked(SCRIPTS / "buggy" / f"{name}.py", watched=True)["report"])


@pytest.mark.parametrize("name", OTHER_STYLES)
def test_other_styles(name):
    got = forked(SCRIPTS / "healthy" / f"{name}.py", watched=True)
    assert got["status"] == 0
    assert loud(got["report"]) == []
