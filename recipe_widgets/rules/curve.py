"""The loss stays a finite number.

What it finds
    A loss that is NaN or infinite; while a script runs (`watch(raise_on="error")`) the step at
    which the loss, or a gradient that is about to be used, is.
Why it hurts
    From then on every weight is NaN: the rest of the run is lost.
How to mend
    A smaller learning rate; clip the gradient; look for log(0) and 0/0.
When it stays silent
    With a GradScaler, while less than a tenth of the losses are affected: it skips such steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

SKIPPED_BY_SCALER = 0.1  # share of losses


@dataclass(frozen=True)
class LossesByStep:
    """losses: (step, loss). scaler: is a GradScaler used?"""

    losses: Sequence[tuple[int, float]]
    scaler: bool = False


@dataclass(frozen=True)
class NumbersOfStep:
    """what: the loss or gradient that is not finite, and that no scaler looks at. step: when."""

    what: str
    step: int


@rule(worst="error", source="PyTorch, Automatic mixed precision")
def curve(rule: Rule[LossesByStep], seen: LossesByStep) -> CheckResult:
    bad = [step for step, loss in seen.losses if not math.isfinite(loss)]
    if not bad or (seen.scaler and len(bad) < SKIPPED_BY_SCALER * len(seen.losses)):
        return rule.passes("every loss is a finite number")
    return rule.warns(
        f"the loss is no finite number from step {bad[0]}", measured=bad[0],
        advice="A smaller learning rate; clip the gradient; look for log(0) and 0/0.")


@curve.register
def numbers_of_step(rule: Rule[NumbersOfStep], seen: NumbersOfStep) -> CheckResult:
    return rule.fails(
        f"{seen.what} is no finite number at step {seen.step}", measured=seen.step,
        advice="A smaller learning rate; clip the gradient; look for log(0) and 0/0.")
