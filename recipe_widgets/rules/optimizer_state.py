"""An optimiser lives through the training, and uses each gradient once.

What it finds
    An optimiser that is made anew for each epoch, so that momentum and the averages of Adam begin
    at nothing each time; two steps on the same gradients (scaler.step(optimizer), and
    optimizer.step() after it).
Why it hurts
    Adam's first steps after each start have the full learning rate in every weight, whatever the
    gradient: the loss jumps at the beginning of each epoch. A second step on the same gradient
    is a learning rate of twice the size.
How to mend
    Make the optimiser once, before the loop; to change the rate, a scheduler or
    optimizer.param_groups. One step for each backward pass.
When it stays silent
    For optimisers without state (SGD without momentum), when weights or a state are loaded in
    between (federated learning), when each has data of its own (tasks that follow one another) or
    other parameters (layers that are thawed), and below three of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_MADE, FEWEST_STEPS = 3, 5
REPEATED_SHARE = 0.4  # of the steps


@dataclass(frozen=True)
class OptimizerLife:
    """Optimisers made at one line for the same weights, one after another.

    Attributes:
        kind: name of its class. made: how many took turns on the same data. steps: of all of them.
        repeated: steps on gradients that the same optimiser had used before, of all of them.
    """

    kind: str
    made: int = 1
    steps: int = 0
    repeated: int = 0


@rule(worst="error", source="D. Kingma, J. Ba, Adam, 2015")
def optimizer_state(rule: Rule[OptimizerLife], life: OptimizerLife) -> CheckResult:
    if life.repeated >= max(FEWEST_STEPS, REPEATED_SHARE * life.steps):
        return rule.fails(
            f"{life.repeated} of {life.steps} steps of {life.kind} use gradients that the step "
            "before has used already", measured=life.repeated, expected=0, unit="steps",
            advice="One step for each backward pass: not optimizer.step() beside scaler.step.")
    if life.made >= FEWEST_MADE:
        return rule.warns(
            f"{life.kind} is made anew {life.made} times for the same weights, after "
            f"{life.steps / life.made:.0f} steps each: its momentum and averages begin at nothing "
            "each time", measured=life.made, expected=1, unit="optimisers",
            advice="Make the optimiser once, before the loop.")
    return rule.passes("the optimiser lives through the training")
