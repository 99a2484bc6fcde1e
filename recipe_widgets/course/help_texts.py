"""Hints, one more at each call, and our solution."""

from __future__ import annotations

from typing import Any

from recipe_widgets.core import RecipeError
from recipe_widgets.course.exercises import exercise_of
from recipe_widgets.course.progress_store import progress


class Text(str):
    """A text that a cell shows as it is, line breaks and all, instead of with quotes."""

    def __repr__(self) -> str:
        return str(self)


def hint(exercise: Any) -> Text:
    """The next hint of an exercise, by its name or your function. Kept between visits.

    What is none is told in one sentence; nothing is raised.
    """
    try:
        asked = exercise_of(exercise, "hint")
    except RecipeError as error:
        return Text(error)
    state = progress()
    one = state.of(asked.name)
    shown = min(one.hints + 1, len(asked.hints))
    one.hints = shown
    state.save()
    last = "" if shown < len(asked.hints) else (
        f'\nThat was the last one. solution("{asked.name}") shows ours.')
    number = f"Hint {shown} of {len(asked.hints)}"
    return Text(f"{number}: {asked.hints[shown - 1]}{last}")


def solution(exercise: Any) -> Text:
    """Our solution of an exercise as text; one sentence where there is no such exercise."""
    try:
        return Text(exercise_of(exercise, "solution").source)
    except RecipeError as error:
        return Text(error)
