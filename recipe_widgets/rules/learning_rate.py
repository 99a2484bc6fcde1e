"""Steps are about a thousandth of the weights, and the loss comes down.

What it finds
    Steps that are very large while the loss jumps up or does not come down; steps that are tiny in
    every layer while it does not move; an Adam eps so large that it swallows the gradients.
Why it hurts
    Too large: each step undoes the last. Too small: the run ends before it has begun.
How to mend
    A learning rate at which ‖change‖ / ‖weights‖ of a step is about 1e-3; eps 1e-8.
When it stays silent
    When the loss falls, when several optimisers train against one another, and in runs of fewer
    than twenty steps.
"""

from __future__ import annotations

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.training_evidence import StepSizes

EPS_SHARE, EPS_STEPS = 10.0, 1e-3  # eps / size of gradients; largest step that is called small then
LARGE, SMALL = 0.1, 1e-4  # ‖change‖ / ‖weights‖ of a step; 1e-3 is healthy
EARLY_LOOKS = 6
JUMP = 3.0  # times the first loss
STILL_HIGH, NOT_DOWN = 0.8, 0.6  # of the first loss
TINY_LOSS = 1e-3  # below it the loss has come down, whatever it was at first


@rule(worst="warning", source="CS231n, Ratio of weights to updates")
def learning_rate(rule: Rule[StepSizes], steps: StepSizes) -> CheckResult:
    if not steps.can_tell or steps.several:
        return rule.cannot_tell("too few steps, or several optimisers")
    rule = rule.about(expected="about 1e-3", unit="of the weights per step")
    first, last, losses = steps.first_loss, steps.last_loss, steps.finite
    middle, most = float(np.median(steps.typical_ratios)), max(steps.typical_ratios)
    eps = [one.eps_share for one in steps.measurements if one.eps_share]
    if eps and min(eps) > EPS_SHARE and most < EPS_STEPS and last > STILL_HIGH * first:
        return rule.warns(
            f"eps of {steps.optimizer} is {min(eps):.0f} times the gradients' size: the steps "
            "shrink to nothing", measured=most, advice="1e-8 is usual.", source="")
    early = float(np.median([np.median(v[:EARLY_LOOKS]) for v in steps.ratios.values()]))
    highest = max(losses[:50])
    if early > LARGE and highest > JUMP * abs(losses[0]) and last > STILL_HIGH * losses[0]:
        return rule.warns(
            f"the first steps are very large: the loss jumps from {losses[0]:.3g} to "
            f"{highest:.3g} and does not recover", measured=early,
            advice="A smaller learning rate.")
    not_down = last > NOT_DOWN * first or len(losses) < len(steps.losses)
    if middle > LARGE and not_down and last > TINY_LOSS:
        return rule.warns("steps are very large, and the loss does not come down", measured=middle,
                          advice="A smaller learning rate.")
    if most < SMALL and steps.flat and steps.measurements[-1].lr > 0:
        return rule.warns("steps are very small in every layer, and the loss does not move",
                          measured=most, advice="A larger learning rate.")
    return rule.passes("steps are of a healthy size", measured=middle)
