"""The cases are whole, and a sample of them is watched; all: `python -m tests.real_bugs.measure`."""

from __future__ import annotations

import ast
import os
from collections.abc import Sequence

import pytest

from recipe_widgets.rules.rulebook import all_rules
from tests.real_bugs.catalogue import FOLDER, HALVES, POSTS, Case, cases
from tests.real_bugs.measure import Verdict, judge, precision, weighted_recall

CASES = cases()
# Watched at every run of the tests: one of each class, the first that is found.
SAMPLE = {case.weight_class: case for case in reversed(CASES) if case.rules and case.half == "opened"}


def made_up(*found_accused: tuple[str, bool, bool]) -> Sequence[Verdict]:
    """Verdicts of (class, found, accused)."""
    return [
        Verdict(Case("x", "opened", "", name, "", "", "", ("a", )), (("error", "a" if found else "b", ""), ),
                (("warning", "c", ""), ) if accused else ()) for name, found, accused in found_accused
    ]


def test_recall_is_weighted_by_the_reports_of_a_class():
    loss, storage = "Incorrect Loss Function or Activation Function", "Incorrect Model Storage Method"
    verdicts = made_up((loss, True, False), (loss, False, False), (storage, True, True))
    assert weighted_recall(verdicts) == pytest.approx((31 * 0.5 + 3 * 1) / 34)
    assert precision(verdicts) == pytest.approx(2 / 3)


def test_every_script_belongs_to_a_case():
    for half in HALVES:
        known = {case.script(twin) for case in CASES if case.half == half for twin in ("buggy", "fixed")}
        assert set((FOLDER / half).glob("*.py")) - {FOLDER / half / "__init__.py"} == known


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_is_whole(case):
    buggy, fixed = (case.script(twin).read_text(encoding="utf-8") for twin in ("buggy", "fixed"))
    assert ast.dump(ast.parse(buggy)) != ast.dump(ast.parse(fixed))
    assert case.weight_class in POSTS
    assert case.report.startswith("https://")
    assert case.bug
    assert case.right
    assert set(case.rules) <= set(all_rules())


def test_ids_are_unique():
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="scripts run in forks")
@pytest.mark.parametrize("case", SAMPLE.values(), ids=lambda case: case.id)
def test_a_sample_is_found_and_its_twin_left_alone(case):
    verdict = judge(case)
    assert verdict.failed == ""
    assert verdict.found, verdict.of_buggy
    assert not verdict.accused, verdict.of_fixed
