"""The optimiser holds every parameter that learns, and no other.

What it finds
    Parameters that get a gradient and are in no optimiser, layers kept in a plain Python list, an
    optimiser of another model or of layers that were replaced since, an optimiser of which no
    parameter ever gets a gradient, and parameters held twice.
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
from typing import Any

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
        newer: how many of the missing ones became parts of the model after the optimiser was made.
    """

    held: int
    missing: Sequence[str] = ()
    stale: int = 0
    unregistered: Sequence[str] = ()
    twice: int = 0
    whole_branches: bool = False
    newer: int = 0


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
    if seen.newer:
        said.append(f"it was made before {seen.newer} of them became parts of the model")
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


FEWEST_STEPS = 5
_WHY = {
    "copy": "the loss reaches another copy of them, which no optimiser holds (a model copied or "
            "made again after the optimiser?)",
    "cut": "the loss reaches no parameter at all: its graph is cut (.detach(), .item(), .data, "
           "no_grad, torch.tensor)",
    "unreached": "the outputs of their model are cut off before the loss (.detach(), .item(), .data, "
                 "no_grad, numpy)",
    "frozen": "all of them have requires_grad=False",
    "": "the loss is made of others",
}


@dataclass(frozen=True)
class ParametersWithoutGradient:
    """Parameters of an optimiser that never had a gradient at any of its steps.

    Attributes:
        optimizer: name of its class. steps: it took. count: of them. held: by the optimiser.
        moved: did they change all the same?
        why: "copy" (the loss reaches as many of the same shapes that no optimiser holds and that
            stay as they are), "cut" (it reaches no parameter), "unreached" (their model is called
            in training all the time, and no backward pass comes back to it), "frozen" or ""
            (unknown).
        others: do other optimisers of the script train, so that this one may wait for its turn?
    """

    optimizer: str
    steps: int
    count: int
    held: int
    why: str = ""
    moved: bool = False
    others: bool = False


@optimizer_covers_model.register
def idle_parameters(rule: Rule[Any], seen: ParametersWithoutGradient) -> CheckResult:
    known = seen.count == seen.held or seen.why in ("copy", "unreached")
    if seen.steps < FEWEST_STEPS or seen.moved or not seen.count or not known:
        return rule.passes(f"{seen.held - seen.count} of {seen.held} parameters get gradients")
    rule = rule.about(
        measured=seen.count, expected=0, unit="parameters",
        advice="Make the optimiser of the parameters of the very model that the loss comes from, "
        "after its last change.")
    which = "none of its" if seen.count == seen.held else f"{seen.count} of its"
    never = "ever has" if seen.count == seen.held else "never have"
    # that a model of the same shapes is a copy is likely, and no more
    certain = seen.why == "cut" or (not seen.others and seen.why not in ("frozen", "copy"))
    say = rule.fails if certain else rule.warns
    return say(f"{seen.optimizer} takes {seen.steps} steps, and {which} {seen.held} parameters "
               f"{never} a gradient: {_WHY[seen.why]}")
