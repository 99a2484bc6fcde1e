"""What is put into a module is what its forward reads.

What it finds
    A parameter under a new name beside one of the same shape that the layer uses
    (embedding.weights beside embedding.weight), a tensor under a misspelt name or as .data of a
    layer, and a new layer under a name that the model's forward does not know.
Why it hurts
    Python makes a new attribute of any name. Pretrained vectors, a new head, weights from a file:
    they are there, some optimiser may even hold them, and the model goes on with the old ones.
How to mend
    Look at print(model) for the name, and assign that one: embedding.weight, model.fc.
When it stays silent
    About copies of weights as they were, about what gets a gradient, changes the output or is called
    at any time, and about layers that a class makes for itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_STEPS = 5


@dataclass(frozen=True)
class UnusedAttribute:
    """An attribute that was set on a module from outside, and that nothing reads.

    Attributes:
        name, beside: of it and of the one in use that is like it, as in the model.
        kind: parameter, tensor or layer. steps: of the training without any use of it.
    """

    name: str
    beside: str
    kind: str
    steps: int


@rule(worst="error", source="PyTorch, torch.nn.Module: assigning parameters and modules")
def unused_attributes(rule: Rule[UnusedAttribute], seen: UnusedAttribute) -> CheckResult:
    if seen.steps < FEWEST_STEPS:
        return rule.passes("too few steps to say that it is not used")
    rule = rule.about(measured=0, expected="1 or more", unit="uses",
                      advice=f"Set {seen.beside}, if that is what was meant.")
    if seen.kind == "layer":
        return rule.warns(f"the layer {seen.name} was put into the model and is never called: the model "
                          f"goes on with others, such as {seen.beside}")
    return rule.fails(f"{seen.name} was set, but the layer reads {seen.beside}: what was put there has "
                      "no effect")
