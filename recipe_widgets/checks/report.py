"""All checks that apply, in the order of the recipe, and what they said."""

from __future__ import annotations

import dataclasses
import html
import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
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
from recipe_widgets.core import CheckResult, RecipeError, rng_guard
from recipe_widgets.core.arguments import checked, checked_fields

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
_MARKS = {"fail": "✗", "warn": "!", "note": "i", "pass": "✓", "skip": "–"}


@checked_fields()
@dataclasses.dataclass(frozen=True)
class Report:
    """What the checks said: iterate over it, print it, show it, save it."""

    results: tuple[CheckResult, ...]

    def __iter__(self) -> Iterator[CheckResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, name: str) -> CheckResult:
        """The result of one check by its name."""
        for result in self.results:
            if result.name == name:
                return result
        raise RecipeError("Report", found=f"no result {name!r}",
                          expected=", ".join(r.name for r in self.results))

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        return tuple(r for r in self.results if r.status == "fail")

    @property
    def summary(self) -> str:
        """For example "1 fail, 2 warn, 20 pass"."""
        counts = [(status, sum(r.status == status for r in self.results)) for status in _MARKS]
        return ", ".join(f"{count} {status}" for status, count in counts if count) or "no checks"

    def __str__(self) -> str:
        return "\n".join([*map(str, self.results), self.summary])

    def _repr_html_(self) -> str:
        rows = "".join(_row(result) for result in self.results)
        return (f'<table class="recipe-report"><caption>{html.escape(self.summary)}</caption>'
                f"<thead><tr><th></th><th>check</th><th>finding</th><th>evidence</th></tr></thead>"
                f"<tbody>{rows}</tbody></table>")

    def to_json(self) -> str:
        """A JSON list, one object per result, with its evidence as plain numbers."""
        return json.dumps([{f.name: _plain(getattr(r, f.name))
                            for f in dataclasses.fields(r)}
                           for r in self.results])

    def raise_for_failures(self) -> None:
        """For pytest: nothing where no check failed.

        Raises:
            RecipeError: its text lists what failed.
        """
        if self.failures:
            raise RecipeError(
                "Checks",
                found=f"{len(self.failures)} failed:\n" + "\n".join(map(str, self.failures)))


@checked()
def run_all(model_or_factory: Any, batches: Any = None, loss_fn: Callable[..., Any] | None = None,
            *, only: Sequence[Check] | None = None, more: Sequence[Check] = (),
            progress: bool = True, **options: Any) -> Report:
    """Every check that applies to a model, its batches and its loss, in the order of the recipe.

    Args:
        model_or_factory: a model, a function that makes one (better: then fresh initialisations can
            be looked at), or a `Subject`.
        only, more: which checks, and further ones of the same signature.
        options: as of `subject()`: optimizer, num_classes, validation, train_step, history, ...

    A check that breaks becomes a `skip` with the reason; it never stops the rest. Nothing that is
    handed in changes.

    Raises:
        RecipeError: the input itself cannot be used, see `subject()`.
    """
    target = model_or_factory if isinstance(model_or_factory, Subject) else subject(
        model_or_factory, batches, loss_fn, **options)  # type: ignore[arg-type]
    results = []
    with rng_guard(), tqdm([*(IN_ORDER if only is None else only), *more], disable=not progress,
                           leave=False) as bar:
        for check in bar:
            name = getattr(check, "__name__", "check")
            bar.set_description(name)
            results.append(_safely(check, name, target))
    return Report(tuple(results))


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


def _row(result: CheckResult) -> str:
    advice = f"<br><i>{html.escape(result.advice)}</i>" if result.advice and not result.ok else ""
    measured = "" if result.measured is None else html.escape(
        f"{result.measured:.4g}" if isinstance(result.measured, float) else str(result.measured))
    expected = "" if result.expected is None else f" (expected {html.escape(_number(result.expected))})"
    return (
        f'<tr class="recipe-{result.status}"><td title="{result.status}">{_MARKS[result.status]}</td>'
        f"<td>{html.escape(result.name)}</td><td>{html.escape(result.message)}{advice}</td>"
        f"<td>{measured}{expected}{_spark(result)}</td></tr>")


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _spark(result: CheckResult) -> str:
    """A small picture of the first series of numbers in the evidence, as SVG."""
    for value in result.details.values():
        series = list(value.values()) if isinstance(value, dict) else value
        numbers = np.asarray(
            series, dtype=float) if isinstance(series,
                                               (list, np.ndarray)) and len(series) > 2 and all(
                                                   isinstance(v, (int, float))
                                                   for v in list(series)) else np.array([])
        numbers = numbers[np.isfinite(numbers)]
        if numbers.ndim == 1 and len(numbers) > 2:
            low, span = numbers.min(), max(float(np.ptp(numbers)), 1e-12)
            every = -(-len(numbers) // 120)  # 60 units are wide enough for so many
            shown = [(i, numbers[i]) for i in range(0, len(numbers), every)]
            points = " ".join(f"{60 * i / (len(numbers) - 1):.1f},{15 - 14 * (v - low) / span:.1f}"
                              for i, v in shown)
            return (
                f'<br><svg width="60" height="16" role="img" aria-label="{len(numbers)} numbers from '
                f'{numbers[0]:.3g} to {numbers[-1]:.3g}"><polyline points="{points}" fill="none" '
                f'stroke="currentColor"/></svg>')
    return ""


def _plain(value: Any) -> Any:
    """JSON's own types; NaN and infinities as texts."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
