"""What a learner has done: exercises accepted, hints taken, predictions made. One JSON file."""

from __future__ import annotations

import contextlib
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recipe_widgets.core import RecipeError
from recipe_widgets.core.files import state_folder, write_atomically
from recipe_widgets.core.json_files import parse_json, read_text
from recipe_widgets.course.contents import EXERCISES_OF


@dataclass
class ExerciseState:
    """accepted: the learner's own version holds in every trial. tries, hints: so many so far."""

    accepted: bool = False
    tries: int = 0
    hints: int = 0


@dataclass
class CourseProgress:
    """Shown as the last line of a cell: one line for each notebook.

    Attributes:
        exercises: by name. predictions: what was answered, by the question's name. bugs: the
            programs whose bug was mended, by name.
    """

    exercises: dict[str, ExerciseState] = field(default_factory=dict)
    predictions: dict[str, str] = field(default_factory=dict)
    bugs: dict[str, str] = field(default_factory=dict)

    def of(self, exercise: str) -> ExerciseState:
        return self.exercises.setdefault(exercise, ExerciseState())

    def done_in(self, notebook: str) -> tuple[int, int]:
        """Exercises of a notebook that are accepted, and how many it has."""
        names = EXERCISES_OF.get(notebook, ())
        return sum(self.exercises.get(name, ExerciseState()).accepted for name in names), len(names)

    def save(self) -> None:
        """Keep it on disk; a disk that takes nothing is no reason to stop a lesson."""
        content = {"exercises": {name: vars(one) for name, one in self.exercises.items()},
                   "predictions": self.predictions, "bugs": self.bugs}
        with contextlib.suppress(OSError, RecipeError):
            write_atomically(_file(), json.dumps(content, indent=1))

    def reset(self) -> None:
        """Forget all of it, on disk as well. my_recipe.py stays: it is yours."""
        self.exercises.clear()
        self.predictions.clear()
        self.bugs.clear()
        self.save()

    def __str__(self) -> str:
        rows = []
        for notebook, names in EXERCISES_OF.items():
            done, count = self.done_in(notebook)
            marks = ", ".join(f"{'✓' if self.of(name).accepted else '·'} {name}" for name in names)
            rows.append(f"{notebook[:2]}  {done} of {count}   {marks}")
        return "\n".join(rows)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def progress() -> CourseProgress:
    """What is done so far, from the reader's state folder. A damaged file counts as none.

    >>> progress().reset()                                        # doctest: +SKIP
    """
    try:
        found = parse_json(read_text(_file(), "Progress", "a file"), "Progress", "an object")
        exercises = {str(name): _exercise(one) for name, one in found["exercises"].items()}
        return CourseProgress(exercises, _texts(found["predictions"]), _texts(found.get("bugs", {})))
    except (RecipeError, TypeError, KeyError, AttributeError, ValueError):
        return CourseProgress()


def _texts(found: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(said) for name, said in found.items()}


def _exercise(found: Mapping[str, Any]) -> ExerciseState:
    return ExerciseState(found["accepted"] is True, int(found["tries"]), int(found["hints"]))


def _file() -> Path:
    return state_folder() / "progress.json"
