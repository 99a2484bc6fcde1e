"""Weights that are all zero have a gradient.

What it finds
    Matrices of an optimiser that are all zero, whose gradient is exactly zero at every step: the
    other factor of their product is zero, too, such as both halves of a low-rank adapter.
Why it hurts
    They never move. The layer is there, is counted, and does nothing.
How to mend
    Let one factor alone begin at zero, and the other one at random. Look for an initialisation that
    runs after the layers were added.
When it stays silent
    Zero weights whose gradient is not zero, as they have in a last layer or a residual branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import few

FEWEST_LOOKS = 4


@dataclass(frozen=True)
class ZeroWeights:
    """names: of matrices that were zero, with a gradient of zero, at each of so many looks."""

    names: Sequence[str]
    looks: int


@rule(worst="error", source="E. Hu et al., LoRA, 2022, section 4.1: A random, B zero")
def zero_weights(rule: Rule[ZeroWeights], seen: ZeroWeights) -> CheckResult:
    if seen.names and seen.looks >= FEWEST_LOOKS:
        return rule.fails(
            f"{few(seen.names)} is zero and its gradient is exactly zero: the other factor of its product is "
            "zero, too, so neither ever moves",
            measured=len(seen.names),
            expected=0,
            unit="matrices",
            advice="Only one of two factors may begin at zero; look for an initialisation that came "
            "after the layers were added.",
        )
    return rule.passes("no weights are stuck at zero")
