"""The exercises as assignments for nbgrader (Jupyter et al. 2019, doi.org/10.21105/jose.00032).

An assignment holds the exercises of a page, not the page itself: it is graded in seconds, and no
cell waits for somebody to press a button. Points come from `points` and `bug_points`, so that what
the learner sees in the course and what counts are the same trials.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat

from recipe_widgets.core import RecipeError
from recipe_widgets.core.files import write_atomically
from recipe_widgets.core.validation import validated
from recipe_widgets.course.bug_hunt import LEVELS, PROGRAMS, BugHunt
from recipe_widgets.course.contents import EXERCISES_OF
from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.exercises import exercise_named

BUGS = "bug_gym"  # the assignment of programs with a bug
POINTS_OF_BUG = 4
ASSIGNMENTS = (*EXERCISES_OF, BUGS)
_SECONDS = 300  # longest that a cell may take: a mend is run, and watched where it prints other numbers

CONFIG = f"""\
import os
import tempfile

# the grader's own progress in the course stays as it is
os.environ.setdefault("RECIPE_STATE", tempfile.mkdtemp())

c = get_config()
c.CourseDirectory.course_id = "recipe"
# an empty body as the course has it
c.ClearSolutions.code_stub = {{"python": "...  # your lines"}}
c.Execute.timeout = {_SECONDS}  # seconds a cell
"""
_IMPORTS = """\
import copy
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.course import check, hint"""


@validated
def export_nbgrader(folder: Path, assignments: Sequence[str] = ASSIGNMENTS) -> list[Path]:
    """Write a course folder of nbgrader: `nbgrader_config.py`, and the notebooks below `source/`.

    Args:
        folder: made where it is missing. A notebook of the same name there is written anew, a
            config that is there stays.
        assignments: names of pages such as "00_start_here", and "bug_gym".

    Returns:
        The notebooks. `nbgrader generate_assignment NAME` makes a learner's version of one.

    Raises:
        RecipeError: there is no such assignment, or the folder cannot be written.
    """
    for name in assignments:
        if name not in ASSIGNMENTS:
            raise RecipeError("Assignment", found=repr(name),
                              expected="some of " + ", ".join(ASSIGNMENTS))
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "nbgrader_config.py"
        if not config.exists():
            write_atomically(config, CONFIG)
        for name in assignments:
            path = folder / "source" / name / f"{name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, nbformat.writes(assignment(name)) + "\n")
            written.append(path)
    except OSError as error:
        raise RecipeError("Folder of the course", found=f"{folder} ({error.strerror or error})",
                          expected="a folder that can be written to") from None
    return written


def assignment(name: str) -> nbformat.NotebookNode:
    """One assignment, with our solutions between nbgrader's marks."""
    cells = list(_bug_cells() if name == BUGS else _exercise_cells(name))
    notebook: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "language": "python",
                                       "name": "python3"}
    return notebook


def _exercise_cells(page: str) -> Iterator[nbformat.NotebookNode]:
    exercises = [exercise_named(name) for name in EXERCISES_OF[page]]
    yield _text("head", f"# {page[3:].replace('_', ' ').capitalize()}: exercises\n\n"
                f"The page {page} of the course explains them. `check(...)` below each one says what "
                "holds and what does not, as often as you like; `hint(...)` helps. A point is given "
                "for each trial that holds.")
    yield _code("imports", _IMPORTS, grade=False, solution=False, locked=True)
    for exercise in exercises:
        worth = len(exercise.trials)
        yield _text(f"{exercise.name}-text", f"## `{exercise.name}` ({worth} points)")
        yield _code(exercise.name, f"{_between_marks(exercise)}\n\n\ncheck({exercise.name})",
                    grade=False, solution=True, locked=False)
        yield _graded(exercise.name, f"points({exercise.name}, of={worth})", worth)


def _between_marks(exercise: Exercise) -> str:
    """The solution, its body between the marks that nbgrader cuts at."""
    head = exercise.starter.splitlines()[:-1]
    body = exercise.source.splitlines()[len(head):]
    indent = " " * min(len(line) - len(line.lstrip()) for line in body if line.strip())
    return "\n".join([*head, f"{indent}### BEGIN SOLUTION", *body, f"{indent}### END SOLUTION"])


def _bug_cells() -> Iterator[nbformat.NotebookNode]:
    yield _text("head", "# Find the bug\n\nEach program runs to its end and has one bug, of which it "
                "says nothing. Name the line, and mend it in the text: half of the points for each. A "
                "mend is judged by running it.")
    for number, name in enumerate(PROGRAMS, 1):
        hunt = BugHunt(number)
        level = next(level for level, names in LEVELS.items() if name in names)
        lines = "\n".join(f"{at:>3}  {line}" for at, line in enumerate(hunt.text.splitlines(), 1))
        yield _text(f"program-{number}-text", f"## Program {number}, level {level} "
                    f"({POINTS_OF_BUG} points)\n\n```text\n{lines}\n```")
        yield _code(f"program-{number}", "\n".join([
            f"line_{number} = None  # number of the wrong line, or of one beside a missing one",
            f"program_{number} = {_literal(hunt.text)}",
            "### BEGIN SOLUTION",
            f"line_{number} = {min(hunt.wrong_lines())}",
            f"program_{number} = {_literal(hunt.mended_text)}",
            "### END SOLUTION"]), grade=False, solution=True, locked=False)
        yield _graded(f"program-{number}", f"bug_points({name!r}, line_{number}, program_{number}, "
                      f"of={POINTS_OF_BUG})", POINTS_OF_BUG)


def _literal(program: str) -> str:
    """A program as a text that can be edited in a cell."""
    marks = "'''" if '"""' in program else '"""'
    if marks in program or "\\" in program:
        return f"r{marks}\n{program}{marks}.lstrip()" if marks not in program else repr(program)
    return f"{marks}\\\n{program}{marks}"


def _text(name: str, source: str) -> nbformat.NotebookNode:
    cell: nbformat.NotebookNode = nbformat.v4.new_markdown_cell(source)
    cell["id"] = f"text-{name}"[:64]
    return cell


def _graded(name: str, call: str, points: int) -> nbformat.NotebookNode:
    function = call.partition("(")[0]
    source = (f"# {points} points, for what is written above\n### BEGIN HIDDEN TESTS\n"
              f"from recipe_widgets.course import {function}\n\n{call}\n### END HIDDEN TESTS")
    return _code(f"{name}-points", source, grade=True, solution=False, locked=True, points=points)


def _code(name: str, source: str, **marks: Any) -> nbformat.NotebookNode:
    cell: nbformat.NotebookNode = nbformat.v4.new_code_cell(source)
    cell["id"] = name.replace("_", "-")[:64]
    cell.metadata["nbgrader"] = {"grade_id": name, "schema_version": 3, "task": False, **marks}
    return cell


def listing(paths: Iterable[Path]) -> list[str]:
    """What was written, and what to do next."""
    lines = [f"written: {path}" for path in paths]
    return [*lines, "next: nbgrader generate_assignment NAME --course-dir FOLDER"]
