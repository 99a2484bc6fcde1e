"""A layer is made once, and not in each forward pass.

What it finds
    Layers whose parameters are new in every step, and in no optimiser.
Why it hurts
    Their weights are other random numbers each time: they never learn, and the rest of the net
    learns to live with noise.
How to mend
    Make layers in __init__ and only use them in forward; where the input's size is not known
    before, nn.LazyLinear.
When it stays silent
    A layer that is made at the first call only, and layers that an optimiser holds (a search over
    models makes new ones, too).
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_STEPS, LEAST_SHARE = 3, 0.8  # of the steps that were looked at


@dataclass(frozen=True)
class RebuiltLayer:
    """Attributes:
        kind: its class. times: looks at which it was new. looks: how many there were.
        in_forward: was it made while a model was being called?
    """

    kind: str
    times: int
    looks: int
    in_forward: bool


@rule(worst="error", source="PyTorch, torch.nn.Module")
def rebuilt_layers(rule: Rule[RebuiltLayer], layer: RebuiltLayer) -> CheckResult:
    if layer.times < max(FEWEST_STEPS, LEAST_SHARE * layer.looks):
        return rule.passes(f"{layer.kind} is made {layer.times} times")
    say = rule.fails if layer.in_forward else rule.warns
    return say(
        f"a {layer.kind} is made anew in each {'forward pass' if layer.in_forward else 'step'}: its "
        "weights are new random numbers every time, and no optimiser holds them",
        measured=layer.times, expected=0, unit="steps",
        advice="Make it once, in __init__, before the optimiser.")
