"""Mixup mixes two samples as they were.

What it finds
    A batch that is multiplied by lambda in place, and whose partners (a flip or another order of the
    same batch) are taken only afterwards: x.mul_(lam).add_(x.flip(0), alpha=1 - lam).
Why it hurts
    The partner has been multiplied by lambda, too: its weight is lambda * (1 - lambda), the images
    are too dark, and the mixed labels do not fit them.
How to mend
    Take the partners first: other = x.flip(0); x.mul_(lam).add_(other, alpha=1 - lam).
When it stays silent
    Where the partner was taken before, and where the weights do not add up to one.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST = 2


@dataclass(frozen=True)
class ScaledPartners:
    """times: the partners of a mixture had been multiplied by lambda. share: lambda of the last."""

    times: int
    share: float


@rule(worst="error", source="H. Zhang et al., mixup, 2018, equation 1")
def mixed_samples(rule: Rule[ScaledPartners], seen: ScaledPartners) -> CheckResult:
    if seen.times >= FEWEST:
        share = seen.share
        return rule.fails(
            f"the batch is multiplied by lambda = {share:.2f} in place before its partners are taken, so "
            f"they weigh {share * (1 - share):.2f} instead of {1 - share:.2f}",
            measured=share * (1 - share),
            expected=1 - share,
            unit="weight",
            advice="other = x.flip(0) first, then x.mul_(lam).add_(other, alpha=1 - lam)",
        )
    return rule.passes("both samples of a mixture are as they were")
