"""The first outputs are small, and near the mean of the targets of a regression.

What it finds
    First logits with a standard deviation above 3, outputs that are not finite, a last ReLU, and a
    regression whose first outputs lie far from the mean of its targets.
Why it hurts
    Large first logits are confident guesses: the first hundred steps only take them back. A
    regression that starts at 0 with targets around 50 spends its first epoch on the bias.
How to mend
    Scale the last layer's weights down; start its bias at the mean of the targets, or standardise
    the targets; drop a last ReLU.
When it stays silent
    When the first loss says that the model has learnt already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE

LOUDEST = 3.0  # std of the logits: the loss then lies about 3²/2 nats above that of a guess
FAR = 2.0  # standard deviations of the targets, and of the outputs, between the two means
RELU_ZEROS = 0.02  # share of exact zeros that only a ReLU gives


@dataclass(frozen=True)
class FirstOutputs:
    """Outputs before any step, over several initialisations.

    Attributes:
        mean, std: of the outputs. floor: the smallest one. zeros: share that is exactly zero.
        target_mean, target_std: of the targets of a regression, else None.
        classes: K of a classification, else 0.
        knows: the first loss says that the model has learnt already.
    """

    mean: float
    std: float
    target_mean: float | None = None
    target_std: float | None = None
    classes: int = 0
    floor: float = -1.0
    zeros: float = 0.0
    knows: bool = False


@rule(worst="error", source=KARPATHY_RECIPE)
def output_init(rule: Rule[FirstOutputs], first: FirstOutputs) -> CheckResult:
    mean, std = first.mean, first.std
    rule = rule.about(details={"mean": mean, "std": std})
    if not np.isfinite([mean, std]).all():
        return rule.fails("the first outputs are not finite", measured=std)
    if first.classes and first.floor >= 0 and RELU_ZEROS < first.zeros < 1:
        return rule.warns("no logit is negative: a ReLU is the last layer", measured=first.floor,
                          advice="Drop it.")
    size = {"measured": std, "expected": "about 1 or less", "unit": "standard deviation"}
    if first.classes and std > LOUDEST and not first.knows:
        return rule.warns(
            "the first logits are large: the net is sure before it has seen anything", **size,
            advice="Scale the last layer's weights down.")
    if first.target_mean is not None and first.target_std is not None and abs(
            mean - first.target_mean) > FAR * (first.target_std + std):
        return rule.warns(
            "the first outputs are far from the mean of the targets", measured=mean,
            expected=first.target_mean,
            advice="Start the output bias at the mean of the targets, or standardise them.")
    return rule.passes("the first outputs are small", **size)
