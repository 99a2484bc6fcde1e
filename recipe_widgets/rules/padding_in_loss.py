"""Padding does not count in the loss.

What it finds
    Targets whose rows are filled up to a common length with one value that occurs nowhere else, and
    whose filled positions get a gradient: ignore_index is not passed, or no mask is applied.
Why it hurts
    Much of the loss is about predicting the filler, which is easy: the number looks good, the
    gradient of the real positions shrinks with the share of padding, and decoders learn to stop.
How to mend
    cross_entropy(..., ignore_index=PAD), labels of -100 there, or a mask: the sum over real
    positions divided by their number.
When it stays silent
    Where the filled positions get no gradient, where the value also occurs within the rows (then it
    is no filler), and about the first position of each run, which may be an end-of-sequence token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.evidence import AGREEMENT
from recipe_widgets.rules.rulebook import Rule, rule

LEAST_SHARE = 0.05  # of the positions that count
FEWEST_LOOKS = 3


@dataclass(frozen=True)
class PaddedTargets:
    """Attributes:
        values: what the ends of the rows are filled with, of each look that found such ends.
        shares: part that filled positions have among those with a gradient. looks: all looks.
    """

    values: Sequence[float]
    shares: Sequence[float]
    looks: int


@rule(worst="warning", source="PyTorch, CrossEntropyLoss: ignore_index")
def padding_in_loss(rule: Rule[PaddedTargets], seen: PaddedTargets) -> CheckResult:
    value, times = Counter(seen.values).most_common(1)[0]
    share = float(np.median(seen.shares))
    if times >= max(FEWEST_LOOKS, AGREEMENT * seen.looks) and share >= LEAST_SHARE:
        return rule.warns(
            f"padding counts in the loss: {share:.0%} of the targets with a gradient are the filler "
            f"{value:g} at the ends of the sequences", measured=share, expected=0.0,
            unit="of the targets", advice="Pass ignore_index, or mask these positions.")
    return rule.passes("padding does not count")
