"""A model that encodes positions knows the order of its input.

What it finds
    A model with a positional encoding whose output stays the same when the positions of its input
    change places.
Why it hurts
    Without an order a sentence is a bag of words. As a rule the encoding is added to the wrong axis,
    as one row for all positions, or not at all.
How to mend
    x + pe[:, :x.shape[1]] for x of (batch, length, dim).
When it stays silent
    Models without anything that is called a position, and those whose output tells the order.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

SAME = 1e-4  # of the outputs' standard deviation: sums in another order


@dataclass(frozen=True)
class OrderEffect:
    """encoding: name of what encodes the positions. change: of the output, once positions have
    changed places (and the output's positions with them), in its standard deviations.
    """

    encoding: str
    change: float


@rule(worst="warning", source="A. Vaswani et al., Attention Is All You Need, 2017, section 3.5")
def token_order(rule: Rule[OrderEffect], seen: OrderEffect) -> CheckResult:
    if seen.change <= SAME:
        return rule.warns(
            f"the order of the input makes no difference, though the model has {seen.encoding}: "
            "every position gets the same encoding, or none",
            measured=seen.change,
            expected=0.1,
            unit="standard deviations",
            advice="Look at which axis the encoding is added to: x + pe[:, :x.shape[1]].",
        )
    return rule.passes("the order of the input counts")
