"""Similarities are divided by a temperature below one.

What it finds
    Cosine similarities that are multiplied by a small number before a cross-entropy, so that all
    logits are nearly equal and the loss cannot fall far below that of a uniform guess; and a soft-max
    over similarities of which only a part is divided by the temperature.
Why it hurts
    Logits within ±0.07 give every candidate nearly the same probability: the gradients hardly tell
    the right pair from the others. Where the negatives alone are divided, the right pair can never
    reach them.
How to mend
    Divide by the temperature: similarity / 0.07, positives and negatives alike.
When it stays silent
    When the factor is above a half (a scale, such as 30 or the inverse of a temperature), for
    logits that are no similarities of unit vectors, and for temperatures that are learnt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

SMALL = 0.5  # factor
FEWEST = 3
UNEVEN = 1.5  # ratio of two factors


@dataclass(frozen=True)
class BoundedLogits:
    """Logits of one call: cosines times `factor`, of `classes` candidates."""

    factor: float
    classes: int

    @property
    def floor(self) -> float:
        """The least loss that such logits can give, in nats."""
        return math.log(1 + (self.classes - 1) * math.exp(-2 * self.factor))


@dataclass(frozen=True)
class UnevenTemperatures:
    """Factors of the cosines in one soft-max, the smallest and the largest. looks: how many."""

    least: float
    largest: float
    looks: int


@rule(worst="warning", source="Chen et al., A Simple Framework for Contrastive Learning, 2020")
def temperature(rule: Rule[tuple[BoundedLogits, ...]], looks: tuple[BoundedLogits, ...]) -> CheckResult:
    last = looks[-1]
    if len(looks) >= FEWEST and all(one.factor < SMALL for one in looks):
        return rule.warns(
            f"cosine similarities are multiplied by {last.factor:g}: the loss cannot fall below "
            f"{last.floor:.3g} nats, a uniform guess among {last.classes} gives "
            f"{math.log(last.classes):.3g}", measured=last.factor, expected="above 1", unit="factor",
            advice="Divide the similarities by the temperature.")
    return rule.passes("the similarities are spread out")


@temperature.register
def uneven_temperatures(rule: Rule[Any], seen: UnevenTemperatures) -> CheckResult:
    if seen.looks < FEWEST or seen.largest < UNEVEN * seen.least:
        return rule.passes("one temperature for all similarities")
    return rule.warns(
        f"a soft-max compares similarities that are multiplied by {seen.least:.3g} with others that are "
        f"multiplied by {seen.largest:.3g}: the temperature divides a part of them only",
        measured=seen.largest / seen.least, expected=1.0, unit="ratio of the factors",
        advice="Divide the similarities of positives and negatives by the same temperature.")
