"""The gradient is the derivative of the loss.

What it finds
    Gradients that differ from central differences of the loss, along random directions in float64;
    a torch.autograd.Function whose backward is not the derivative of its forward.
Why it hurts
    A custom backward with a slip, or a detach on the way, still trains: in a wrong direction.
How to mend
    Look at custom backward functions, and at detach on the way to the loss.
When it stays silent
    Directions with a kink (a ReLU that switches within the step) are left out; without any other it
    cannot tell. A Function whose forward is flat or the identity has another backward on purpose
    (straight-through estimators, gradient reversal).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

# CS231n: a relative error above 1e-2 means the gradient is probably wrong, above 1e-4 it is
# uncomfortable where there are no kinks.
WRONG, INACCURATE = 1e-2, 1e-3


@dataclass(frozen=True)
class GradientErrors:
    """Analytic against numeric gradients.

    Attributes:
        errors: tensor -> |analytic - numeric| / (|analytic| + |numeric|), norms over directions.
        h: half the width of the differences. kinks: directions that were left out.
    """

    errors: Mapping[str, float]
    h: float
    kinks: int


@rule(worst="error", source="CS231n, Gradient checks")
def gradient_check(rule: Rule[GradientErrors], seen: GradientErrors) -> CheckResult:
    if not seen.errors:
        return rule.cannot_tell("no direction without a kink was found")
    worst = max(seen.errors, key=lambda name: seen.errors[name])
    error = seen.errors[worst]
    rule = rule.about(measured=error, expected="below 1e-4", unit="relative error",
                      details={"errors": dict(seen.errors), "h": seen.h, "kinks": seen.kinks})
    if error > WRONG:
        return rule.fails(
            f"the gradient of {worst} is not the derivative of the loss",
            advice="Look at custom backward functions, and at detach on its way to the loss.")
    if error > INACCURATE:
        return rule.warns(f"the gradient of {worst} is inaccurate",
                          advice="Perhaps kinks; try another h.")
    return rule.passes(f"{len(seen.errors)} tensors agree with central differences")


# In a script that is watched

WRONG_SHARE = 0.3  # of the entries; fewer may lie at kinks


@dataclass(frozen=True)
class CustomDerivative:
    """name: of a torch.autograd.Function. wrong: share of entries at which its backward is not the
    derivative of its forward.
    """

    name: str
    wrong: float


@gradient_check.register
def custom_function(rule: Rule[Any], function: CustomDerivative) -> CheckResult:
    if function.wrong < WRONG_SHARE:
        return rule.passes(f"the backward of {function.name} is the derivative of its forward")
    return rule.fails(
        f"the backward of {function.name} is not the derivative of its forward",
        measured=function.wrong, expected=0.0, unit="of the entries looked at",
        advice="Check it with torch.autograd.gradcheck in double precision.")
