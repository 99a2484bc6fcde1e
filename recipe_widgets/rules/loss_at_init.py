"""The first loss is that of knowing nothing.

What it finds
    A first loss far from what the best constant output would give: ln K for K balanced classes,
    ln 2 for a binary target, the spread of the targets in a regression. Also a loss that is a
    multiple of the textbook cross-entropy, has its sign flipped, or is flat at a uniform guess.
Why it hurts
    A first loss far above it says that the net is sure before it has seen anything: the first
    hundred steps only shrink the logits. A wrong multiple changes the learning rate in disguise.
How to mend
    Look at the last layer (its scale, a missing bias), at the scale of inputs and initial weights,
    and at how the loss reduces over the batch.
When it stays silent
    When no expectation is known for the loss, and when the first loss is so low that the model must
    have learnt already (a note says so).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE

TEXTBOOK = 0.02  # relative tolerance of "the loss is the textbook cross-entropy"
KNOWS = 0.6  # share of the expected loss below which no constant output can be
# A regression at random outputs of the targets' own size costs about twice the best constant; five
# times is far beyond that.
REGRESSION = 5.0


@dataclass(frozen=True)
class FirstLoss:
    """The loss before any step.

    Attributes:
        losses: of several batches or initialisations.
        expected: loss of the best constant output; None where it is unknown.
        kind: what the loss is, such as "cross_entropy" or "regression". classes: K, or 0.
        scale: the loss as a multiple of the textbook cross-entropy.
        per_class: first loss of the samples of each class.
        flat: the gradient at a uniform guess is exactly zero. samples: batch size; 0 if unknown.
    """

    losses: Sequence[float]
    expected: float | None
    kind: str
    classes: int = 0
    scale: float = 1.0
    per_class: Mapping[int, float] = field(default_factory=dict)
    flat: bool = False
    samples: int = 0


@rule(worst="error", source=KARPATHY_RECIPE)
def loss_at_init(rule: Rule[FirstLoss], first: FirstLoss) -> CheckResult:
    mean, expected, classes = float(np.mean(first.losses)), first.expected, first.classes
    if first.kind == "classes_regressed":
        return rule.warns(
            f"a single number is fitted to the index of {classes} classes", measured=mean,
            advice="Classes have no order: one output per class and cross-entropy.")
    if not np.isfinite(mean):
        return rule.fails("the first loss is no finite number", measured=mean, expected=expected)
    if expected is None:
        return rule.cannot_tell("no expectation for this loss", measured=mean)
    rule = rule.about(
        measured=mean, expected=expected, unit="nats" if classes else "",
        details={"losses": np.asarray(first.losses), "per_class": dict(first.per_class)})
    advice = "Look at the last layer, at the loss, and at the scale of inputs and initial weights."
    if first.kind in ("cross_entropy", "nll") and abs(first.scale - 1) > TEXTBOOK:
        cause = _cause_of(first.scale, classes, first.samples)
        return rule.warns(f"the loss is {first.scale:.3g} times the cross-entropy{cause}",
                          advice=advice)
    if classes and first.flat and first.kind == "other":
        return rule.warns("the loss is flat at a uniform guess: nothing can be learnt there",
                          advice="Clip the gradient, not the loss.")
    if first.kind == "cross_entropy" and mean < KNOWS * expected:
        return rule.notes("the model has learnt already (pretrained?)")
    if classes and first.kind in ("cross_entropy", "nll"):
        # ln K more than a uniform guess: as if only one class in K² were right by chance
        off = abs(mean - expected) >= math.log(classes) or mean < KNOWS * expected
    else:
        off = mean > REGRESSION * expected + 1e-6 or expected > 0 > mean
    if off:
        side = "far above" if mean > expected else "far below"
        return rule.warns(f"the first loss is {side} that of knowing nothing", advice=advice)
    return rule.passes("starts where one who knows nothing would")


def _cause_of(scale: float, classes: int, samples: int) -> str:
    """What a multiple of the textbook loss comes from; empty where it is none of the usual ones."""
    if scale < 0:
        return ": its sign is flipped"
    for value, words in ((samples, ": a sum over the batch"),
                         (1 / max(1, samples), ": divided by the batch twice"),
                         (1 / max(1, classes), ": a mean over the classes, too")):
        if value and abs(scale / value - 1) < TEXTBOOK:
            return words
    return ""
