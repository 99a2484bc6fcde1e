"""Points for what a learner wrote, as a grader's test cell asks for them: judged by the same trials
as `check`, without a trace in anybody's progress.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Annotated, Any

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import real, validated
from recipe_widgets.course.bug_hunt import PROGRAMS, BugHunt
from recipe_widgets.course.judge import verdict_of


@validated
def points(function: Any, of: Annotated[float, real(0, 1e6)], name: str | None = None) -> float:
    """Points for one exercise: the share of its trials that hold, of `of` points.

    Args:
        function: what the learner wrote. An empty body, or what is no function, has none.
        name: of the exercise, where the function has another one.

    Raises:
        RecipeError: there is no exercise of that name.
    """
    with _silent():
        verdict = verdict_of(function, name)
    held = sum(trial.result == "holds" for trial in verdict.trials)
    return round(of * held / max(1, len(verdict.trials)), 2)


@validated
def bug_points(program: str, line: Any, mended: Any,
               of: Annotated[float, real(0, 1e6)]) -> float:
    """Points for one program with a bug: half for its line, half for a mend that works.

    Args:
        program: name of the planted program, such as "13_no_zero_grad".
        line: number of the wrong line, from 1. mended: the whole program, as text; it is run.

    Raises:
        RecipeError: there is no such program.
    """
    if program not in PROGRAMS:
        raise RecipeError("Program", found=repr(program), expected="one of " + ", ".join(PROGRAMS))
    hunt = BugHunt(PROGRAMS.index(program) + 1)
    with _silent():
        _, works = hunt.judged(mended)
    named = isinstance(line, int) and line in hunt.wrong_lines()
    return round(of * (named + works) / 2, 2)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """nbgrader gives nothing for a cell that writes to stderr, as warnings do."""
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
