"""The outputs have the range that the loss wants.

What it finds
    Probabilities handed to a loss that wants logits (the soft-max or sigmoid is applied twice),
    logits handed to a loss that wants probabilities or their logarithms, a soft-max over another
    axis than the classes, or a reshape behind it that tears them apart, and a ReLU as the last
    layer.
Why it hurts
    Nothing crashes. Soft-max twice keeps the cross-entropy above ln(e + K - 1) - 1 and shrinks its
    gradients; a last ReLU cannot give a negative logit and its gradient is zero wherever it is off.
How to mend
    Hand logits to cross_entropy and binary_cross_entropy_with_logits, log_softmax(dim=1) to
    nll_loss, probabilities to binary_cross_entropy; drop the activation behind the last layer.
When it stays silent
    When all outputs are equal (a head that starts at zero), when the loss is of a kind that it does
    not know, and when less than three quarters of several batches agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.evidence import AGREEMENT, Outputs
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_MISTAKES

SUMS_TO_ONE = 1e-3  # largest gap of a soft-max in float32 from a sum of one
SUMS_TO_OTHER = 1e-2  # beyond this gap a row is no soft-max, whatever its rounding
# Share of exact zeros that only a ReLU gives: a linear layer's outputs are never exactly zero.
RELU_ZEROS = 0.02


@dataclass(frozen=True)
class OutputsAtLoss:
    """The outputs that enter a loss, on one batch or over several.

    Attributes:
        kind: what the loss is: "cross_entropy", "nll", "bce_logits", "bce", "regression" or other.
        classes: K, or 0. below: share of regression targets under zero.
        last_operation: the operation that made the outputs, such as "Relu"; empty where unknown.
    """

    outputs: Outputs
    kind: str
    classes: int = 0
    below: float = 0.0
    last_operation: str = ""


@rule(worst="error", source=KARPATHY_MISTAKES)
def output_scale(rule: Rule[Sequence[OutputsAtLoss]],
                 batches: Sequence[OutputsAtLoss]) -> CheckResult:
    results = [_judge(rule, one) for one in batches]
    bad = [result for result in results if not result.ok]
    if bad and len(bad) >= AGREEMENT * len(results):
        return bad[-1]
    good = [result for result in results if result.ok]
    return good[-1] if good else rule.cannot_tell("no outputs were seen")


def _judge(rule: Rule[Sequence[OutputsAtLoss]], seen: OutputsAtLoss) -> CheckResult:
    z, kind, classes = seen.outputs, seen.kind, seen.classes
    if z.constant:
        return rule.passes("all outputs are equal (a head that starts at zero)")
    relu = seen.last_operation in ("Relu", "LeakyRelu") and z.low >= 0
    if relu and kind == "regression" and seen.below > 0:
        return rule.fails(
            f"a ReLU is the last layer: outputs are never negative, {seen.below:.0%} of the "
            "targets are", measured=0.0, advice="Drop the last ReLU.")
    if relu and kind in ("cross_entropy", "bce_logits"):
        return rule.warns("a ReLU is the last layer: no logit can be negative", measured=0.0,
                          advice="Drop the last ReLU.")
    if seen.last_operation == "Sigmoid" and kind == "bce_logits":
        return rule.fails("a sigmoid goes before a loss that wants logits: it is applied twice",
                          advice="Drop the sigmoid.")
    if seen.last_operation == "Sigmoid" and kind == "cross_entropy" and classes > 1:
        return rule.warns(
            "a sigmoid goes before cross-entropy: the logits are squeezed into 0..1",
            advice="Drop the sigmoid.")
    return _judge_range(rule, seen)


def _judge_range(rule: Rule[Sequence[OutputsAtLoss]], seen: OutputsAtLoss) -> CheckResult:
    """By the numbers alone, without the operation that made them."""
    z, kind, classes = seen.outputs, seen.kind, seen.classes
    if kind in ("cross_entropy", "nll") and z.column_exp_gap < SUMS_TO_ONE and min(
            z.row_exp_gap, z.row_sum_gap) > SUMS_TO_OTHER:
        return rule.fails("the soft-max runs over the batch axis: columns sum to one, not rows",
                          advice="Take dim=1.")
    if kind == "cross_entropy" and classes > 1 and z.probabilities:
        # Even at probability 1 for the right class the second soft-max gives e / (e + K - 1).
        floor = math.log(math.e + classes - 1) - 1
        return rule.fails(
            "the model gives probabilities to a loss that wants logits: soft-max is applied twice",
            measured=z.high,
            advice=f"Drop the soft-max: with it the loss cannot fall below {floor:.3f}.")
    if kind == "nll" and z.row_exp_gap > SUMS_TO_OTHER and seen.last_operation == "LogSoftmax":
        return rule.fails(
            "the log-probabilities of a row are not those of its classes: the log_softmax runs over "
            "another axis, or a reshape behind it tears the classes apart", measured=z.row_exp_gap,
            advice="log_softmax over the class axis; permute before view or reshape.")
    if kind == "nll" and z.row_exp_gap > SUMS_TO_OTHER:
        given = "probabilities" if z.probabilities else "raw logits"
        return rule.fails(f"the model gives {given} to a loss that wants log-probabilities",
                          measured=z.row_exp_gap,
                          advice="Use log_softmax before NLL, or cross-entropy on logits.")
    if kind == "bce_logits" and z.unit_interval:
        return rule.warns(
            "all outputs lie between 0 and 1, but the loss wants logits: sigmoid is applied twice",
            measured=z.high, advice="Drop the sigmoid.")
    if kind == "bce" and not z.unit_interval:
        return rule.fails("the loss wants probabilities, the outputs are none", measured=z.low,
                          advice="Use the loss with logits.")
    if z.low >= 0 and z.zeros > RELU_ZEROS and kind in ("cross_entropy", "bce_logits"):
        return rule.warns(
            f"logits are never negative and {z.zeros:.0%} are exactly zero: a ReLU is the last "
            "layer", measured=z.low, advice="Drop the last ReLU.")
    if z.low >= 0 and z.zeros > RELU_ZEROS and kind == "regression" and seen.below > 0:
        return rule.fails(f"outputs are never negative, {seen.below:.0%} of the targets are",
                          measured=z.low, advice="Drop the last ReLU.")
    return rule.passes(f"the outputs suit the loss ({kind.replace('_', ' ')})",
                       details={"outputs": z})
