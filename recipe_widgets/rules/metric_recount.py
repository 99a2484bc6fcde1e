"""A printed accuracy is hits over samples.

What it finds
    A printed accuracy that differs from a recount of the evaluation, and equals what one of two
    slips would give: the mean of the batches' accuracies although the last batch is smaller, or the
    hits over batches times batch size.
Why it hurts
    The number depends on the batch size, and two papers' numbers cannot be compared.
How to mend
    Add up hits and samples over all batches; divide once, at the end.
When it stays silent
    When the printed number agrees with a recount of any part of the evaluation, when it is none of
    the two slips, and when it has too few digits to tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

ROUNDING = 0.51  # of the last printed digit
FEWEST_DIGITS = 2  # behind the point, or none of a percentage


@dataclass(frozen=True)
class PrintedMetric:
    """A number that was printed after an evaluation.

    Attributes:
        right: shares of hits of all rounds of the evaluation; the first is the round in question.
        slips: in words -> what it would give. digits: printed behind the point.
    """

    printed: float
    digits: int
    right: tuple[float, ...]
    slips: Mapping[str, float]


@rule(worst="error", source="A. Ng, Machine Learning Yearning")
def metric_recount(rule: Rule[PrintedMetric], seen: PrintedMetric) -> CheckResult:
    half_digit = ROUNDING * 10.0**-seen.digits
    for scale, unit, digits in ((1.0, "", seen.digits), (100.0, "%", seen.digits + 2)):
        agrees = any(abs(seen.printed - scale * share) <= half_digit for share in seen.right)
        if agrees or digits < FEWEST_DIGITS:
            continue
        for slip, value in seen.slips.items():
            told_apart = abs(value - seen.right[0]) * scale > 2 * half_digit
            if told_apart and abs(seen.printed - scale * value) <= half_digit:
                return rule.fails(
                    f"the printed accuracy is {slip}", measured=seen.printed,
                    expected=scale * seen.right[0], unit=unit,
                    advice="Add up hits and samples; divide once, at the end.")
    return rule.passes("the printed number agrees with a recount, or is another one")
