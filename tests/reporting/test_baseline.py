"""A baseline keeps what is known apart from what is new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recipe_widgets import RecipeError
from recipe_widgets.cli import main
from recipe_widgets.core import CheckResult, Report
from recipe_widgets.reporting.baseline import Baseline


def finding(name: str = "axes", where: str = "src/train.py:3", code: str = "a = b") -> CheckResult:
    return CheckResult(name, "fail", "wrong").at(where, code)


def left_of(path: Path, folder: Path, *found: CheckResult, update: bool = False) -> Report:
    report = Report(list(found), "watch")
    Baseline(path, str(folder), update).apply(report)
    return report


def test_known_is_what_has_the_same_rule_file_and_text(tmp_path):
    file = tmp_path / "ci" / "known.json"
    file.parent.mkdir()
    report = left_of(file, tmp_path, finding(), CheckResult("curve", "pass", "fine"), update=True)
    assert [one.name for one in report] == ["curve"]
    assert [(one.name, one.silenced) for one in report.silenced] == [("axes", "baseline")]
    assert json.loads(file.read_text())["findings"] == [
        {"rule": "axes", "file": "../src/train.py", "code": "a = b"}]

    moved = finding(where="src/train.py:99")
    others = [finding("curve"), finding(where="train.py:3"), finding(code="a = c")]
    assert list(left_of(file, tmp_path, moved, *others)) == others
    # named from another folder, it is the same file
    assert not list(left_of(file, tmp_path / "src", finding(where="train.py:5")))


def test_of_two_that_are_alike_both_must_be_known(tmp_path):
    file = tmp_path / "known.json"
    left_of(file, tmp_path, finding(), update=True)
    assert len(left_of(file, tmp_path, finding(), finding(where="src/train.py:8"))) == 1
    left_of(file, tmp_path, finding(), finding(where="src/train.py:8"), update=True)
    assert len(left_of(file, tmp_path, finding(), finding(where="src/train.py:8"))) == 0
    assert len(left_of(file, tmp_path, finding())) == 0


@pytest.mark.parametrize("text", [None, "[", "[]", "{}", '{"version": 2, "findings": []}',
                                  '{"version": 1, "findings": [{"rule": "axes"}]}'])
def test_what_is_no_baseline_is_told(tmp_path, text):
    if text is not None:
        (tmp_path / "known.json").write_text(text)
    with pytest.raises(RecipeError, match="--update-baseline"):
        Baseline(tmp_path / "known.json", str(tmp_path))


SCRIPT = """
import torch
from torch import nn
net = nn.Linear(6, 3)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(30):
    nn.functional.cross_entropy(net(torch.randn(20, 6)), torch.randint(3, (20,))).backward()
    optimizer.step()
"""


def test_only_new_findings_end_a_job(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(SCRIPT)
    watch = ["watch", "--fail-on", "error", "--baseline", "known.json"]
    assert main([*watch, "train.py"]) == 2  # before anything runs
    assert main([*watch, "--update-baseline", "train.py"]) == 0
    assert "silenced: grads_are_cleared train.py:7 (baseline)" in capsys.readouterr().err
    Path("train.py").write_text("# a line more\n" + SCRIPT)
    assert main([*watch, "train.py"]) == 0
    Path("pyproject.toml").write_text("[tool.recipe]\nbaseline = 'known.json'\n")
    assert main(["watch", "--fail-on", "error", "train.py"]) == 0
    Path("pyproject.toml").unlink()
    assert main(["watch", "--update-baseline", "train.py"]) == 2
    assert "--baseline FILE" in capsys.readouterr().err
