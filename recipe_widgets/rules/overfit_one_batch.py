"""One batch can be learnt by heart.

What it finds
    A model that cannot bring the loss of a few samples down to its floor by training on them alone.
Why it hurts
    A net that cannot remember a handful will not understand thousands: there is a bug, too much
    regularisation, or a learning rate that does not suit.
How to mend
    Look at the loss, the last layer, the optimiser and its regularisation; overfit_few tells which.
When it stays silent
    When the samples are right from the start, and when fewer than 60 steps fit into the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE


@dataclass(frozen=True)
class OneBatch:
    """Loss of a few samples before and after training on them alone.

    Attributes:
        floor: the least that free outputs reach. samples, steps: how many.
        allowed: share of the loss above the floor that may be left. losses: of each step.
    """

    before: float
    after: float
    floor: float
    samples: int
    steps: int
    allowed: float
    losses: Sequence[float] = ()


@rule(worst="warning", source=KARPATHY_RECIPE)
def overfit_one_batch(rule: Rule[OneBatch], seen: OneBatch) -> CheckResult:
    before, after, floor = seen.before, seen.after, seen.floor
    share = share_left(before, after, floor)
    rule = rule.about(measured=after, expected=f"near {floor:.3g}",
                      details={"losses": np.asarray(seen.losses), "left": share})
    if before - floor < 1e-3 * max(1.0, abs(floor)):
        return rule.passes("these samples are right from the start")
    if not np.isfinite(after) or share > seen.allowed:
        return rule.warns(
            f"{seen.samples} samples cannot be learnt by heart in {seen.steps} steps",
            advice="Look at the loss, the last layer, the optimiser and its regularisation; "
            "checks.overfit_few says which.")
    return rule.passes(f"{seen.samples} samples are learnt by heart")


def share_left(before: float, after: float, floor: float) -> float:
    """Share of the loss above its floor that training left: 0 is memorised, 1 is no progress."""
    return (after - floor) / max(before - floor, 1e-12)
