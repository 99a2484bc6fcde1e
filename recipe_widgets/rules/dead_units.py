"""Most units answer to some of the samples.

What it finds
    Layers in which 40 % or more of the units are exactly zero for every sample.
Why it hurts
    A ReLU that is off for all samples gets no gradient and never comes back: the layer is smaller
    than it looks. One step with a large learning rate can do it.
How to mend
    A smaller learning rate, biases that start at zero, inputs of mean zero, or a leaky ReLU.
When it stays silent
    Below 32 samples. In a script that is watched it is only noted while the loss falls all the same
    and a tenth of the units is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

# CS231n: "as much as 40 % of your network can be dead if the learning rate is set too high"
DEAD_SHARE = 0.4
NEARLY_ALL = 0.9  # of the units: so many are a fault even where the rest learns
FEWEST_SAMPLES = 32  # a healthy unit that answers to one sample in five is off for 32 with 0.08 %


@dataclass(frozen=True)
class DeadUnits:
    """shares: activation, in order -> share of its units that are zero for all `samples`.
    learns: the loss falls all the same.
    """

    shares: Mapping[str, float]
    samples: int
    learns: bool = False


@rule(worst="warning", source="CS231n, Neural Networks Part 1")
def dead_units(rule: Rule[DeadUnits], seen: DeadUnits) -> CheckResult:
    if not seen.shares:
        return rule.cannot_tell("no ReLU or tanh was seen")
    worst = max(seen.shares, key=lambda name: seen.shares[name])
    rule = rule.about(measured=seen.shares[worst], expected=f"below {DEAD_SHARE:g}",
                      unit="of the units",
                      details={"dead": dict(seen.shares), "samples": seen.samples})
    if seen.shares[worst] >= DEAD_SHARE and seen.samples >= FEWEST_SAMPLES:
        say = rule.notes if seen.learns and seen.shares[worst] < NEARLY_ALL else rule.warns
        return say(
            f"units of {worst} are zero for all {seen.samples} samples",
            advice="A smaller learning rate, biases of zero, inputs of mean zero, or a leaky ReLU.")
    return rule.passes(f"most units answer to some of {seen.samples} samples")
