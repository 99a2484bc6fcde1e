"""A layer into which an adapter was merged computes what both together computed before.

What it finds
    A linear layer that takes the place of one with an adapter (LoRA and the like), on the same base
    weights, whose change is that of the adapter times another factor: the scale alpha / rank was left
    out of the merge, or put in twice.
Why it hurts
    What is exported is another network than the one that was trained and evaluated.
How to mend
    weight += (alpha / rank) * (B @ A), with the factor of the forward pass; compare the outputs of both
    on one batch.
When it stays silent
    Where the new layer is the base layer itself (the adapter is taken out), or has weights of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

SAME, ALONG = 0.02, 0.05  # relative: one factor; what does not lie along the adapter's change


@dataclass(frozen=True)
class MergedLayer:
    """A layer in the place of another one, on inputs drawn at random.

    Attributes:
        name: of both. factor: change of the new layer over the base layer, as a multiple of the
            adapter's. rest: share of that change which is no multiple of it.
    """

    name: str
    factor: float
    rest: float


@rule(worst="error", source="E. Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2022")
def merged_adapter(rule: Rule[MergedLayer], seen: MergedLayer) -> CheckResult:
    if seen.rest > ALONG or abs(seen.factor - 1) <= SAME:
        return rule.passes("the merged layer computes what both computed, or has weights of its own")
    return rule.fails(
        f"the layer that takes the place of {seen.name} and its adapter adds {seen.factor:.3g} times what "
        "the adapter added", measured=seen.factor, expected=1.0, unit="of the adapter's change",
        advice="Merge with the factor of the forward pass, alpha / rank as a rule.")
