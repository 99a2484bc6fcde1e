"""Metrics get what they are made for: those that rank get scores, and labels come before predictions.

What it finds
    A metric that ranks samples (ROC, average precision, log-loss) of predictions that were thresholded
    before, from scikit-learn, torchmetrics or written by hand; a metric that treats labels and
    predictions differently (precision, recall, a confusion matrix, R²) with the model's output in
    the place of the labels; outputs of a loss with logits that are thresholded at 0.5 as though they
    were probabilities.
Why it hurts
    Of thresholded labels the area under the curve is that of a single point, the mean of two rates;
    swapped arguments turn precision into recall; a logit of 0.5 is a probability of 0.62.
How to mend
    roc_auc_score(labels, probabilities); metric(labels, predictions); (logits > 0), or
    (logits.sigmoid() > 0.5).
When it stays silent
    Of fewer than twenty samples; where predictions are known to nobody (not the output of the model's
    last evaluation); where the outputs lie between 0 and 1, or the loss wants no logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_SAMPLES, SHARE = 20, 0.9  # in all; of the calls of a line
FEWEST_MOVED = 3  # decisions that the threshold of a probability would take otherwise


@dataclass(frozen=True)
class RankedLabels:
    """Calls of a metric that ranks.

    Attributes:
        name: of the function; "" for one by hand. calls: of one line. thresholded: of these, on two
            values. samples: of those calls.
    """

    name: str
    calls: int
    thresholded: int
    samples: int


@rule(worst="error", source="T. Fawcett, An Introduction to ROC Analysis, 2006")
def metric_inputs(rule: Rule[RankedLabels], seen: RankedLabels) -> CheckResult:
    if seen.samples < FEWEST_SAMPLES or seen.thresholded < SHARE * seen.calls:
        return rule.passes("what is ranked has many values")
    name = seen.name or "a ranking of predictions"
    return rule.fails(
        f"{name} gets labels in the place of scores: predictions that were thresholded before have two "
        "values and no order", measured=2, expected="many", unit="values",
        advice="Give it the probabilities, or logits, and the threshold to nobody.")


@dataclass(frozen=True)
class SwappedArguments:
    """Calls of a metric. swapped: of these, with the model's output as its first argument."""

    name: str
    calls: int
    swapped: int


@metric_inputs.register
def swapped_arguments(rule: Rule[Any], seen: SwappedArguments) -> CheckResult:
    if not seen.swapped or seen.swapped < SHARE * seen.calls:
        return rule.passes("labels come first")
    return rule.fails(
        f"{seen.name} gets the model's predictions in the place of the labels, and the labels in that of "
        "the predictions", measured=seen.swapped, expected=0, unit="calls",
        advice=f"{seen.name}(labels, predictions)")


@dataclass(frozen=True)
class ThresholdedLogits:
    """Outputs of a model that is trained with logits, compared with a threshold.

    Attributes:
        threshold: between 0 and 1. low, high: of the outputs. moved: decisions that the same threshold
            of their probabilities would take otherwise, of `decisions`.
    """

    threshold: float
    low: float
    high: float
    moved: int
    decisions: int


@metric_inputs.register
def thresholded_logits(rule: Rule[Any], seen: ThresholdedLogits) -> CheckResult:
    if (seen.low >= 0 and seen.high <= 1) or seen.moved < FEWEST_MOVED:
        return rule.passes("what is thresholded lies between 0 and 1")
    return rule.fails(
        f"logits from {seen.low:.3g} to {seen.high:.3g} are thresholded at {seen.threshold:g} as though "
        f"they were probabilities: {seen.moved} of {seen.decisions} decisions are others than those of "
        f"a probability of {seen.threshold:g}", measured=seen.moved, expected=0, unit="decisions",
        advice="Take the sigmoid first, or compare logits with 0.")
