"""The weight of a log-probability is a number, not a part of the graph.

What it finds
    A log-probability of an action that is multiplied by something which has a gradient itself: an
    advantage whose baseline was not detached.
Why it hurts
    The policy's loss then trains the critic, too: not towards the returns, but to wherever it makes
    that loss small.
How to mend
    advantage = returns - values.detach()
When it stays silent
    Weights that are one number (the temperature of an entropy), densities that are multiplied
    (mixtures), and weights without a gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

LOOKS, SHARE = 2, 0.5


@dataclass(frozen=True)
class WeightedLogProbability:
    """Looks at a loss with log-probabilities. looks: with a product of one; attached: of these,
    those whose weight has parameters behind it.
    """

    looks: int
    attached: int


@rule(
    worst="error",
    source="V. Mnih et al., Asynchronous Methods for Deep Reinforcement Learning, 2016, "
    "section 4: the critic's parameters are another set",
)
def policy_gradient(
    rule: Rule[WeightedLogProbability], seen: WeightedLogProbability
) -> CheckResult:
    if seen.attached >= max(LOOKS, SHARE * seen.looks):
        return rule.warns(
            "the log-probability of an action is multiplied by an advantage that has a gradient: the "
            "policy's loss trains the critic, too",
            measured=seen.attached,
            expected=0,
            unit="looks",
            advice="advantage = returns - values.detach()",
        )
    return rule.passes("weights of log-probabilities are constants")
