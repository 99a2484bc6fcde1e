"""An evaluation does not train.

What it finds
    Steps that are taken while the model is in eval mode, in turn with steps in training mode: the
    loop over the validation set calls backward and step, too.
Why it hurts
    The validation set becomes a part of the training set; its score says nothing any more.
How to mend
    No backward and no step in the evaluation; run it under torch.no_grad().
When it stays silent
    When the whole training runs in one mode (see mode_toggles), and below five steps.
"""

from __future__ import annotations

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import TRAINCHECK
from recipe_widgets.rules.training_evidence import TrainingModes

FEWEST_STEPS = 5


@rule(worst="error", source=TRAINCHECK)
def evaluation_trains(rule: Rule[TrainingModes], modes: TrainingModes) -> CheckResult:
    if modes.eval_steps and modes.steps >= FEWEST_STEPS and modes.in_turn:
        return rule.fails(
            f"{modes.eval_steps} of {modes.steps} steps are taken while the model is in eval mode, "
            "in turn with training: the evaluation trains, too", measured=modes.eval_steps,
            expected=0, unit="steps",
            advice="No backward and no step in the evaluation; torch.no_grad().")
    return rule.passes("steps are taken in training only")
