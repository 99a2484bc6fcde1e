"""Annotations as GitHub's runner reads them."""

from __future__ import annotations

import os

import pytest

from recipe_widgets.cli import main
from recipe_widgets.core import CheckResult, Report
from recipe_widgets.reporting.annotations import github_annotations


def lines(*found: CheckResult, folder: str = "/checkout") -> list[str]:
    return github_annotations(Report(list(found), "watch"), folder).splitlines()


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch):
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def test_a_finding_is_one_line_beside_the_code():
    found = CheckResult("axes", "fail", "wrong", 3, advice="mend it", where="src/train.py:12")
    assert lines(found) == [
        "::error file=src/train.py,line=12,title=recipe%3A axes::wrong (seen 3)%0A→ mend it"]


def test_severities_and_what_passed():
    found = [CheckResult("a", status, "m") for status in ("warn", "note", "pass", "skip")]
    assert lines(*found) == ["::warning title=recipe%3A a::m", "::notice title=recipe%3A a::m"]


def test_nothing_ends_a_line_or_a_property_early():
    found = CheckResult("a", "fail", "100 % of\r\n::set-env name=x::y", where="a,b:c.py:1")
    (line, ) = lines(found)
    assert line == ("::error file=a%2Cb%3Ac.py,line=1,title=recipe%3A a::"
                    "100 %25 of%0D%0A::set-env name=x::y")


def test_paths_are_named_from_the_checkout(monkeypatch):
    monkeypatch.setenv("GITHUB_WORKSPACE", os.path.abspath("/checkout"))
    folder = os.path.abspath("/checkout/examples")
    inside = CheckResult("a", "fail", "m", where="train.py:1")
    outside = CheckResult("a", "fail", "m", where="/elsewhere/train.py:1")
    assert [one.split(",")[0] for one in lines(inside, outside, folder=folder)] == [
        "::error file=examples/train.py", "::error file=/elsewhere/train.py"]


SCRIPT = """
import torch
from torch import nn
net = nn.Linear(6, 3)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(30):
    nn.functional.cross_entropy(net(torch.randn(20, 6)), torch.randint(3, (20,))).backward()
    optimizer.step()
print("trained")
"""


def test_watch_prints_them_where_actions_run_or_where_it_is_told(tmp_path, capsys, monkeypatch):
    (tmp_path / "train.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)

    def annotated(*options: str) -> bool:
        main(["watch", *options, "train.py"])
        said = capsys.readouterr()
        assert said.out == "trained\n"  # the script's own
        return "\n::error file=train.py,line=7,title=recipe%3A grads_are_cleared::" in said.err

    assert not annotated()
    assert annotated("--github")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert annotated()
    assert not annotated("--no-github")
