"""Similarities are divided by a temperature below one.

What it finds
    Cosine similarities that are multiplied by a small number before a cross-entropy, so that all
    logits are nearly equal and the loss cannot fall far below that of a uniform guess.
Why it hurts
    Logits within ±0.07 give every candidate nearly the same probability: the gradients hardly tell
    the right pair from the others.
How to mend
    Divide by the temperature: similarity / 0.07.
When it stays silent
    When the factor is above a half (a scale, such as 30 or the inverse of a temperature), and for
    logits that are no similarities of unit vectors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

SMALL = 0.5  # factor
FEWEST = 3


@dataclass(frozen=True)
class BoundedLogits:
    """Logits of one call: cosines times `factor`, of `classes` candidates."""

    factor: float
    classes: int

    @property
    def floor(self) -> float:
        """The least loss that such logits can give, in nats."""
        return math.log(1 + (self.classes - 1) * math.exp(-2 * self.factor))


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
