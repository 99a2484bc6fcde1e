"""A residual connection adds the input of a branch to its output.

What it finds
    A tensor of a network that is added to itself: x = branch(x); x = x + x.
Why it hurts
    The input was overwritten before it was added, so there is no way around the branch. Deep
    networks then train as badly as without residual connections.
How to mend
    x = x + branch(x), or a name of its own for what the branch returns.
When it stays silent
    Outside of a network's forward, and for tensors without a gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST = 2


@dataclass(frozen=True)
class AddedToItself:
    """times: a line added a tensor to itself, within a network's forward."""

    times: int


@rule(worst="warning", source="K. He et al., Deep Residual Learning, 2016, equation 1")
def residual(rule: Rule[AddedToItself], seen: AddedToItself) -> CheckResult:
    if seen.times >= FEWEST:
        return rule.warns(
            "a tensor is added to itself: the input of the branch was overwritten, so nothing goes "
            "around it",
            measured=seen.times,
            expected=0,
            unit="times",
            advice="x = x + branch(x)",
        )
    return rule.passes("sums have two different parts")
