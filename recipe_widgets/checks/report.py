"""All checks that apply, in the order of the recipe, and what they said."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm

from recipe_widgets.checks import (
    curves,
    dependence,
    gradcheck,
    images,
    labels,
    loss,
    modes,
    overfit,
    signals,
    splits,
    start,
    wiring,
)
from recipe_widgets.checks.runner import Check
from recipe_widgets.checks.subject import Subject, subject
from recipe_widgets.checks.timing import timing
from recipe_widgets.core import CheckResult, RecipeError, Report, rng_guard
from recipe_widgets.core.validation import validated

# Order of the recipe: data, wiring of loss and outputs, start, dependencies, gradients, the loop,
# memorising, signals.
IN_ORDER: tuple[Check, ...] = (
    labels.class_balance, images.input_range, splits.split_leak, images.duplicates, images.outliers,
    labels.label_alignment, labels.label_errors, splits.augmentation_keeps_label,
    splits.train_eval_preprocessing, loss.loss_reduction, loss.output_scale, start.loss_at_init,
    start.output_init, start.init_scale, dependence.batch_independence,
    dependence.causal_dependence, dependence.loop_equals_vectorised, wiring.optimizer_covers_model,
    wiring.gradients_flow, gradcheck.gradient_check, wiring.bias_before_norm, modes.mode_toggles,
    modes.grads_are_cleared, signals.update_ratio, start.loss_decreases,
    start.input_independent_baseline, overfit.overfit_one_batch, overfit.overfit_few,
    overfit.memorises_random_labels, overfit.generalisation_onset, signals.dead_units,
    signals.saturation, signals.gradient_norms, signals.filters_smooth, signals.recurrent_spectrum,
    curves.curve_shape, curves.noise_level, curves.lr_verdict, curves.fit_diagnosis, timing,
)
# says more about the machine than about the program: here it only notes
_AS_NOTES = frozenset({timing})


@validated
def run_all(model_or_factory: Any, batches: Any = None, loss_fn: Callable[..., Any] | None = None,
            *, only: Sequence[Check | str] | None = None, ignore: Sequence[str] = (),
            more: Sequence[Check] = (), progress: bool = True, **options: Any) -> Report:
    """Every check that applies to a model, its batches and its loss, in the order of the recipe.

    Args:
        model_or_factory: a model, a function that makes one (better: then fresh initialisations can
            be looked at), or a `Subject`.
        only: which checks, by name or as functions; None: all. ignore: names of those to leave out.
        more: further checks of the same signature.
        options: as of `subject()`: optimizer, num_classes, validation, train_step, history, ...

    A check that breaks becomes a `skip` with the reason; it never stops the rest. Nothing that is
    handed in changes.

    Raises:
        RecipeError: there is no check of this name, or the input itself cannot be used, see
            `subject()`.
    """
    chosen = [*(IN_ORDER if only is None else map(check_of_name, only)), *more]
    left_out = {name_of(check_of_name(name)) for name in ignore}
    target = model_or_factory if isinstance(model_or_factory, Subject) else subject(
        model_or_factory, batches, loss_fn, **options)  # type: ignore[arg-type]
    results = []
    wanted = [check for check in chosen if name_of(check) not in left_out]
    with rng_guard(), tqdm(wanted, disable=not progress, leave=False) as bar:
        for check in bar:
            name = name_of(check)
            bar.set_description(name)
            results.append(_safely(check, name, target))
    return Report(tuple(results))


def name_of(check: Check) -> str:
    """A check's name, which is its rule's, too."""
    return getattr(check, "__name__", "check")


def check_of_name(check: Check | str) -> Check:
    """The check of this name; what is a check already stays.

    Raises:
        RecipeError: there is no check of this name; the text lists all.
    """
    if not isinstance(check, str):
        return check
    known = {name_of(one): one for one in IN_ORDER}
    if check not in known:
        nearest = difflib.get_close_matches(check, known, n=1)
        raise RecipeError("Check", found=repr(check), expected="one of " + ", ".join(known),
                          mend=f"Did you mean {nearest[0]!r}?" if nearest else "")
    return known[check]


def _safely(check: Check, name: str, target: Subject) -> CheckResult:
    try:
        result = check(target)
        if check in _AS_NOTES and result.status == "warn":
            result = dataclasses.replace(result, status="note")
    except Exception as error:  # a broken check, or input which this one cannot use
        result = CheckResult(name, "skip", f"could not look: {type(error).__name__}: {error}")
    if isinstance(result, CheckResult):
        return result
    return CheckResult(name, "skip",
                       f"could not look: it returned {type(result).__name__}, no CheckResult")
