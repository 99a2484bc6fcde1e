"""Dropout drops a minority of the units.

What it finds
    A dropout rate of 0.8 or more in training.
Why it hurts
    It is as a rule the share that was meant to be kept (as in the first papers and in TensorFlow 1)
    handed to PyTorch, which takes the share that is dropped.
How to mend
    p is the share that is dropped: nn.Dropout(1 - keep).
When it stays silent
    Below 0.8, which no paper recommends, but some use on large inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

STRONG = 0.8  # Srivastava et al. 2014 use 0.5 and 0.2; beyond 0.8 little of a layer is left


@dataclass(frozen=True)
class DropoutRate:
    """name: of the layers, or the lines of the calls."""

    name: str
    rate: float


@rule(worst="warning", source="N. Srivastava et al., Dropout, 2014")
def dropout_rate(rule: Rule[DropoutRate], layer: DropoutRate) -> CheckResult:
    if layer.rate < STRONG:
        return rule.passes(f"{layer.name} drops {layer.rate:.0%}", measured=layer.rate)
    return rule.warns(
        f"dropout silences {layer.rate:.0%} of the units ({layer.name})", measured=layer.rate,
        expected=f"below {STRONG:g}",
        advice="p is the share that is dropped, not the share that is kept.")
