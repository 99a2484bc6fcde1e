"""Attention weights sum to one over what they add up.

What it finds
    A soft-max of scores, which are products of queries and keys, over another axis than the one
    that is summed when the weights meet the values.
Why it hurts
    The weights of one query no longer sum to one: it is not a mean of values, and positions or
    samples compete that have nothing to do with one another.
How to mend
    softmax(dim=-1) where scores are (..., queries, keys).
When it stays silent
    Weights that are divided by their sum afterwards, and assignments that come from a layer
    instead of a product, such as soft clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule


@dataclass(frozen=True)
class AttentionWeights:
    """Weights and their use. softmax: axis that they sum to one over. summed: axes that the product
    with the values adds up. shape: of the weights there.
    """

    softmax: int
    summed: tuple[int, ...]
    shape: tuple[int, ...]


@rule(worst="warning", source="Vaswani et al., Attention Is All You Need, 2017, equation 1")
def attention_axis(rule: Rule[AttentionWeights], seen: AttentionWeights) -> CheckResult:
    if seen.softmax in seen.summed:
        return rule.passes("attention weights sum to one over what is added up")
    summed = " and ".join(map(str, seen.summed))
    return rule.warns(
        f"the soft-max of attention scores is over axis {seen.softmax} of {seen.shape}, and the "
        f"values are added up over axis {summed}", measured=seen.softmax, expected=seen.summed[0],
        unit="axis", advice="Take the soft-max over the axis of the keys, softmax(dim=-1) for "
        "scores (..., queries, keys).")
