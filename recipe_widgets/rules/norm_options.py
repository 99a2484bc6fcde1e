"""A batch norm's eps is a tiny number, and its momentum the share of the newest batch.

What it finds
    A batch norm with eps of 0.01 or more, as BatchNorm2d(n, 0.8) gives it, whose second argument is
    eps; a momentum of 0.9 or more, as other libraries count it.
Why it hurts
    With a large eps, units of small variance are hardly scaled at all. With momentum 0.99 the
    running statistics, by which it is evaluated, are those of the last batch.
How to mend
    BatchNorm2d(n, momentum=0.2). torch's momentum is one minus that of other libraries.
When it stays silent
    Layers without running statistics, cumulative means (momentum None) and momentum 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

LARGE_EPS = 0.01  # published networks use 1e-8 to 1e-3
MOST_MOMENTUM = 0.9  # torch's default is 0.1


@dataclass(frozen=True)
class NormOptions:
    """The options of one batch norm; momentum None: a cumulative mean, or no running statistics."""

    layer: str
    eps: float
    momentum: float | None


@rule(worst="warning", source="torch.nn.BatchNorm2d, signature (num_features, eps, momentum)")
def norm_options(rule: Rule[NormOptions], seen: NormOptions) -> CheckResult:
    if seen.eps >= LARGE_EPS:
        return rule.warns(
            f"{seen.layer} has eps = {seen.eps:g}, a thousand times what is usual or more: units "
            f"whose standard deviation is below {seen.eps**0.5:.2g} are hardly scaled",
            measured=seen.eps, expected=1e-5,
            advice="If a momentum was meant: the second argument is eps; name it, momentum=....")
    if seen.momentum is not None and MOST_MOMENTUM <= seen.momentum < 1:
        return rule.warns(
            f"{seen.layer} has momentum = {seen.momentum:g}: its running statistics are nearly "
            "those of the last batch alone", measured=seen.momentum, expected=0.1,
            advice="torch's momentum is the share of the newest batch: 1 - 0.9 = 0.1.")
    return rule.passes("options of the batch norm are usual")
