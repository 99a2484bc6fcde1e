"""The first filters of a trained ConvNet are smooth.

What it finds
    First filters whose neighbouring weights are uncorrelated, as random numbers are.
Why it hurts
    Filters that look like noise have learnt nothing about pictures: too short a training, too few
    samples, or scrambled pixels.
How to mend
    Train longer, more data, weight decay; look at one picture right before the model.
When it stays silent
    Before training it only notes, and for filters below 3x3 it cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

NOISE = 0.1  # correlation of neighbours; random filters give 0, trained ones 0.3 and more


@dataclass(frozen=True)
class FirstFilters:
    """correlation: of neighbouring weights, -1 to 1; 0 for noise. filters: (K, C, H, W)."""

    correlation: float
    filters: npt.NDArray[np.float64]
    trained: bool


@rule(worst="warning", source="CS231n, Visualizing what ConvNets learn")
def filters_smooth(rule: Rule[FirstFilters], seen: FirstFilters) -> CheckResult:
    rule = rule.about(measured=seen.correlation, expected="above 0.2 once trained",
                      unit="correlation of neighbours", details={"filters": seen.filters})
    if seen.correlation >= NOISE:
        return rule.passes("the first filters are smooth")
    if not seen.trained:
        return rule.notes("the first filters look like noise, as before training")
    return rule.warns(
        "the first filters still look like noise",
        advice="Train longer, more data, weight decay; or the pixels of the input are scrambled.")
