"""Gradients are cleared once per step, before backward.

What it finds
    Backward passes that add to gradients which a step has used already, evaluations that leave
    gradients which enter the next step, and zero_grad between backward and step.
Why it hurts
    Each step goes along the sum of all gradients so far: a momentum of 1 that nobody chose. It
    trains for a while, at a rate that grows with time, and then explodes.
How to mend
    optimizer.zero_grad() once per step, before backward. Evaluate under torch.no_grad().
When it stays silent
    Several backward passes before one step are accumulation, and are not accused; nor is one more
    pass of another line now and then (a penalty that is taken in every tenth step).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import TRAINCHECK
from recipe_widgets.rules.training_evidence import GradientHistory


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


# In a script that is watched

# Of the steps; now and then an older gradient may be added on purpose.
FEWEST_STALE, STALE_SHARE = 2, 0.3
FEWEST_EARLY, EARLY_SHARE = 3, 0.5
FEWEST_STEPS = 10  # before a pass of another line is called foreign
FOREIGN_SHARE = 0.3  # of the steps; more often, it is a second loss on purpose


@grads_are_cleared.register
def history_of_gradients(rule: Rule[Any], history: GradientHistory) -> CheckResult:
    """The gradients of one optimiser in a script that was watched."""
    rule = rule.about(source=TRAINCHECK)
    if history.stale >= max(FEWEST_STALE, STALE_SHARE * history.looked):
        return rule.fails(
            f"gradients are not cleared: {history.stale} {history.of_steps} used gradients "
            "that an earlier step had used already", measured=history.stale, expected=0,
            unit="steps", advice="Call optimizer.zero_grad() once per step, before backward.",
            where=history.backward_line)
    if history.cleared_early >= max(FEWEST_EARLY, EARLY_SHARE * history.looked):
        return rule.fails(
            f"zero_grad lies between backward and step: {history.cleared_early} "
            f"{history.of_steps} found no gradient",
            measured=history.cleared_early, expected=0, unit="steps",
            advice="Clear before backward or after the step.", where=history.clear_line)
    if history.leftovers >= max(FEWEST_EARLY, EARLY_SHARE * history.looked):
        return rule.fails(
            f"{history.leftovers} {history.of_steps} of one network also use the gradients that "
            "the pass of the network before it left there, whose optimiser had stepped on it",
            measured=history.leftovers, expected=0, unit="steps",
            advice="Clear the gradients of both networks before each backward pass.",
            where=history.backward_line)
    line, passes, steps = _foreign_passes(history)
    if passes and 1 <= steps <= FOREIGN_SHARE * history.looked:
        return rule.fails(
            f"up to {passes} backward passes at {line}, which no step follows there, leave "
            f"gradients that enter {steps} later steps", measured=steps, expected=0, unit="steps",
            advice="Evaluate under torch.no_grad(), or clear the gradients afterwards.",
            details={"line": line}, where=line)
    return rule.passes(f"cleared before each of {history.steps} steps")


def _foreign_passes(history: GradientHistory) -> tuple[str, int, int]:
    """Passes of another line, a validation as a rule, that now and then add to the gradients of a
    step: (line, most of them before one step, steps).
    """
    usual = history.groups.most_common(1)
    if not usual or history.steps < FEWEST_STEPS:
        return "", 0, 0
    own = {line for line, _ in usual[0][0]}
    where, most, steps = "", 0, 0
    for group, times in history.groups.items():
        foreign = [(line, count) for line, count in group if line not in own]
        mixed = own & {line for line, _ in group}
        # one more pass now and then may be a lazy penalty; several, or one in eval mode, are none
        if mixed and any(count >= 2 or line in history.eval_lines for line, count in foreign):
            steps, where = steps + times, foreign[0][0]
            most = max(most, max(count for _, count in foreign))
    return where, most, steps
