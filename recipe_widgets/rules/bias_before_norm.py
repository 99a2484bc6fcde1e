"""No bias stands in front of a norm layer that removes it.

What it finds
    Linear and convolution layers with a bias whose output goes straight into a norm layer that
    subtracts the mean.
Why it hurts
    It does not: the bias is removed again, and costs a little memory.
How to mend
    bias=False.
When it stays silent
    It only notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import few


@dataclass(frozen=True)
class BiasesBeforeNorm:
    """names: of the layers."""

    names: Sequence[str]


@rule(worst="note", source="S. Ioffe, C. Szegedy, Batch Normalization, 2015")
def bias_before_norm(rule: Rule[BiasesBeforeNorm], seen: BiasesBeforeNorm) -> CheckResult:
    rule = rule.about(measured=len(seen.names), expected=0, unit="layers")
    if seen.names:
        return rule.notes(
            f"the bias of {few(seen.names)} is removed again by the norm behind it: harmless",
            advice="bias=False saves a little memory.")
    return rule.passes("no bias in front of a norm that removes it")
