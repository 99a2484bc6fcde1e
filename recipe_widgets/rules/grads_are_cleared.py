"""Gradients are cleared once per step, before backward.

What it finds
    Backward passes that add to gradients which a step has used already, and evaluations that leave
    gradients which enter the next step.
Why it hurts
    Each step goes along the sum of all gradients so far: a momentum of 1 that nobody chose. It
    trains for a while, at a rate that grows with time, and then explodes.
How to mend
    optimizer.zero_grad() once per step, before backward. Evaluate under torch.no_grad().
When it stays silent
    Several backward passes before one step are accumulation, and are not accused.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import TRAINCHECK


@dataclass(frozen=True)
class ClearedGradients:
    """Backward passes and steps of a training.

    Attributes:
        stale: backward passes that added to gradients which a step had used already.
        backwards, steps: how many there were.
        left_by_evaluation: the evaluation leaves gradients which the next step uses.
    """

    stale: int
    backwards: int
    steps: int
    left_by_evaluation: bool = False


@rule(worst="error", source=TRAINCHECK)
def grads_are_cleared(rule: Rule[ClearedGradients], seen: ClearedGradients) -> CheckResult:
    if seen.left_by_evaluation:
        return rule.fails("the evaluation leaves gradients that enter the next step",
                          advice="Evaluate under torch.no_grad(), without backward.")
    rule = rule.about(measured=seen.stale, expected=0, unit="passes")
    if seen.stale:
        return rule.fails(
            f"gradients are not cleared: {seen.stale} of {seen.backwards} backward passes add to "
            "gradients that a step has already used",
            advice="Call optimizer.zero_grad() once per step, before backward.")
    if not seen.steps:
        return rule.cannot_tell("no optimiser step was seen")
    return rule.passes(f"cleared before each of {seen.steps} steps")
