"""Gradients are clipped between backward and step, without the factor of a GradScaler.

What it finds
    Clipping before backward, when there are no gradients yet; clipping after the step has used
    them; clipping of gradients that a GradScaler has multiplied by its factor.
Why it hurts
    The first two have no effect at all. The third clips every step, since scaled gradients are
    thousands of times larger than the limit, so that they shrink to almost nothing.
How to mend
    backward, scaler.unscale_(optimizer) where there is one, clip_grad_norm_, step.
When it stays silent
    When some clippings come at the right place, and below three calls.
"""

from __future__ import annotations

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.training_evidence import GradientHistory

FEWEST_CALLS, FEWEST_STEPS = 3, 3
FEWEST_SCALED, SCALED_SHARE = 2, 0.5


@rule(worst="error", source="PyTorch, AMP examples")
def clipping(rule: Rule[GradientHistory], history: GradientHistory) -> CheckResult:
    clips, calls = history.clips, sum(history.clips.values())
    rule = rule.about(where=history.clip_line)
    if history.clipped_scaled >= max(FEWEST_SCALED, SCALED_SHARE * calls):
        return rule.fails(
            "scaled gradients are clipped: the GradScaler's factor is still in them, so that they "
            "shrink to almost nothing", measured=history.clipped_scaled, expected=0,
            unit="clippings", advice="Call scaler.unscale_(optimizer) before clipping.")
    if calls < FEWEST_CALLS or history.steps < FEWEST_STEPS or clips["fresh"] + clips["mixed"]:
        return rule.passes(f"{calls} clippings")
    early = clips["clean"] > clips["used"]
    return rule.fails(
        "gradients are clipped before backward, when there are none"
        if early else "gradients are clipped after the step has used them", measured=calls,
        expected=0, unit="clippings without effect", advice="Clip between backward and step.")
