"""`run_all`: all checks that apply, in the order of the recipe, and what they said."""

from __future__ import annotations

import dataclasses
import difflib
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

from tqdm import tqdm

from recipe_widgets.checks.check_decorator import (
    Check,
    all_checks,
    could_not_look,
    in_order_of_work,
)
from recipe_widgets.checks.check_subject import Subject, subject
from recipe_widgets.checks.sharing import OutOfTimeError, sharing, time_limit
from recipe_widgets.core import CheckResult, RecipeError, machine, rng_guard
from recipe_widgets.core import Report as Report
from recipe_widgets.core.report import CheckCost
from recipe_widgets.core.validation import real, validated

# These say more about the machine than about the program: here they only note.
_AS_NOTES = frozenset({"timing"})


@validated
def run_all(model_or_factory: Any, batches: Any = None, loss_fn: Callable[..., Any] | None = None,
            *, only: Sequence[Check | str] | None = None, ignore: Sequence[str] = (),
            more: Sequence[Check] = (),
            seconds: Annotated[float | None, real(0, above=True)] = 30.0, progress: bool = True,
            on_result: Callable[[CheckResult], object] | None = None, **options: Any) -> Report:
    """Every check that applies to a model, its batches and its loss, in the order of the recipe.

    Args:
        model_or_factory: a model, a function that makes one (better: then fresh initialisations can
            be looked at), or a `Subject`.
        only: which checks, by their names or as functions; None: all. ignore: names to leave out.
        more: further checks of the same signature.
        seconds: after so long no more is looked at: what was left out is a `skip` that says so, and
            stands in the report's `unjudged`. None: no limit.
        progress: a bar, and warnings as soon as they are found, where stderr is a terminal.
        on_result: called with each result as soon as it is there, the quick checks first.
        options: as of `subject()`: optimizer, num_classes, validation, train_step, history, ...

    A check that breaks becomes a `skip` with the reason; it never stops the rest. Nothing that is
    handed in changes. Passes and steps that several checks need are made once. The report's
    `check_costs` says how long each check took.

    Raises:
        RecipeError: a name is no check's, or the input itself cannot be used, see `subject()`.
    """
    chosen, start = chosen_checks(only, ignore, more), time.monotonic()
    found: dict[int, CheckResult] = {}  # by the check's id
    costs: dict[str, CheckCost] = {}
    unjudged: list[str] = []
    with time_limit(seconds) as is_over:
        target = model_or_factory if isinstance(model_or_factory, Subject) else subject(
            model_or_factory, batches, loss_fn, **options)  # type: ignore[arg-type]
        # disable=None: where stderr is no terminal
        bar = tqdm(in_order_of_work(chosen), leave=False,
                   disable=None if progress else True)
        with rng_guard(), sharing(target), bar:
            for check in bar:
                name, began, peak = _name(check), time.monotonic(), machine.peak_memory()
                bar.set_description(name)
                result = None if is_over() else _safely(check, target)
                if result is None:
                    unjudged.append(name)
                    result = CheckResult(name, "skip", f"left out: the {seconds:g} s were over")
                else:
                    costs[name] = CheckCost(time.monotonic() - began, machine.peak_memory() - peak)
                found[id(check)] = result
                if result.severity in ("error", "warning") and not bar.disable:
                    bar.write(str(result), file=sys.stderr)
                if on_result is not None:
                    on_result(result)
    results = [found[id(check)] for check in chosen]
    return Report(results, seconds=time.monotonic() - start, unjudged=unjudged, check_costs=costs)


def chosen_checks(only: Iterable[Check | str] | None = None, ignore: Iterable[str] = (),
                  more: Iterable[Check] = ()) -> list[Check]:
    """The checks to run, in order.

    Raises:
        RecipeError: a name is no check's; the text lists all.
    """
    known = all_checks()
    named = known | {_name(check): check for check in more}

    def find(name: str) -> Check:
        if name in named:
            return named[name]
        nearest = difflib.get_close_matches(name, named, n=1)
        raise RecipeError("Check", found=repr(name), expected="one of " + ", ".join(named),
                          mend=f"Did you mean {nearest[0]!r}?" if nearest else "")

    left_out = {_name(find(name)) for name in ignore}
    chosen = [find(check) if isinstance(check, str) else check
              for check in (known.values() if only is None else only)]
    return [check for check in (*chosen, *more) if _name(check) not in left_out]


def _name(check: Check) -> str:
    return getattr(check, "__name__", "check")


def _safely(check: Check, target: Subject) -> CheckResult | None:
    """The result of a check; what breaks in it, or input that it cannot use, is a skip. None: the
    time was over before it had one.
    """
    try:
        result = check(target)
    except OutOfTimeError:
        return None
    except Exception as error:
        return could_not_look(_name(check), error)
    if not isinstance(result, CheckResult):
        return CheckResult(_name(check), "skip",
                           f"could not look: it returned {type(result).__name__}, no CheckResult")
    if _name(check) in _AS_NOTES and result.status == "warn":
        return dataclasses.replace(result, status="note")
    return result
