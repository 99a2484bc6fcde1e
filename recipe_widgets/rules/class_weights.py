"""Weights in the loss make up for rare classes, and do not make them rarer.

What it finds
    Class weights (the loss's own, or those that the gradients of its rows show) that grow with the
    number of samples of a class, or that are the inverse counts in another order of the classes;
    and a pos_weight below one where positives are rare, or above one where they are the rule. A
    sampler that balances the classes and, by the same ratio, weights in the loss.
Why it hurts
    The rare class then counts even less than without weights, and the model never predicts it; the
    loss looks good, because the common class is easy. Balanced twice, it is predicted far too often.
How to mend
    weight[k] proportional to 1 / samples of class k, in the order of the class numbers; pos_weight =
    negatives / positives. With a balancing sampler: no weights.
When it stays silent
    When the samples that were seen are balanced (a sampler does it) and the sampler is not as uneven
    as the weights are, when the weights are equal,
    about classes of weight zero, and when too few samples were counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST = 100  # labels in all; FEWEST_OF_CLASS of each class that is compared
FEWEST_OF_CLASS = 3
UNBALANCED = 2.0  # largest / smallest class, below which weights may have other reasons
UNEQUAL = 1.2  # largest / smallest weight, below which there are none to speak of
ALIKE = 0.8  # correlation of the logarithms of weights and counts
# Weights that are inverse counts in another order: weight x count comes out constant (spread of the
# logarithms) once both are sorted, and does not as they stand. From -0.5 on downwards the order is
# right by and large.
CONSTANT, CONSTANT_SHARE, RIGHT_ORDER = 0.35, 0.5, -0.5


@dataclass(frozen=True)
class ClassWeights:
    """counts, weights: (K,) of each class; a weight of NaN is not known."""

    counts: npt.NDArray[Any]
    weights: npt.NDArray[Any]


@dataclass(frozen=True)
class PositiveWeight:
    """positives, pos_weight: (columns,) of a binary loss. labels: rows that were counted."""

    positives: npt.NDArray[Any]
    labels: int
    pos_weight: npt.NDArray[Any]


@rule(worst="warning", source="King and Zeng, Logistic Regression in Rare Events Data, 2001")
def class_weights(rule: Rule[ClassWeights], seen: ClassWeights) -> CheckResult:
    counts, weights = seen.counts.astype(float), seen.weights.astype(float)
    used = (counts >= FEWEST_OF_CLASS) & (np.nan_to_num(weights) > 0)
    if counts.sum() < FEWEST or used.sum() < 2:
        return rule.cannot_tell("too few labels of weighted classes")
    numbers = np.flatnonzero(used)
    n, w = counts[used], weights[used]
    if n.max() / n.min() < UNBALANCED or w.max() / w.min() < UNEQUAL:
        return rule.passes("the classes, or their weights, are equal")
    rare, common = int(n.argmin()), int(n.argmax())
    correlation = float(np.corrcoef(np.log(n), np.log(w))[0, 1])
    rule = rule.about(measured=w[rare] / w[common], expected=float(n[common] / n[rare]),
                      unit="weight of the rarest / of the commonest class",
                      details={"counts": counts, "weights": weights},
                      advice="Give each class a weight proportional to 1 / its number of samples.")
    text = (f"class {numbers[rare]} with {n[rare]:.0f} samples has weight {w[rare]:.3g}, class "
            f"{numbers[common]} with {n[common]:.0f} has {w[common]:.3g}")
    if correlation > ALIKE and w[rare] < w[common]:
        return rule.warns(f"the rare class gets the small weight: {text}")
    balanced = np.sort(w) * np.sort(n)[::-1]  # constant where the weights are inverse counts
    product = w * n
    if len(n) > 2 and _range(balanced) < min(CONSTANT, CONSTANT_SHARE * _range(product)) \
            and correlation > RIGHT_ORDER:
        return rule.warns(f"the class weights are inverse counts in another order of the classes: {text}")
    return rule.passes("rare classes get the large weights")


def _range(values: npt.NDArray[Any]) -> float:
    """Standard deviation of the logarithms."""
    return float(np.log(values).std())


@class_weights.register
def positive_weight(rule: Rule[Any], seen: PositiveWeight) -> CheckResult:
    positives = seen.positives.astype(float)
    negatives = seen.labels - positives
    if seen.labels < FEWEST:
        return rule.cannot_tell("too few labels")
    for column in np.flatnonzero((positives >= FEWEST_OF_CLASS) & (negatives >= FEWEST_OF_CLASS)):
        ratio, weight = negatives[column] / positives[column], float(seen.pos_weight[column])
        if weight <= 0 or max(ratio, 1 / ratio) < UNBALANCED or max(weight, 1 / weight) < UNEQUAL:
            continue
        if (weight < 1) == (ratio > 1):
            return rule.warns(
                f"pos_weight is {weight:.3g}, but {positives[column] / seen.labels:.0%} of the labels "
                "are positive: the rarer side gets the smaller weight", measured=weight,
                expected=float(ratio), unit="pos_weight",
                advice="pos_weight = negatives / positives.")
    return rule.passes("pos_weight helps the rarer side")


BALANCED, ONE_RATIO = 1.5, 2.0  # commonest / rarest class as it was seen; factor between two ratios


@dataclass(frozen=True)
class WeightsAndSampler:
    """Class weights of a loss on samples that a sampler draws with weights.

    Attributes:
        counts, weights: (K,) of each class as it was seen. drawn: largest / smallest weight of the
            sampler.
    """

    counts: npt.NDArray[Any]
    weights: npt.NDArray[Any]
    drawn: float


@class_weights.register
def corrected_twice(rule: Rule[Any], seen: WeightsAndSampler) -> CheckResult:
    counts, weights = seen.counts.astype(float), np.nan_to_num(seen.weights.astype(float))
    if counts.sum() < FEWEST or counts.min() < FEWEST_OF_CLASS or weights.min() <= 0:
        return rule.cannot_tell("too few labels of weighted classes")
    ratio = float(weights.max() / weights.min())
    alike = max(ratio / seen.drawn, seen.drawn / ratio) <= ONE_RATIO
    if counts.max() / counts.min() >= BALANCED or min(ratio, seen.drawn) < UNBALANCED or not alike:
        return rule.passes("the classes are balanced once")
    return rule.warns(
        f"the classes are balanced twice: the sampler draws the rare ones {seen.drawn:.3g} times as "
        f"often, and the loss gives them {ratio:.3g} times the weight", measured=ratio, expected=1,
        unit="largest / smallest weight", advice="Leave one of them out.",
        details={"counts": counts, "weights": weights})
