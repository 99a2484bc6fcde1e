"""`recipe rules` and `recipe explain`, and the options by which check and watch choose rules."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from recipe_widgets.cli import main, parser
from recipe_widgets.cli.check import FAIL_ON
from recipe_widgets.cli.common import add_project_options
from recipe_widgets.rules.rulebook import SECTIONS, all_rules

PROJECT = """
import torch
from torch import nn
from torch.nn import functional as F

def build():
    x = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    batches = [(x[:32], (x[:32, 0] > 0).long()), (x[32:], (x[32:, 0] > 0).long())]
    return nn.Sequential(nn.Linear(8, 2), nn.Softmax(1)), batches, F.cross_entropy

def build_with_options():
    model, batches, loss_fn = build()
    return {"model": model, "batches": batches, "loss_fn": loss_fn, "only": ["loss_at_init"]}
"""
SCRIPT = """
import sys
import torch
from torch import nn
net = nn.Linear(4, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for _ in range(20):  # gradients are never cleared
    nn.functional.cross_entropy(net(torch.randn(16, 4)), torch.randint(2, (16,))).backward()
    optimizer.step()
print(__name__, sys.argv[1:])
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cli_project.py").write_text(PROJECT)
    (tmp_path / "cli_script.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("cli_project", None)


def checked(project: Path, *options: str, target: str = "build") -> tuple[int, dict[str, str]]:
    """Exit status, and {rule: status}, of `recipe check`."""
    status = main(["check", f"cli_project:{target}", "--json", "out.json", *options])
    found = json.loads((project / "out.json").read_text())["findings"]
    return status, {one["check"]: one["status"] for one in found}


def test_every_rule_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[:-2]] == list(all_rules())
    assert {row.split()[1] for row in rows[:-2]} <= {"error", "warning", "note"}
    assert rows[-1].startswith(f"{len(all_rules())} rules")


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed] == list(all_rules())
    assert all(set(one) == {"name", "worst", "title", "source"} for one in listed)


def test_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "loss_at_init", "output_scale"]) == 0
    said = capsys.readouterr().out
    for heading in (*SECTIONS, "Source"):
        assert said.count(f"\n{heading}\n") == 2, heading
    assert said.startswith("loss_at_init (at worst: error)")


def test_an_unknown_rule_is_told_with_its_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "output_scale", "los_at_init"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "Did you mean loss_at_init" in told.err


def test_selected_checks_alone_are_run(project: Path) -> None:
    status, found = checked(project, "--select", "loss_at_init,output_scale")
    assert set(found) == {"output_scale", "loss_at_init"}
    assert found["output_scale"] == "fail"
    assert status == 3


def test_an_ignored_check_is_not_run(project: Path) -> None:
    status, found = checked(project, "--select", "loss_at_init,output_scale", "--ignore",
                            "output_scale")
    assert list(found) == ["loss_at_init"]
    assert status == 0


def test_the_shell_goes_before_what_the_function_returns(project: Path) -> None:
    assert list(checked(project, target="build_with_options")[1]) == ["loss_at_init"]
    chosen = checked(project, "--select", "output_scale", target="build_with_options")[1]
    assert list(chosen) == ["output_scale"]


@pytest.mark.parametrize("option", ["--select", "--ignore"])
@pytest.mark.parametrize("words", [["check", "cli_project:build"], ["watch", "cli_script.py"]])
def test_a_name_that_is_no_rule_gives_2(project: Path, option: str, words: list[str],
                                        capsys: pytest.CaptureFixture[str]) -> None:
    assert main([words[0], option, "los_at_init", words[1]]) == 2
    assert "loss_at_init" in capsys.readouterr().err


@pytest.mark.parametrize(("word", "severity"), [("error", "error"), ("warning", "warning"),
                                                ("note", "note"), ("fail", "error"),
                                                ("warn", "warning")])
@pytest.mark.parametrize("command", ["check", "watch"])
def test_severities_are_spelled_alike(command: str, word: str, severity: str) -> None:
    assert parser().parse_args([command, "--fail-on", word, "target"]).fail_on == severity


@pytest.mark.parametrize(("command", "default"), [("check", FAIL_ON), ("watch", None)])
def test_without_fail_on_the_project_decides_and_then_the_command(command: str, default: str | None,
                                                                  tmp_path: Path) -> None:
    assert FAIL_ON == "error"
    for table, expected in (("", default), ("[tool.recipe]\nfail-on = 'note'\n", "note")):
        (tmp_path / "pyproject.toml").write_text(table)
        chosen = parser().parse_args([command, "target"])
        add_project_options(chosen, tmp_path, default)
        assert chosen.fail_on == expected


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--fail-on", "error"], 3),
                                                 (["--fail-on", "note"], 3),
                                                 (["--fail-on", "error", "--ignore",
                                                   "grads_are_cleared"], 0),
                                                 (["--fail-on", "error", "--select",
                                                   "loss_at_init"], 0)])
def test_one_exit_rule_for_a_watched_script(project: Path, options: list[str], status: int) -> None:
    assert main(["watch", *options, "cli_script.py"]) == status


def test_a_module_is_watched_as_python_runs_it(project: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--fail-on", "error", "-m", "cli_script", "--lr", "1"]) == 3
    told = capsys.readouterr()
    assert "__main__ ['--lr', '1']" in told.out
    assert "grads_are_cleared" in told.err
