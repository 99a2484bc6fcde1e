"""Training on the inputs is better than training on zeros in their place.

What it finds
    A model that ends with the same loss whether it sees its inputs or zeros.
Why it hurts
    It learns the shares of the classes and nothing else; an accuracy above chance hides it.
How to mend
    Look whether the inputs reach the net, with a spread of about one, and whether inputs and labels
    belong together.
When it stays silent
    When the training on zeros does not lower the loss either, and when too few steps fit into the
    time.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE

BETTER = 0.02  # of the loss on zeros: the least that the inputs must bring
LEARNT = 1e-3  # of the first loss: the least that training on zeros must bring


@dataclass(frozen=True)
class RealAndZeroInputs:
    """Loss after some training on the real inputs, on zeros instead of them, and before."""

    real: float
    zero: float
    start: float


@rule(worst="warning", source=KARPATHY_RECIPE)
def input_independent_baseline(rule: Rule[RealAndZeroInputs],
                               seen: RealAndZeroInputs) -> CheckResult:
    rule = rule.about(measured=seen.real, expected=f"below {seen.zero:.4g} (inputs set to zero)")
    learnt = seen.start - seen.zero > LEARNT * abs(seen.start)
    if learnt and seen.real > seen.zero - BETTER * abs(seen.zero):
        return rule.warns("training on the inputs is no better than on zeros",
                          advice="Do the inputs reach the net, with a spread of about one?")
    return rule.passes("the net uses its inputs")
