"""Single batches differ by less than the loss has fallen.

What it finds
    Neighbouring steps whose losses differ by more than the whole fall of the curve (a warning), or
    by as much as the level of its last half (a note).
Why it hurts
    The noise of a mean over a batch falls with the root of the batch size. Where it is as large as
    the signal, the curve cannot be read, and small steps are wasted on undoing one another.
How to mend
    Batches of four times the size halve the noise; or judge on a running mean.
When it stays silent
    Below 30 steps, where a value is no number, and of a loss that need not fall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.curve_shape import FEWEST_STEPS
from recipe_widgets.rules.divergence import no_number_from
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.statistics import curve_facts

DROWNED = 0.5  # of the first level: noise below half of it is no trouble, however small the fall


@dataclass(frozen=True)
class BatchLosses:
    """The training loss (n,) of each step; batch_size: samples per step, for the advice."""

    loss: npt.ArrayLike
    batch_size: int | None = None


@rule(worst="warning",
      source="S. McCandlish et al., An Empirical Model of Large-Batch Training, 2018")
def noise_level(rule: Rule[BatchLosses], batches: BatchLosses) -> CheckResult:
    values = np.asarray(batches.loss, np.float64).ravel()
    seen = curve_facts(values)
    if seen.bad is not None:
        return rule.cannot_tell(f"the loss is {no_number_from(seen.bad)}")
    if seen.n < FEWEST_STEPS:
        return rule.cannot_tell(f"{seen.n} steps are too few")
    share = seen.noise / max(abs(seen.left), 1e-12)  # noise / level of the end
    noise = seen.noise * seen.start if seen.bounded else seen.noise  # in the loss's own unit
    rule = rule.about(measured=share, expected="below 1", unit="of the level, from step to step",
                      details={"train_loss": values, "noise": noise, "share": share})
    size = f" ({4 * batches.batch_size} samples)" if batches.batch_size else ""
    advice = f"Batches of four times the size{size} halve the noise; or judge on a running mean."
    if seen.noise > max(DROWNED, 1 - seen.left):
        return rule.warns("single batches differ by more than the loss has fallen", advice=advice)
    if share > 1:
        return rule.notes("single batches differ by as much as the loss itself", advice=advice)
    return rule.passes(f"neighbouring steps differ by {share:.0%} of the level")
