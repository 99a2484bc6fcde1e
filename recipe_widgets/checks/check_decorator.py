"""What makes a function a check: it brings evidence, and the rule of the same name judges it.

    @check(stage="start", place=1)
    def loss_at_init(target: Subject, *, inits: int = 3) -> FirstLoss:
        ...
        return FirstLoss(losses, expected, ...)

`stage` puts it into `run_all`, at its place in the recipe. Nothing else has to be told: the rule is
the file `recipe_widgets/rules/loss_at_init.py`. A check of a reader's own needs no rule and returns
a `CheckResult` itself:

    @check("warn")
    def my_check(target: Subject) -> CheckResult:
        ...
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch

from recipe_widgets.checks.check_subject import Subject, subject
from recipe_widgets.checks.model_copies import restored_afterwards
from recipe_widgets.checks.sharing import can_be_copied
from recipe_widgets.core import CheckResult, RecipeError, Status, rng_guard
from recipe_widgets.core.findings import SEVERITY_OF, STATUS_ORDER
from recipe_widgets.core.validation import validated
from recipe_widgets.rules import all_rules

# A check, as a reader calls it: (subject_or_model, batches=None, loss_fn=None, **options).
Check = Callable[..., CheckResult]
# What a check's author writes: evidence for the rule of the same name, or a finished result.
Gather = Callable[..., Any]

# The stages of the recipe, in the order in which a report lists them.
STAGES = (
    "data",  # labels, inputs, splits, augmentation
    "loss",  # what the loss wants and how it reduces
    "start",  # the network before any step
    "dependence",  # which output depends on which input
    "gradients",  # optimiser and gradients reach what they should
    "loop",  # modes, cleared gradients, the size of steps
    "first steps",  # does training train at all?
    "memorising",  # a handful by heart
    "signals",  # activations, gradients, filters
    "curves",  # a training that is over
    "timing",
)
# Stages, or single checks, in the order in which `run_all` works: passes before steps, so that what
# is plainly wrong is said first.
ORDER_OF_WORK = ("loss_reduction", "start", "loss", "curves", "dependence", "gradients", "loop", "signals", "data",
                 "first steps", "memorising", "timing")
SUBJECT_OPTIONS = frozenset(
    inspect.signature(subject).parameters) - {"model_or_factory", "batches", "loss_fn"}
_registered: dict[str, tuple[int, float, Check]] = {}


class CannotTellError(Exception):
    """A check cannot say anything about this subject; the text says why."""


def check(worst: Status | None = None, source: str = "", *, stage: str = "",
          place: float = 99) -> Callable[[Gather], Check]:
    """Make a check of `gather(subject, **options)`.

    The check's signature is `check(subject_or_model, batches=None, loss_fn=None, **options) ->
    CheckResult`; options of `subject()`, such as `optimizer` or `num_classes`, may be given, too.
    An error of the reader's own model becomes a result with its text; wrong input is a
    `RecipeError`.

    Args:
        worst: the worst status it may give; without it, that of its rule.
        source: for results that name none.
        stage, place: where it stands in `run_all`; without a stage it is run only when it is asked
            for.
    """
    def wrap(gather: Gather) -> Check:
        checked = validated(gather)

        @functools.wraps(gather)
        def run(subject_or_model: Any, batches: Any = None, loss_fn: Any = None,
                **options: Any) -> CheckResult:
            target = as_subject(subject_or_model, batches, loss_fn, subject_options(options))
            result = at_most(_guarded(checked, target, options), worst)
            return dataclasses.replace(result, source=result.source or source)

        return register(run, worst, stage, place)

    return wrap


def register(run: Check, worst: Status | None, stage: str = "", place: float = 99) -> Check:
    """Note the worst status of a check, and its place in `run_all`."""
    severity = None if worst else all_rules()[run.__name__].worst
    run.__dict__["worst"] = worst or next(status for status, word in SEVERITY_OF.items()
                                          if word == severity)
    if stage:
        _registered[run.__name__] = (STAGES.index(stage), place, run)
    return run


def all_checks() -> dict[str, Check]:
    """Every check that `run_all` knows, by its name, in the order of the recipe."""
    package = importlib.import_module(__package__)
    for file in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{__package__}.{file.name}")  # its decorators register
    in_order = sorted(_registered.items(), key=lambda item: item[1][:2])
    return {name: run for name, (_, _, run) in in_order}


def in_order_of_work(checks: Iterable[Check]) -> list[Check]:
    """The same checks, the quick ones first; a reader's own, without a stage, come before the
    trainings.
    """
    def turn(run: Check) -> tuple[float, float]:
        name = getattr(run, "__name__", "")
        if name in _registered and _registered[name][2] is run:
            stage, place, _ = _registered[name]
            return ORDER_OF_WORK.index(name if name in ORDER_OF_WORK else STAGES[stage]), place
        return ORDER_OF_WORK.index("first steps") - 0.5, 0.0

    return sorted(checks, key=turn)


def judged(name: str, found: Any) -> CheckResult:
    """What a check's author returned, as a result: evidence goes to the rule of this name."""
    if isinstance(found, CheckResult):
        return found
    rule = all_rules().get(name)
    if rule is None:
        return CheckResult(name, "skip",
                           f"could not look: it returned {type(found).__name__}, no CheckResult")
    return rule(found)


def at_most(result: CheckResult, worst: Status | None) -> CheckResult:
    """The result, no worse than `worst`."""
    if worst and STATUS_ORDER.index(result.status) > STATUS_ORDER.index(worst):
        return dataclasses.replace(result, status=worst)
    return result


def subject_options(options: dict[str, Any]) -> dict[str, Any]:
    """Takes out of `options` what belongs to `subject()`."""
    return {name: options.pop(name) for name in list(options) if name in SUBJECT_OPTIONS}


def as_subject(given: Any, batches: Any, loss_fn: Any, options: dict[str, Any]) -> Subject:
    if isinstance(given, Subject):
        if batches is not None or loss_fn is not None:
            raise RecipeError("Check", found="a Subject and batches or a loss besides",
                              expected="one or the other")
        return dataclasses.replace(given, **options) if options else given
    return subject(given, batches, loss_fn, **options)


def could_not_look(name: str, error: Exception) -> CheckResult:
    """An error of the reader's model, loss or data as a skip with its text."""
    text = (str(error).strip().splitlines() or [""])[0][:300]
    return CheckResult(name, "skip", f"could not look: {type(error).__name__}: {text}")


def _guarded(gather: Gather, target: Subject, options: dict[str, Any]) -> CheckResult:
    """Runs a check so that nothing it looks at changes, and no error of the reader's gets out."""
    name = gather.__name__
    if target.problem:
        return CheckResult(name, "fail", f"the model does not run: {target.problem}",
                           advice="Make model(x) and loss_fn(output, y) work on one batch first.")
    model = target.model
    # a model that can be copied is worked on as a copy; any other is restored afterwards
    alone = not can_be_copied(target)
    guard = restored_afterwards(model) if alone else contextlib.nullcontext()
    grad = torch.is_grad_enabled()
    with rng_guard(), guard, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reader's own warnings would come once per check
        torch.manual_seed(0)
        try:
            with torch.enable_grad():
                found = gather(target, **options)
        except RecipeError:
            raise
        except CannotTellError as why:
            return CheckResult(name, "skip", str(why))
        except Exception as error:
            return could_not_look(name, error)
        finally:
            torch.set_grad_enabled(grad)
    # outside of the guard: an error in a rule is an error of ours
    return judged(name, found)
