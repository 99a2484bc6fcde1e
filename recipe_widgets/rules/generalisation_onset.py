"""A few samples are enough to do better on the validation set.

What it finds
    From how many training samples on the validation loss falls below that of the untrained model.
Why it hurts
    Where none of them helps, training and validation may not belong together, or the task needs
    more data than was tried.
How to mend
    Try more samples; look at split and preprocessing.
When it stays silent
    It only notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE

BETTER = 0.95  # share of the first validation loss below which it is better


@dataclass(frozen=True)
class LossBySamples:
    """validation: loss after training on so many samples. baseline: loss before any training."""

    samples: Sequence[int]
    validation: Sequence[float]
    baseline: float


@rule(worst="note", source=KARPATHY_RECIPE)
def generalisation_onset(rule: Rule[LossBySamples], seen: LossBySamples) -> CheckResult:
    limit = BETTER * seen.baseline
    rule = rule.about(details={
        "samples": np.asarray(seen.samples), "validation": np.asarray(seen.validation)
    })
    pairs = zip(seen.samples, seen.validation, strict=True)
    onset = next((count for count, loss in pairs if loss < limit), None)
    if onset is None:
        return rule.notes(
            f"up to {max(seen.samples)} samples do not help on the validation set yet",
            measured=min(seen.validation), expected=f"below {limit:.4g}")
    return rule.passes(
        f"{onset} samples are enough to do better than at the start on the validation set",
        measured=onset, unit="samples")
