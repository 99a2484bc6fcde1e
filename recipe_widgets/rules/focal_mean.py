"""A focal factor belongs to each sample.

What it finds
    (1 - exp(-L))^gamma · L where L is the mean cross-entropy of the batch, one number.
Why it hurts
    Focal loss turns down samples that are easy. Of the mean it turns down whole batches: the hard
    samples within them are not favoured, and the steps shrink as the loss falls.
How to mend
    cross_entropy(..., reduction="none"), the factor for each sample, then the mean.
When it stays silent
    For every other function of the loss, such as exp(L) that is printed as a perplexity.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_PASSES = 2  # one may be a trial


@dataclass(frozen=True)
class FocalOfMean:
    """times: backward passes through such a factor."""

    times: int


@rule(worst="warning", source="Lin et al., Focal Loss for Dense Object Detection, 2017")
def focal_mean(rule: Rule[FocalOfMean], seen: FocalOfMean) -> CheckResult:
    if seen.times >= FEWEST_PASSES:
        return rule.warns(
            "the focal factor is computed from the mean loss of the batch, not from each sample's",
            measured=seen.times, expected=0, unit="passes",
            advice="Use reduction=\"none\", multiply each sample's loss by its factor, then take the mean.")
    return rule.passes("no focal factor of a mean")
