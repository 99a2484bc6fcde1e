"""Judges what a learner wrote: each trial of the exercise, and what is wrong, by evidence."""

from __future__ import annotations

import html
import inspect
from dataclasses import dataclass
from typing import Any, Literal

from recipe_widgets.core import RecipeError
from recipe_widgets.core.errors import describe_error
from recipe_widgets.course.exercise import Exercise, Trial, Wrong, trial_name
from recipe_widgets.course.exercises import exercise_named, exercise_of
from recipe_widgets.course.guarded_call import Guarded, LearnerError, Outcome, run_guarded
from recipe_widgets.course.learner_source import Source, failing_line, quoted, source_of
from recipe_widgets.course.progress_store import progress

_MARKS = {"holds": "✓", "wrong": "✗", "not tried": "–"}


@dataclass(frozen=True)
class TrialResult:
    name: str
    result: Literal["holds", "wrong", "not tried"]
    reason: str = ""


@dataclass(frozen=True)
class Verdict:
    """What holds and what does not. Shown as the last line of a cell."""

    exercise: str
    trials: tuple[TrialResult, ...]
    message: str = ""  # instead of trials: nothing is written yet
    printed: str = ""

    @property
    def accepted(self) -> bool:
        return bool(self.trials) and all(one.result == "holds" for one in self.trials)

    def lines(self) -> list[str]:
        if self.message:
            return [self.message]
        held = sum(one.result == "holds" for one in self.trials)
        said = [f"{self.exercise}: accepted, all {held} trials hold." if self.accepted else
                f"{self.exercise}: not yet, {held} of {len(self.trials)} trials hold."]
        told: set[str] = set()
        for one in self.trials:
            # one mistake often spoils several trials: its reason is said once
            reason = "as above" if one.reason in told else one.reason
            told |= {one.reason} - {""}
            said.append(f"{_MARKS[one.result]} {one.name}" + (f": {reason}" if reason else ""))
        if self.printed:
            said += ["It printed:", *(f"  {line}" for line in self.printed.splitlines()[:5])]
        if not self.accepted:
            said.append(f'Stuck? hint("{self.exercise}") gives the next hint.')
        return said

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *rest = map(html.escape, self.lines())
        rows = "".join(f"<div>{line}</div>" for line in rest)
        return f'<div class="recipe-verdict" role="status"><b>{head}</b>{rows}</div>'


def check(function: Any, name: str | None = None) -> Verdict:
    """Try a function of an exercise on fresh cases, and say what holds and what does not.

    Args:
        function: what you wrote, such as `train_epoch`.
        name: of the exercise, where your function has another one.

    What is no function of an exercise is told in one sentence, too; nothing is raised.
    """
    verdict = verdict_of(function, name)
    if verdict.trials:
        state = progress()
        one = state.of(verdict.exercise)
        one.tries += 1
        one.accepted = one.accepted or verdict.accepted
        state.save()
    return verdict


def verdict_of(function: Any, name: str | None = None) -> Verdict:
    """`check`, which nobody's progress hears of."""
    try:
        exercise = exercise_named(name) if name is not None else exercise_of(function, "check")
        source = _checked_source(function, exercise)
    except RecipeError as error:
        return Verdict("", (), str(error))
    if source.is_empty:
        return Verdict(exercise.name, (), f"{exercise.name}: nothing is written yet. "
                                          f'hint("{exercise.name}") helps to begin.')
    return _judge(function, exercise, source)


def _checked_source(function: Any, exercise: Exercise) -> Source:
    """The learner's text. Raises RecipeError: not of the kind that the exercise asks for."""
    wanted = "a class" if isinstance(exercise.reference, type) else "a function"
    right_kind = isinstance(function, type) == isinstance(exercise.reference, type)
    if isinstance(function, str) or not callable(function) or not right_kind:
        found = "a text" if isinstance(function, str) else (
            "a class" if isinstance(function, type) else type(function).__name__)
        raise RecipeError("check", found=found, expected=f"{wanted}: {exercise.signature}",
                          mend=f"check({exercise.name}), without quotes.")
    if inspect.iscoroutinefunction(function):
        raise RecipeError("check", found=f"async def {function.__name__}", expected=exercise.signature,
                          mend="Write def alone: nothing waits here.")
    if isinstance(function, type) and not any(map(inspect.isfunction, vars(function).values())):
        return Source(f"class {function.__name__}: ...", "", 1)  # no method: it holds no code to find
    return source_of(function)


def _judge(function: Any, exercise: Exercise, source: Source) -> Verdict:
    results: list[TrialResult] = []
    printed, over = "", False
    for trial in exercise.trials:
        if over:
            results.append(TrialResult(trial_name(trial), "not tried"))
            continue
        outcome = _run(trial, function, exercise)
        printed = printed or outcome.printed
        over = outcome.out_of_time  # the next one would take as long
        reason = _reason(outcome, exercise, source)
        results.append(TrialResult(trial_name(trial), "wrong" if reason else "holds", reason))
    return Verdict(exercise.name, tuple(results), printed=printed)


def _run(trial: Trial, function: Any, exercise: Exercise) -> Outcome:
    return run_guarded(lambda: trial(Guarded(function, Wrong)), exercise.seconds)


def _reason(outcome: Outcome, exercise: Exercise, source: Source) -> str:
    """What is wrong, for the learner; "" where nothing is."""
    if outcome.out_of_time:
        rest = " It still runs: restart the kernel to end it." if outcome.stuck else ""
        return f"It did not end within {exercise.seconds:g} seconds.{rest}"
    error = outcome.error
    if error is None:
        return ""
    if isinstance(error, Wrong):
        line = quoted(source, failing_line(error.__traceback__, source))
        return f"{error}" + (f" ({line})" if line else "")
    if isinstance(error, LearnerError):
        return _told(error.error, exercise, source)
    raise error  # ours


def _told(error: BaseException, exercise: Exercise, source: Source) -> str:
    """An error of the learner's code, with their line."""
    number = failing_line(error.__traceback__, source)
    if number is None and isinstance(error, TypeError):
        # the call itself failed: other arguments than the exercise asks for
        return (f"It cannot be called as {exercise.signature}: {_first_line(error)}. "
                "Keep the number and the order of the arguments; their names are yours.")
    what = ("It ends the program (exit)" if isinstance(error, SystemExit)
            else f"Your code stops with {describe_error(error)}")
    place = quoted(source, number)
    return f"{what}, in {place}." if place else f"{what}."


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
