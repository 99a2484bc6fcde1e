"""Only weights that know something are frozen.

What it finds
    Weights that do not learn and still have the values that an initialisation drew, in front of
    layers that learn.
Why it hurts
    The layers behind learn from random features. As a rule the pretrained weights were never
    loaded, or the wrong part was frozen.
How to mend
    Load before freezing; freeze pretrained layers only.
When it stays silent
    When the weights learn at another time (a GAN's discriminator), and when nothing behind them
    learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import few


@dataclass(frozen=True)
class FrozenAtRandom:
    """names: of weights that never learn and are at random values."""

    names: Sequence[str]


@rule(worst="warning", source="J. Yosinski et al., How transferable are features, 2014")
def frozen(rule: Rule[FrozenAtRandom], weights: FrozenAtRandom) -> CheckResult:
    if not weights.names:
        return rule.passes("no weights are frozen at random values")
    return rule.warns(
        f"{few(weights.names)} is frozen at its random initial values, below layers that learn",
        measured=len(weights.names), expected=0, unit="tensors",
        advice="Freeze pretrained layers only.")
