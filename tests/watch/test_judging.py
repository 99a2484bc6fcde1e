"""From a run to findings: rules that fail, findings with one cause, evidence that nobody builds."""

from __future__ import annotations

import torch
from torch import nn

import recipe_widgets
from recipe_widgets.core import CheckResult
from recipe_widgets.rules.clipping import clipping
from recipe_widgets.rules.rulebook import all_rules
from recipe_widgets.rules.training_evidence import GradientHistory
from recipe_widgets.watch.deduplicate import deduplicated
from recipe_widgets.watch.evidence.watched_run import all_builders


def train_without_clearing() -> None:
    net = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(20):
        nn.functional.cross_entropy(net(torch.randn(8, 4)), torch.randint(2, (8, ))).backward()
        optimizer.step()


def test_a_rule_that_fails_is_told_and_the_others_go_on(monkeypatch):
    def fails(*_):
        raise ValueError("planted")

    monkeypatch.setitem(clipping.judges, GradientHistory, fails)
    with recipe_widgets.watch() as report:
        train_without_clearing()
    assert [one.partition(" (")[0] for one in report.problems] == [
        "rule clipping failed: ValueError: planted"
    ]
    for text in (str(report), report.to_json(), report.to_html()):
        assert "rule clipping failed" in text
    assert [finding.check for finding in report.of("error")] == ["grads_are_cleared"]


def test_every_builder_serves_a_rule():
    needed = {needs for rule in all_rules().values() for needs in rule.needs}
    assert set(all_builders()) <= needed


def finding(name: str, status: str = "fail", where: str = "t.py:1", message: str = "") -> CheckResult:
    return CheckResult(name, status, message or f"{name} at {where}", where=where)


def names(*found: CheckResult) -> list[str]:
    return [one.name for one in deduplicated(list(found))]


def test_consequences_are_left_out():
    assert names(finding("curve", "warn"), finding("grads_are_cleared")) == ["grads_are_cleared"]
    assert names(finding("curve", "warn"), finding("axes")) == ["curve", "axes"]
    # a note is no cause, and no consequence
    assert names(finding("curve", "warn"), finding("loss_reduction", "note")) == [
        "curve", "loss_reduction"
    ]
    # two that explain one another: the first stays
    assert names(finding("output_scale"), finding("loss_reduction")) == ["output_scale"]
    assert names(finding("loss_reduction"), finding("output_scale")) == ["loss_reduction"]


def test_the_same_is_said_once():
    assert names(finding("axes"), finding("axes", message="again")) == ["axes"]
    assert names(finding("axes"), finding("axes", where="t.py:2")) == ["axes", "axes"]
