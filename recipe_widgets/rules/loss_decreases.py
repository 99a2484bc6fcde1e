"""Some steps lower the loss of the batches they are taken on.

What it finds
    A loss that some forty steps of the reader's own training do not lower, or that stops being a
    number within them.
Why it hurts
    Whatever comes later rests on these steps: a missing step(), a sign, a learning rate far off.
How to mend
    Look at step(), zero_grad(), the learning rate (too high, too low) and the sign of the loss.
When it stays silent
    When the loss is at its floor already, and when fewer than 30 steps fit into the time: the first
    steps with momentum may well go up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE

LEAST_FALL = 0.01  # of the room that the loss has


@dataclass(frozen=True)
class LossOfOwnBatches:
    """Loss of the same batches before and after `steps` steps with the reader's own settings.

    floor: the least value that the loss can take, when known.
    """

    before: float
    after: float
    steps: int
    floor: float | None = None


@rule(worst="warning", source=KARPATHY_RECIPE)
def loss_decreases(rule: Rule[LossOfOwnBatches], seen: LossOfOwnBatches) -> CheckResult:
    before, after, steps = seen.before, seen.after, seen.steps
    rule = rule.about(measured=after, expected=f"below {before:.4g}")
    if not math.isfinite(after):
        return rule.warns(f"the loss is no number after {steps} steps",
                          advice="Lower the learning rate.")
    room = abs(before) if seen.floor is None else abs(before - seen.floor)
    if room < 1e-6:
        return rule.passes("the loss is at its floor already")
    if before - after < LEAST_FALL * room:
        return rule.warns(
            f"{steps} steps do not lower the loss of their own batches",
            advice="Look at step(), zero_grad(), the learning rate (too high, too low) and the "
            "sign of the loss.")
    return rule.passes(f"falls within {steps} steps")
