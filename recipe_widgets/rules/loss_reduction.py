"""The loss is the mean over the samples of a batch.

What it finds
    A sum over the batch, a mean divided by the batch size once more, a mean over the classes, (N, 1)
    against (N,) that broadcasts to (N, N), and reductions over a wrong axis.
Why it hurts
    The learning rate changes in disguise: by the batch size, by the number of classes. Broadcasting
    compares every sample with every other one, and the net learns the mean of the targets.
How to mend
    reduction="mean", and nothing more; output.squeeze(1) before a regression loss; soft-max and
    sums over dim=1.
When it stays silent
    When the loss is zero or no number on random outputs. Losses that weigh or couple samples on
    purpose (contrastive ones) are only noted, and sums that are trained with a rate to match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.evidence import AGREEMENT
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE
from recipe_widgets.rules.training_evidence import LossPass, WatchedLoss, scale_free

EQUAL = 1e-3  # relative difference of two losses that are the same number in float32


@dataclass(frozen=True)
class LossOnRandomOutputs:
    """What a loss gives for the same random outputs, presented in several ways.

    Attributes:
        twice: loss of the batch written twice over. whole: loss of the batch.
        singles: mean of the losses of its samples one by one.
        squeezed: the loss when output and target are given the same shape; None where they have it.
        classes: K when the loss is one of classes, else 0.
        scale: multiple of the textbook cross-entropy, if it is one.
    """

    twice: float
    singles: float
    whole: float
    squeezed: float | None = None
    classes: int = 0
    scale: float | None = None


@rule(worst="error", source=KARPATHY_RECIPE)
def loss_reduction(rule: Rule[LossOnRandomOutputs], seen: LossOnRandomOutputs) -> CheckResult:
    whole, singles, classes, scale = seen.whole, seen.singles, seen.classes, seen.scale
    if not np.isfinite([seen.twice, singles, whole]).all() or abs(whole) < 1e-12:
        return rule.cannot_tell("the loss is zero or no number on random outputs")
    if seen.squeezed is not None and not (_equal(seen.squeezed, whole) or _equal(singles, whole)):
        return rule.fails(
            "output and target broadcast to (N, N): every sample is compared with every other one",
            measured=whole, expected=seen.squeezed,
            advice="Give both the same shape, for example output.squeeze(1).")
    ratio = seen.twice / whole  # 1 for a mean, 2 for a sum, 1/2 for a mean of a mean
    by_size = rule.about(measured=ratio, expected=1.0, unit="loss of the batch twice over / once")
    if _equal(ratio, 2.0):
        return by_size.warns("the loss is a sum over the batch: the step grows with the batch size",
                             advice="Take the mean.")
    if _equal(ratio, 0.5):
        return by_size.fails("the loss is divided by the batch size twice",
                             advice="Take the mean once.")
    if classes > 1 and scale is not None and _equal(scale, 1 / classes):
        return rule.warns("the cross-entropy is a mean over the classes, too: it is K times too small",
                          measured=scale, expected=1.0, unit="of the textbook loss",
                          advice="Sum over the classes, mean over the samples.")
    if _equal(ratio, 1.0) and (_equal(singles, whole) or not classes):
        return by_size.passes("the loss is a mean over the samples")
    rule = rule.about(measured=singles, expected=whole)
    if _equal(ratio, 1.0):
        return rule.notes("the loss weighs the samples of a batch differently")
    rule = rule.about(
        advice="Soft-max and sums of a classification loss run over the class axis (dim=1).")
    if classes:
        return rule.warns(
            "the loss couples the samples of a batch: a reduction over the wrong axis?")
    return rule.notes("the loss couples the samples of a batch, as contrastive losses do")


def _equal(a: float, b: float) -> bool:
    return bool(abs(a - b) <= EQUAL * max(1e-9, abs(a), abs(b)))


# In a script that is watched

EXACT, EXACT_IN_HALF = 0.01, 0.1  # relative; half precision rounds gradients to a few percent
SMALLEST_BATCH = 4  # 1/N and 1/K cannot be told apart for smaller ones
# A batch of one of these sizes may be the number of passes that are averaged by hand.
AMBIGUOUS_BATCHES = (1, 2, 4, 8)
# A rate that was divided by the batch size, as the mean of a batch would hardly learn with it; and
# the largest that a mean is trained with by SGD (airbench94: 1.5).
SMALL_RATE, LARGEST_OF_MEAN = 2e-3, 2.0


@loss_reduction.register
def reduction_by_gradient(rule: Rule[Any], loss: WatchedLoss) -> CheckResult:
    """The size of the gradient tells how the loss reduces over the batch."""
    rule = rule.about(source=KARPATHY_RECIPE)
    if _most(loss, lambda one: one.kind == "coupled"):
        return rule.fails(
            "the soft-max of the loss runs over the batch axis instead of the classes",
            advice="Normalise over dim=1.")
    if _most(loss, lambda one: one.kind == "broadcast"):
        n = loss.passes[-1].samples
        return rule.fails(
            f"outputs ({n}, 1) and targets ({n},) broadcast to ({n}, {n}): every sample is "
            "compared with every other one", measured=n * n, expected=n, unit="differences",
            advice="Give both the same shape, for example output.squeeze(1).", source="")
    known = loss.known_passes
    if not known:
        return rule.cannot_tell("no textbook form of this loss is known")
    rule = rule.about(measured=known[-1].scale, expected=1.0,
                      unit="times the gradient of the mean loss")
    last, accumulates = known[-1], loss.passes_per_step > 1
    if last.samples >= SMALLEST_BATCH and not accumulates and _each(known,
                                                                    lambda one: 1 / one.samples):
        sizes = {one.samples for one in known}
        if len(sizes) > 1 or not sizes & set(AMBIGUOUS_BATCHES):
            return rule.fails("the loss is divided by the batch size twice",
                              advice="Take the mean once.")
        return rule.warns("the loss is divided by the batch size again",
                          advice="Take the mean once.")
    if last.kind in ("cross_entropy", "nll") and last.classes > 2 and not accumulates and _each(
            known, lambda one: 1 / one.classes):
        return rule.warns(
            "the cross-entropy is a mean over the classes, too: it is K times too small",
            advice="Sum over the classes, mean over the samples.")
    if last.samples >= SMALLEST_BATCH and _each(known, lambda one: float(one.samples)):
        divided = loss.rate <= SMALL_RATE and loss.rate * last.samples <= LARGEST_OF_MEAN
        harmless = scale_free(loss.optimizer) or loss.clipped or (divided and loss.falls)
        say = rule.notes if harmless else rule.warns
        return say("the loss is a sum over the batch: the step grows with the batch size",
                   advice="Take the mean.")
    return rule.passes("the gradient is that of a mean")


def _most(loss: WatchedLoss, test: Callable[[LossPass], bool]) -> bool:
    """True for most of the passes, and two of them."""
    hits = sum(map(test, loss.passes))
    return hits >= max(2, AGREEMENT * len(loss.passes))


def _each(passes: Sequence[LossPass], expected: Callable[[LossPass], float]) -> bool:
    """Is the gradient of every pass this multiple of that of the mean loss?"""
    return all(one.scale is not None and abs(one.scale / expected(one) -
                                             1) < (EXACT_IN_HALF if one.coarse else EXACT)
               for one in passes)
