"""The model is large enough to learn random labels.

What it finds
    A model that cannot learn a few samples with random labels by heart, by Adam without dropout.
Why it hurts
    A net that cannot memorise lacks capacity: more training will not help it.
How to mend
    More units or layers; a missing non-linearity; less regularisation.
When it stays silent
    When fewer than 100 steps fit into the time.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

ALLOWED = 0.3  # share of the loss that may be left: most labels are right by then


@dataclass(frozen=True)
class RandomLabels:
    """left: share of the loss above its floor after training on `samples` random labels."""

    left: float
    samples: int


@rule(worst="warning",
      source="C. Zhang et al., Understanding deep learning requires rethinking generalization, 2017")
def memorises_random_labels(rule: Rule[RandomLabels], seen: RandomLabels) -> CheckResult:
    rule = rule.about(measured=max(0.0, seen.left), expected=f"below {ALLOWED:g}",
                      unit="of the loss left")
    if seen.left > ALLOWED:
        return rule.warns(
            f"the model cannot learn {seen.samples} random labels: too small, linear, or "
            "regularised", advice="More units, less regularisation.")
    return rule.passes(
        f"it can learn {seen.samples} random labels: capacity is no limit here")
