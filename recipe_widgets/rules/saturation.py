"""Few tanh and sigmoid units are saturated.

What it finds
    Layers in which more than half of the units lie at the flat ends (|tanh| above 0.97) on most
    samples.
Why it hurts
    The derivative there is below 0.06, so hardly any gradient passes to the layers in front.
How to mend
    Smaller initial weights, or a norm layer in front.
When it stays silent
    Bounded outputs of the network itself are not judged: confident probabilities are the aim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

SATURATED_SHARE = 0.5  # of a layer's units


@dataclass(frozen=True)
class Saturation:
    """shares: tanh or sigmoid -> share of its units that are saturated on most samples."""

    shares: Mapping[str, float]


@rule(worst="warning",
      source="X. Glorot, Y. Bengio, Understanding the difficulty of training deep networks, 2010")
def saturation(rule: Rule[Saturation], seen: Saturation) -> CheckResult:
    if not seen.shares:
        return rule.cannot_tell("no tanh or sigmoid inside the network")
    worst = max(seen.shares, key=lambda name: seen.shares[name])
    rule = rule.about(measured=seen.shares[worst], expected=f"below {SATURATED_SHARE:g}",
                      unit="of the units", details={"saturated": dict(seen.shares)})
    if seen.shares[worst] > SATURATED_SHARE:
        return rule.warns(
            f"most units of {worst} are saturated on most samples: no gradient passes",
            advice="Smaller initial weights, or a norm in front.")
    return rule.passes("few units are saturated")
