"""Comments that silence findings, and texts that only look like some."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

import recipe_widgets
from recipe_widgets.core import CheckResult, Report
from recipe_widgets.reporting.ignore_comments import ignored_rules, silence_commented
from recipe_widgets.watch import run_script

TRAINING = """
import os
import torch
from torch import nn
torch.manual_seed(0)
net = nn.Linear(6, 3)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
os.chdir("/")
for _ in range(30):
    loss = nn.functional.cross_entropy(net(torch.randn(20, 6)), torch.randint(3, (20,)))
    loss.backward()COMMENT
    optimizer.step()
"""


def rules_of(source: str) -> dict[int, set[str]]:
    lines = textwrap.dedent(source).lstrip("\n").splitlines(keepends=True)
    return {line: set(rules) for line, rules in ignored_rules(lines).items()}


def test_a_line_with_one_rule_several_or_all():
    assert rules_of("""
        a = 1  # recipe: ignore[axes]
        b = 2  # recipe: ignore[axes, clipping]  because
        c = 3  # noqa: E501  #recipe:ignore
        d = 4
    """) == {1: {"axes"}, 2: {"axes", "clipping"}, 3: {"*"}}


def test_any_line_of_a_statement_will_do():
    assert rules_of("""
        # recipe: ignore[frozen]
        a = call(
            1,  # recipe: ignore[axes]
            2)  # recipe: ignore[curve]
        for one in a:  # recipe: ignore[schedule]
            b = one
    """) == {2: {"axes", "curve"}, 3: {"axes", "curve"}, 4: {"axes", "curve"}, 5: {"schedule"}}


@pytest.mark.parametrize("line", [
    'a = "# recipe: ignore"', "a = 1  # recipe: ignore[axes", "a = 1  # recipe: ignored",
    "a = 1  # recipe: ignore[]", "# recipe: ignore", ""])
def test_what_is_no_such_comment(line):
    assert rules_of(line + "\n") == {}


def test_a_file_that_ends_in_nonsense_is_read_up_to_there():
    assert rules_of("a = 1  # recipe: ignore\nb = (\n") == {1: {"*"}}


def watched(folder: Path, comment: str, monkeypatch) -> tuple[int, dict]:
    monkeypatch.chdir(folder)
    path, out = folder / "train.py", folder / "report.json"
    path.write_text(TRAINING.replace("COMMENT", comment))
    return run_script(path.name, [], json=out, fail_on="error"), json.loads(out.read_text())


def test_a_watched_script_is_silenced_line_by_line(tmp_path, monkeypatch, capsys):
    status, report = watched(tmp_path, "", monkeypatch)
    assert status == 3
    (found, ) = report["findings"]
    # the script has gone elsewhere since
    assert (found["where"], found["evidence"]["code"]) == ("train.py:11", "loss.backward()")
    ignore = "  # recipe: ignore[grads_are_cleared]"
    status, report = watched(tmp_path, ignore, monkeypatch)
    assert (status, report["findings"]) == (0, [])
    assert [(one["check"], one["silenced"]) for one in report["silenced"]] == [
        ("grads_are_cleared", "comment")]
    assert "silenced: grads_are_cleared train.py:11 (comment)" in capsys.readouterr().err
    assert watched(tmp_path, "  # recipe: ignore[clipping]", monkeypatch)[0] == 3


def test_code_that_watches_itself_is_silenced_too():
    import torch
    from torch import nn

    net = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with recipe_widgets.watch() as report:
        for _ in range(30):
            nn.functional.cross_entropy(net(torch.randn(20, 6)),
                                        torch.randint(3, (20, ))).backward()  # recipe: ignore
            optimizer.step()
    assert report.ok
    assert [one.name for one in report.silenced] == ["grads_are_cleared"]


def test_findings_without_a_line_stay(tmp_path):
    report = Report([CheckResult("axes", "fail", "wrong"), CheckResult("curve", "pass", "fine")])
    silence_commented(report, str(tmp_path))
    assert len(report) == 2
