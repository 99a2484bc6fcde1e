"""A printed accuracy is hits over samples, and a printed loss a mean over samples.

What it finds
    A printed accuracy that differs from a recount of the evaluation, and equals what one of two
    slips would give: the mean of the batches' accuracies although the last batch is smaller, or the
    hits over batches times batch size. A printed loss of an evaluation that is the batches' mean
    losses, added up and divided by the number of samples.
Why it hurts
    The number depends on the batch size, and two papers' numbers cannot be compared.
How to mend
    Add up hits and samples over all batches; divide once, at the end.
When it stays silent
    When the printed number agrees with a recount of any part of the evaluation, when it is none of
    the two slips, when it has too few digits to tell them apart, and when so many numbers are printed
    that one of them may be equal to a slip's by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

ROUNDING = 0.51  # of the last printed digit
FEWEST_DIGITS = 2  # behind the point, or none of a percentage
MOST_CHANCE = 0.05  # that one of the numbers printed is a slip's by chance
FEWEST_UNITS = 200  # half digits in a loss, before two that agree are no chance


@dataclass(frozen=True)
class PrintedMetric:
    """A number that was printed after an evaluation.

    Attributes:
        right: shares of hits of all rounds of the evaluation; the first is the round in question.
        slips: in words -> what it would give. digits: printed behind the point.
        numbers: how many were printed after the evaluation.
    """

    printed: float
    digits: int
    right: tuple[float, ...]
    slips: Mapping[str, float]
    numbers: int = 1


@dataclass(frozen=True)
class PrintedLoss:
    """A number that was printed after an evaluation in several batches.

    Attributes:
        right: what a mean, or a sum, of its losses may be. slip: the batches' means over the number
            of samples. digits: printed behind the point.
    """

    printed: float
    digits: int
    right: tuple[float, ...]
    slip: float


@rule(worst="error", source="A. Ng, Machine Learning Yearning")
def metric_recount(rule: Rule[PrintedMetric], seen: PrintedMetric) -> CheckResult:
    half_digit = ROUNDING * 10.0**-seen.digits
    for scale, unit, digits in ((1.0, "", seen.digits), (100.0, "%", seen.digits + 2)):
        agrees = any(abs(seen.printed - scale * share) <= half_digit for share in seen.right)
        # each number hits each slip with this chance, were it any share at all
        chance = seen.numbers * len(seen.slips) * 2 * half_digit / scale
        if agrees or digits < FEWEST_DIGITS or chance > MOST_CHANCE:
            continue
        for slip, value in seen.slips.items():
            told_apart = abs(value - seen.right[0]) * scale > 2 * half_digit
            if told_apart and abs(seen.printed - scale * value) <= half_digit:
                return rule.fails(
                    f"the printed accuracy is {slip}", measured=seen.printed,
                    expected=scale * seen.right[0], unit=unit,
                    advice="Add up hits and samples; divide once, at the end.")
    return rule.passes("the printed number agrees with a recount, or is another one")


@metric_recount.register
def loss_recount(rule: Rule[PrintedMetric], seen: PrintedLoss) -> CheckResult:
    half_digit = ROUNDING * 10.0**-seen.digits
    agrees = any(abs(seen.printed - right) <= half_digit for right in seen.right)
    if agrees or abs(seen.slip) < FEWEST_UNITS * half_digit \
            or abs(seen.printed - seen.slip) > half_digit:
        return rule.passes("the printed number agrees with a recount, or is another one")
    return rule.warns(
        "the printed loss is the sum of the batches' mean losses over the number of samples: it is "
        "divided by the batch size twice", measured=seen.printed, expected=seen.right[0],
        advice="Divide by the number of batches, or add up loss * batch size.")
