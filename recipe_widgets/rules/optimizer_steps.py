"""An optimiser whose parameters get gradients takes steps.

What it finds
    An optimiser that was made, whose parameters got gradients in many backward passes, and that
    never took a step: its parameters still have their first values. Updates by hand that are
    computed from weights and gradients, and that nobody keeps (p = p - lr * p.grad in a loop).
Why it hurts
    The loss is printed, looks like a loss, and stays where it started.
How to mend
    Call optimizer.step() after backward, on this optimiser and not on another one. By hand, write
    into the parameter: p.sub_(lr * p.grad) under torch.no_grad().
When it stays silent
    When the parameters moved all the same (another optimiser holds them, too, or the script moves
    them by hand), and in a script that was stopped after a few passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class LostUpdates:
    """Updates that are computed by hand, and lost.

    Attributes:
        times: for each weight. weights: for so many. unchanged: of these, that never moved.
    """

    times: int
    weights: int
    unchanged: int


@optimizer_steps.register
def lost_updates(rule: Rule[Any], seen: LostUpdates) -> CheckResult:
    if seen.times < FEWEST_PASSES or seen.unchanged < seen.weights:
        return rule.passes("updates by hand reach the weights")
    return rule.fails(
        f"an update of the weights is computed by hand {seen.times} times and is lost: the weights stay "
        "as they are", measured=0, expected=seen.times, unit="steps",
        advice="p = p - lr * p.grad gives the name to another tensor; p.sub_(lr * p.grad) under "
        "torch.no_grad() changes the weight.")
