"""`[tool.recipe]` in pyproject.toml, and what the command line makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import recipe_widgets
from recipe_widgets import RecipeError
from recipe_widgets.cli import main
from recipe_widgets.reporting.project_options import ProjectOptions, project_options

SCRIPT = """
import torch
from torch import nn
net = nn.Linear(6, 3)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(30):
    nn.functional.cross_entropy(net(torch.randn(20, 6)), torch.randint(3, (20,))).backward()
    optimizer.step()
"""


def project(folder: Path, table: str) -> Path:
    (folder / "pyproject.toml").write_text(table)
    return folder


def test_the_nearest_file_with_such_a_table_counts(tmp_path):
    project(tmp_path, "[tool.recipe]\nignore = ['axes']\nfail-on = 'warning'\nbaseline = 'b.json'\n")
    inner = tmp_path / "project" / "src"
    inner.mkdir(parents=True)
    project(inner.parent, "[project]\nname = 'other'\n")  # says nothing about us
    assert project_options(inner) == ProjectOptions((), ("axes", ), "warning", tmp_path / "b.json")
    project(inner.parent, "[tool.recipe]\nselect = ['curve']\n")
    assert project_options(inner) == ProjectOptions(("curve", ))


@pytest.mark.parametrize(("table", "told"), [
    ("[tool.recipe]\nfail_on = 'error'\n", "Did you mean fail-on"),
    ("[tool.recipe]\nfail-on = 'bad'\n", "one of error, warning, note"),
    ("[tool.recipe]\nselect = 'axes'\n", "a list of rules' names"),
    ("[tool.recipe]\nignore = [1]\n", "a list of rules' names"),
    ("[tool.recipe]\nignore = ['axis']\n", "Did you mean axes"),
    ("[tool.recipe]\nbaseline = 3\n", "the path of a file"),
    ("[tool]\nrecipe = 1\n", "a table"),
    ("[tool.recipe\n", "not TOML"),
])
def test_a_wrong_table_is_told_in_one_error(tmp_path, table, told):
    with pytest.raises(RecipeError, match=told) as error:
        project_options(project(tmp_path, table))
    assert "pyproject.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_command_line_counts_for_more(tmp_path, capsys):
    (tmp_path / "train.py").write_text(SCRIPT)
    script = str(tmp_path / "train.py")
    project(tmp_path, "[tool.recipe]\nfail-on = 'error'\n")
    assert main(["watch", script]) == 3
    project(tmp_path, "[tool.recipe]\nfail-on = 'error'\nignore = ['grads_are_cleared']\n")
    assert main(["watch", script]) == 0
    assert main(["watch", "--ignore", "clipping", script]) == 3
    project(tmp_path, "[tool.recipe]\nfail-on = 'errors'\n")
    assert main(["watch", script]) == 2
    assert "recipe watch: [tool.recipe]" in capsys.readouterr().err


def test_the_fixture_follows_the_project_of_its_tests(tmp_path):
    (tmp_path / "conftest.py").write_text("pytest_plugins = ['recipe_widgets.watch.plugin']\n")
    tables = {"ignores": "ignore = ['grads_are_cleared']\n", "wrong": "fail-on = 'bad'\n", "plain": "",
              "knows": "baseline = 'known.json'\n"}
    for name, table in tables.items():
        (tmp_path / name).mkdir()
        project(tmp_path / name, "[tool.recipe]\n" + table)
        (tmp_path / name / f"test_{name}.py").write_text(
            "def test_training(recipe_watch):\n" + textwrap.indent(SCRIPT, "    ") +
            "    recipe_watch.check()\n")
    code = SCRIPT.splitlines()[6].strip()
    (tmp_path / "knows" / "known.json").write_text(json.dumps({"version": 1, "findings": [
        {"rule": "grads_are_cleared", "file": "test_knows.py", "code": code}]}))
    root = str(Path(recipe_widgets.__file__).parent.parent)
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True, text=True, timeout=240, check=False, cwd=root,
        env=os.environ | {"PYTHONPATH": root}).stdout
    assert "1 failed, 2 passed, 1 error" in said, said
    assert "one of error, warning, note" in said
    assert "grads_are_cleared" in said
