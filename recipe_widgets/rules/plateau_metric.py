"""ReduceLROnPlateau watches a number that tells progress, in the direction in which it improves.

What it finds
    mode="max" on a loss, mode="min" on an accuracy; and the loss of the last training batch alone.
Why it hurts
    In the wrong direction every improvement counts as none: the learning rate falls each time the
    patience is over, until nothing is learnt any more. The loss of one batch is mostly noise.
How to mend
    mode="min" for a loss, mode="max" for an accuracy; step(loss of the whole evaluation).
When it stays silent
    Where the number is neither a loss nor an accuracy that was seen, and does not move with the
    training loss either; in runs of fewer than three calls; where each step uses all of the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_CALLS, SHARE = 3, 0.6  # of the calls, whose number must be of the same kind
FEWEST_TO_COMPARE = 6  # calls, before two curves are held against each other
ALIKE = 0.9  # correlation of ranks with the training loss
SAME_SIZE = (0.4, 2.5)  # the number over the training loss: it is a loss, too
OTHER_SIZE = 0.3  # relative difference: it is none
FELL = 0.9  # of its start, which the training loss must have come under: then the model improves
LEAST_RISE = 0.05  # of a share that grows, such as an accuracy
FEWEST_STEPS_A_CALL = 2  # from here on the last batch is one of several


class MetricKind(Enum):
    """What the number is that a ReduceLROnPlateau is given, in words."""

    ACCURACY = "the accuracy"
    EVALUATION_LOSS = "the loss of the evaluation"
    TRAINING_LOSS = "the training loss"
    LAST_BATCH_LOSS = "the loss of the last batch"

    @property
    def is_loss(self) -> bool:
        return self is not MetricKind.ACCURACY


@dataclass(frozen=True)
class PlateauUse:
    """One ReduceLROnPlateau.

    Attributes:
        mode: "min" or "max". metrics: what it was given, one number a call.
        training_losses: mean since the call before, one a call.
        kinds: what the number was -> calls. steps: of the optimiser.
        full_batches: does each step use the same samples?
    """

    mode: str
    metrics: Sequence[float]
    training_losses: Sequence[float] = ()
    kinds: Mapping[MetricKind, int] = field(default_factory=dict)
    steps: int = 0
    full_batches: bool = False

    @property
    def kind(self) -> MetricKind | None:
        """What the number was in most calls; None where that is not known."""
        kind, calls = max(self.kinds.items(), key=lambda one: one[1], default=(None, 0))
        return kind if calls >= max(FEWEST_CALLS, SHARE * len(self.metrics)) else None

    @property
    def with_training_loss(self) -> float:
        """Correlation of its ranks with those of the training loss."""
        a, b = (np.argsort(np.argsort(x)) for x in (self.metrics, self.training_losses))
        return float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 else 0.0


@rule(worst="error", source="PyTorch, torch.optim.lr_scheduler.ReduceLROnPlateau")
def plateau_metric(rule: Rule[PlateauUse], use: PlateauUse) -> CheckResult:
    calls = len(use.metrics)
    if calls < FEWEST_CALLS:
        return rule.cannot_tell("too few calls")
    rule = rule.about(measured=use.metrics[-1], expected=use.metrics[0])
    right = "min" if use.mode == "max" else "max"
    advice = f'ReduceLROnPlateau(optimizer, mode="{right}")'
    if use.mode == "max" and use.kind is not None and use.kind.is_loss:
        return rule.fails(
            f'ReduceLROnPlateau(mode="max") is given {use.kind.value}: it takes each improvement for '
            "none, and reduces the learning rate all the time", advice=advice)
    if use.mode == "min" and use.kind is MetricKind.ACCURACY:
        return rule.fails(
            'ReduceLROnPlateau(mode="min") is given the accuracy: it takes each improvement for '
            "none, and reduces the learning rate all the time", advice=advice)
    if use.kind is MetricKind.LAST_BATCH_LOSS and not use.full_batches \
            and use.steps >= FEWEST_STEPS_A_CALL * calls:
        return rule.warns(
            "ReduceLROnPlateau is given the loss of the last training batch alone: it reacts to "
            "noise", advice="Give it the mean loss of the evaluation, or of the epoch.")
    if use.kind is None and calls >= FEWEST_TO_COMPARE \
            and _in_the_wrong_direction(use):
        return rule.warns(
            f'ReduceLROnPlateau(mode="{use.mode}") is given a number that '
            f"{'falls' if use.mode == 'max' else 'rises'} while the training loss falls: the "
            "learning rate is reduced although the model improves", advice=advice)
    return rule.passes(f"{calls} calls")


def _in_the_wrong_direction(use: PlateauUse) -> bool:
    metrics, losses = np.asarray(use.metrics), np.asarray(use.training_losses)
    if len(losses) != len(metrics) or not np.isfinite([metrics, losses]).all() \
            or (losses <= 0).any() or losses[-1] > FELL * losses[0]:
        return False
    together = use.with_training_loss
    size = metrics / losses
    if use.mode == "max":  # like a loss in course and size
        return together > ALIKE and SAME_SIZE[0] < float(np.median(size)) < SAME_SIZE[1]
    # a share that grows, and was no loss at the start: one that overfits begins as the training's
    early = size[:max(1, len(size) // 3)]
    share = (metrics >= 0).all() and (metrics <= 1).all() and metrics[-1] > metrics[0] + LEAST_RISE
    return together < -ALIKE and bool(share) and bool((np.abs(early - 1) > OTHER_SIZE).all())
