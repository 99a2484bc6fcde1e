"""All exercises. One file each, of the exercise's name, which sets `EXERCISE`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from recipe_widgets.core import RecipeError
from recipe_widgets.course.contents import EXERCISES_OF
from recipe_widgets.course.exercise import Exercise

NAMES = tuple(name for names in EXERCISES_OF.values() for name in names)


def exercise_named(name: str) -> Exercise:
    """Raises RecipeError: there is no such exercise."""
    if name not in NAMES:
        raise RecipeError("Exercise", found=repr(name), expected="one of " + ", ".join(NAMES))
    exercise: Exercise = import_module(f"{__package__}.{name}").EXERCISE
    return exercise


def exercise_of(given: Any, what: str) -> Exercise:
    """The exercise that a name, or a learner's function, belongs to.

    Raises:
        RecipeError: neither the name of one nor a function or class with that name.
    """
    name = given if isinstance(given, str) else getattr(given, "__name__", None)
    if not isinstance(name, str):
        raise RecipeError(what, found=type(given).__name__, expected="a function that you wrote",
                          mend=f"For example {what}({NAMES[0]}).")
    return exercise_named(name)
