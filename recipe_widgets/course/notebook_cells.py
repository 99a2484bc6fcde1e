"""Exercise cells of a notebook: which exercise they hold, and the same cells with our solution, as
tests and saved outputs need them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from recipe_widgets.core import RecipeError
from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.exercises import NAMES, exercise_named

TAG = "exercise"  # of a cell whose function the learner writes
FOLDED = "solution"  # of the text below it that holds our solution, folded


def exercises_in(source: str) -> list[Exercise]:
    """The exercises whose functions or classes a cell defines."""
    return [exercise_named(node.name) for node in ast.parse(source).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in NAMES]


def with_solutions(source: str, tags: Iterable[str]) -> str:
    """A cell as it runs in tests: our solution in place of each empty function.

    Raises:
        RecipeError: the cell has the tag, but no function of an exercise.
    """
    if TAG not in tags:
        return source
    if not exercises_in(source):
        raise RecipeError(f"Cell tagged {TAG}", found=source[:80], expected="the function of one")
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):  # the last first: line numbers stay true
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in NAMES:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            lines[first - 1 : node.end_lineno] = exercise_named(node.name).source.splitlines()
    return "\n".join(lines)


def folded_solution(exercise: Exercise) -> str:
    """The text of a cell that shows our solution when it is unfolded."""
    return (f"<details><summary>One solution of <code>{exercise.name}</code></summary>\n\n"
            f"```python\n{exercise.source}\n```\n\n</details>")
