"""A few samples are learnt by heart with the reader's own settings.

What it finds
    Why few samples are not learnt: too much regularisation or an unsuitable learning rate (Adam
    without dropout and weight decay learns them), a model that is too small (two samples are learnt,
    sixteen are not), or a bug (not even two are).
Why it hurts
    See overfit_one_batch; this rule tells the causes apart.
How to mend
    Begin without regularisation; more units or a missing activation; look at the last layer, the
    loss, and gradients_flow.
When it stays silent
    When fewer than 60 steps fit into the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE


@dataclass(frozen=True)
class FewSamples:
    """What training on a few samples leaves of their loss.

    Attributes:
        own: number of samples -> share of the loss left, with the reader's own settings.
        plain: the same by Adam, without dropout and weight decay; empty where the largest number
            is learnt with the reader's own.
        allowed: share that may be left.
    """

    own: Mapping[int, float]
    plain: Mapping[int, float]
    allowed: float


@rule(worst="warning", source=KARPATHY_RECIPE)
def overfit_few(rule: Rule[FewSamples], seen: FewSamples) -> CheckResult:
    own, plain, allowed = seen.own, seen.plain, seen.allowed
    most = max(own)
    rule = rule.about(
        measured=max(0.0, own[most]), expected=f"below {allowed:g}", unit="of the loss left",
        details={"samples": list(own), "own": list(own.values()), "plain": list(plain.values())})
    if own[most] <= allowed:
        return rule.passes(f"{most} samples are learnt by heart")
    if plain[most] <= allowed:
        return rule.warns(
            f"{most} samples are learnt without dropout and weight decay by Adam, but not with "
            "these settings: regularised too much, or the learning rate does not suit",
            advice="Begin without regularisation.")
    least = min(plain)
    if plain[least] <= allowed:
        return rule.warns(
            f"{least} samples are learnt by heart, {most} are not: the model is too small or lacks "
            "a non-linearity", advice="More units; look for a missing activation.")
    return rule.warns(
        f"not even {least} samples are learnt by heart: a bug, or outputs that cannot reach the "
        "targets", advice="Look at the last layer, the loss, and gradients_flow.")
