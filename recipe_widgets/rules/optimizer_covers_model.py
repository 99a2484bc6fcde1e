"""The optimiser holds every parameter that learns, and no other.

What it finds
    Parameters that get a gradient and are in no optimiser, layers kept in a plain Python list, an
    optimiser of another model or of layers that were replaced since, and parameters held twice.
Why it hurts
    What the optimiser lacks stays at its random start. The rest of the net works around it, so the
    loss falls, less than it could.
How to mend
    Keep layers in nn.ModuleList; make the optimiser after the model is complete, and once more
    after layers were replaced.
When it stays silent
    Frozen parameters (requires_grad=False) are not missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import TRAINCHECK, few


@dataclass(frozen=True)
class OptimizerContents:
    """What an optimiser holds of a model.

    Attributes:
        held: parameters of the model that it holds.
        missing: trainable parameters with a gradient that it lacks.
        stale: tensors it holds which are not the model's.
        unregistered: parts that get gradients but are no submodules.
        twice: parameters that it holds more than once.
        whole_branches: the missing ones are whole branches under the model, left out on purpose
            perhaps.
    """

    held: int
    missing: Sequence[str] = ()
    stale: int = 0
    unregistered: Sequence[str] = ()
    twice: int = 0
    whole_branches: bool = False


@rule(worst="error", source=TRAINCHECK)
def optimizer_covers_model(rule: Rule[OptimizerContents], seen: OptimizerContents) -> CheckResult:
    said = []
    if seen.unregistered:
        said.append(f"{few(seen.unregistered)} is used but not registered (a plain Python list?): "
                    "it never trains")
    if seen.missing and not seen.held:
        said.append("the optimiser holds no parameter of this model but of another one")
    elif seen.missing:
        said.append(f"the optimiser lacks {few(seen.missing)}")
    if seen.stale and seen.held:
        said.append(f"it holds {seen.stale} tensors which the model does not have (replaced after "
                    "it was made?)")
    if seen.twice:
        said.append(f"{seen.twice} parameters are in it twice")
    lacking = len(seen.missing) + len(seen.unregistered)
    if not said:
        return rule.passes(f"the optimiser holds all {seen.held} parameters that learn",
                           measured=0, expected=0)
    say = rule.fails if lacking and not seen.whole_branches else rule.warns
    return say("; ".join(said), measured=lacking, expected=0, unit="parameters",
               advice="Use nn.ModuleList, and make the optimiser after the model is complete.")
