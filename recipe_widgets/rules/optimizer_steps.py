"""An optimiser whose parameters get gradients takes steps.

What it finds
    An optimiser that was made, whose parameters got gradients in many backward passes, and that
    never took a step: its parameters still have their first values.
Why it hurts
    The loss is printed, looks like a loss, and stays where it started.
How to mend
    Call optimizer.step() after backward, on this optimiser and not on another one.
When it stays silent
    When the parameters moved all the same (another optimiser holds them, too, or the script moves
    them by hand), and in a script that was stopped after a few passes.
"""

from __future__ import annotations

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import TRAINCHECK
from recipe_widgets.rules.training_evidence import GradientHistory

FEWEST_PASSES = 5  # an accumulation over fewer passes would have stepped by now
FEWEST_UNFINISHED = 20  # of a script that was stopped: a long accumulation may be under way


@rule(worst="error", source=TRAINCHECK)
def optimizer_steps(rule: Rule[GradientHistory], history: GradientHistory) -> CheckResult:
    fewest = FEWEST_PASSES if history.finished else FEWEST_UNFINISHED
    if history.steps or history.changed or history.by_hand or history.backwards < fewest:
        return rule.passes(f"{history.steps} steps for {history.backwards} backward passes")
    return rule.fails(
        f"{history.optimizer} never takes a step: {history.backwards} backward passes, and its "
        "parameters stay as they are", measured=0, expected=history.backwards, unit="steps",
        advice="Call optimizer.step() after backward.")
