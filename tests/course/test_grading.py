"""Assignments as a teacher would use them: made, handed out, solved and graded by the real nbgrader."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch

from recipe_widgets import RecipeError
from recipe_widgets.cli import main
from recipe_widgets.cli.common import FOUND
from recipe_widgets.course import bug_points, points, progress
from recipe_widgets.course.bug_hunt import BugHunt
from recipe_widgets.course.class_watch import table, watch_scripts
from recipe_widgets.course.contents import EXERCISES_OF
from recipe_widgets.course.exercises import NAMES, exercise_named
from recipe_widgets.course.nbgrader_export import ASSIGNMENTS, BUGS, assignment, export_nbgrader

PAGE = "02_skeleton_and_baselines"
ROOT = Path(__file__).parents[2]


def cross_entropy_of_sum(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """A half solution: the softmax overflows for large outputs."""
    shares = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    return -shares[torch.arange(len(y)), y].log().mean()


def test_points_are_the_share_of_trials_that_hold() -> None:
    held = points(cross_entropy_of_sum, of=6, name="cross_entropy")
    assert held == 4  # of six trials, two have outputs that exp() cannot hold
    assert points(exercise_named("cross_entropy").reference, of=6) == 6


@pytest.mark.parametrize("odd", [None, "cross_entropy", 3, print, type],
                         ids=["none", "text", "number", "builtin", "class"])
def test_what_is_no_solution_has_no_points(odd: Any) -> None:
    assert points(odd, of=6, name="cross_entropy") == 0


def test_grading_leaves_the_learners_progress_alone() -> None:
    before = progress().of("cross_entropy").tries
    points(cross_entropy_of_sum, of=6, name="cross_entropy")
    assert progress().of("cross_entropy").tries == before


def test_a_bug_has_half_its_points_for_the_line_and_half_for_the_mend() -> None:
    hunt = BugHunt(1)
    line = min(hunt.wrong_lines())
    assert bug_points(hunt.name, line, hunt.mended_text, of=4) == 4
    assert bug_points(hunt.name, line, hunt.text, of=4) == 2
    assert bug_points(hunt.name, -1, hunt.mended_text, of=4) == 2
    assert bug_points(hunt.name, None, None, of=4) == 0
    with pytest.raises(RecipeError, match="13_no_zero_grad"):
        bug_points("99_none", 1, "", of=4)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_assignment_is_a_valid_notebook_with_a_grade_for_each_task(name: str) -> None:
    notebook = assignment(name)
    nbformat.validate(notebook)
    marks = [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert len({one.grade_id for one in marks}) == len(marks)
    graded = [one.grade_id for one in marks if one.grade]
    tasks = EXERCISES_OF.get(name) or [f"program-{n + 1}" for n in range(len(graded))]
    assert graded == [f"{one}-points" for one in tasks]


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_between_the_marks_is_ours(name: str) -> None:
    page = next(page for page, names in EXERCISES_OF.items() if name in names)
    source = next(cell.source for cell in assignment(page).cells
                  if cell.metadata.get("nbgrader", {}).get("grade_id") == name)
    lines = [line for line in source.splitlines() if "###" not in line]
    assert "\n".join(lines).startswith(exercise_named(name).source)


def test_programs_with_bugs_survive_the_way_through_a_cell() -> None:
    for number, cell in enumerate([one for one in assignment(BUGS).cells
                                   if one.metadata.get("nbgrader", {}).get("solution")], 1):
        names: dict[str, Any] = {}
        exec(cell.source.partition("### BEGIN")[0], names)
        assert names[f"program_{number}"] == BugHunt(number).text
        exec(cell.source, names)
        assert names[f"program_{number}"] == BugHunt(number).mended_text


def test_an_unknown_assignment_and_a_folder_that_cannot_be_made_are_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="bug_gym"):
        export_nbgrader(tmp_path, ["12_none"])
    (tmp_path / "file").write_text("")
    with pytest.raises(RecipeError, match="folder"):
        export_nbgrader(tmp_path / "file", [BUGS])


def nbgrader(command: str, *arguments: str, course: Path) -> None:
    # its database and sockets lie in the course; one thread for the kernels
    done = subprocess.run([sys.executable, "-m", "nbgrader", command, *arguments], cwd=course,
                          capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1", "RECIPE_STATE": str(course / "state"),
                               "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
                               "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])})
    assert done.returncode == 0, done.stderr[-3000:]


def test_nbgrader_gives_full_marks_to_solutions_none_to_empty_bodies_and_parts_to_halves(
        tmp_path: Path) -> None:
    pytest.importorskip("nbgrader")
    export_nbgrader(tmp_path, [PAGE])
    nbgrader("generate_assignment", PAGE, course=tmp_path)
    released = nbformat.read(tmp_path / "release" / PAGE / f"{PAGE}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in released.cells)
    assert "SOLUTION" not in text
    assert "points(cross_entropy" not in text  # hidden
    assert text.count("...  # your lines") == 3
    solved = nbformat.read(tmp_path / "source" / PAGE / f"{PAGE}.ipynb", as_version=4)
    by_id = {cell.metadata.nbgrader.grade_id: cell.source for cell in solved.cells
             if "nbgrader" in cell.metadata}
    # a reader who takes the sum for the mean holds three of six trials, and skips the rest
    half = by_id["cross_entropy"].replace(".mean()", ".sum()")
    hand_in = {"ada": by_id, "ben": {}, "cy": {**by_id, "cross_entropy": half, "evaluate": ""}}
    for student, answers in hand_in.items():
        mine = nbformat.from_dict(json.loads(json.dumps(released)))
        for cell in mine.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if cell.metadata.get("nbgrader", {}).get("solution") and name in answers:
                cell.source = answers[name] or "def evaluate(model, loader, loss_fn):\n    return 0.0, 0.0"
        place = tmp_path / "submitted" / student / PAGE
        place.mkdir(parents=True)
        nbformat.write(mine, place / f"{PAGE}.ipynb")
    nbgrader("autograde", PAGE, course=tmp_path)
    nbgrader("export", course=tmp_path)
    rows = (tmp_path / "grades.csv").read_text().splitlines()
    columns = rows[0].split(",")
    scores = {row.split(",")[columns.index("student_id")]: float(row.split(",")[columns.index("score")])
              for row in rows[1:]}
    most = sum(len(exercise_named(name).trials) for name in EXERCISES_OF[PAGE])
    assert scores["ada"] == most
    assert scores["ben"] == 0
    assert 0 < scores["cy"] < most - 3


SCRIPT = """
import torch
from torch import nn
torch.manual_seed(0)
x = torch.randn(200, 5)
y = (x[:, 0] > 0).long()
model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(60):
    loss = nn.functional.cross_entropy(model(x), y)
    {clear}
    loss.backward()
    optimizer.step()
print("ended")
"""


def test_a_class_is_watched_in_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scripts = {"sound": SCRIPT.format(clear="optimizer.zero_grad()"), "buggy": SCRIPT.format(clear="pass"),
               "broken": "import torch\nraise ValueError('no data')\n"}
    for name, text in scripts.items():
        (tmp_path / f"{name}.py").write_text(text)
    rows = {row.script.stem: row for row in watch_scripts([tmp_path / f"{name}.py" for name in scripts], 120, FOUND)}
    assert rows["sound"].found == []
    assert (rows["sound"].ended, rows["sound"].last, rows["sound"].steps) == ("done", "ended", 60)
    assert "grads_are_cleared" in {rule for _, rule, _ in rows["buggy"].found}
    assert rows["broken"].ended == "stopped with an error"
    assert "60 steps, nothing found. Last line: ended" in table(rows.values())
    assert main(["course", "watch", str(tmp_path / "sound.py"), "--seconds", "-1"]) == 2
    assert "--seconds" in capsys.readouterr().err
    assert main(["course", "watch", str(tmp_path / "none.py")]) == 2
    assert "none.py" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_our_solution_has_all_points_with_the_imports_of_its_assignment(
        name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = next(page for page, names in EXERCISES_OF.items() if name in names)
    cells = {cell.metadata.nbgrader.grade_id: cell.source for cell in assignment(page).cells
             if "nbgrader" in cell.metadata}
    # a file, since judging reads the learner's lines
    solved = cells[name].rpartition("\n\n\ncheck(")[0]
    (tmp_path / f"hand_in_{name}.py").write_text(f"{cells['imports']}\n\n\n{solved}\n")
    monkeypatch.syspath_prepend(tmp_path)
    solution = getattr(importlib.import_module(f"hand_in_{name}"), name)
    most = len(exercise_named(name).trials)
    assert points(solution, of=most) == most


def test_what_a_solution_writes_to_stderr_costs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    reference = exercise_named("cross_entropy").reference

    def cross_entropy(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        warnings.warn("old", stacklevel=1)
        print("here", file=sys.stderr)
        loss: torch.Tensor = reference(logits, y)
        return loss

    assert points(cross_entropy, of=6) == 6
    assert capsys.readouterr().err == ""


def test_a_line_that_is_no_number_costs_the_line_only() -> None:
    hunt = BugHunt(1)
    assert bug_points(hunt.name, [3], hunt.mended_text, of=4) == 2
