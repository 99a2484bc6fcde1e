"""Training batches mix the classes.

What it finds
    Training batches that hold one class each, class after class: data that is sorted by class and
    never shuffled.
Why it hurts
    Each batch pulls the model towards one class and away from those before it; batch statistics
    are those of one class.
How to mend
    Shuffle: DataLoader(..., shuffle=True).
When it stays silent
    When several models train, when batches of one class take turns (a GAN's discriminator), and
    where one of two classes is rare.
"""

from __future__ import annotations

import itertools

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.training_evidence import Labels, TrainingLabels

SMALLEST_BATCH, FEWEST_BATCHES, FEWEST_SAMPLES = 4, 5, 60
RARE = 0.9  # of two classes, the share of the other one from which on order says nothing
# A batch is nearly of one class, and so is its neighbour; far more often than by chance.
ONE_CLASS, NEXT_SAME, ABOVE_CHANCE = 0.85, 0.9, 0.3
BLOCKS = 0.5  # changes of class per batch, above which classes take turns


def _commonest(batch: Labels) -> tuple[int, float]:
    """The commonest class of a batch and its share."""
    values, counts = np.unique(batch, return_counts=True)
    return int(values[counts.argmax()]), float(counts.max() / len(batch))


@rule(worst="warning", source="Y. Bengio, Practical recommendations, 2012")
def class_order(rule: Rule[TrainingLabels], labels: TrainingLabels) -> CheckResult:
    whole = labels.all
    full = [batch for batch in labels.batches if len(batch) >= SMALLEST_BATCH]
    if len(full) < FEWEST_BATCHES or len(whole) < FEWEST_SAMPLES:
        return rule.cannot_tell("too few labels")
    shares = np.unique(whole, return_counts=True)[1] / len(whole)
    if len(shares) < 2 or (len(shares) == 2 and shares.max() > RARE):
        return rule.cannot_tell("one class only")
    classes, largest = zip(*map(_commonest, full), strict=True)
    of_one_class, chance = float(np.mean(largest)), float((shares**2).sum())
    next_same = float((whole[1:] == whole[:-1]).mean())
    blocks = 1 + sum(a != b for a, b in itertools.pairwise(classes))
    if of_one_class > ONE_CLASS and next_same > max(NEXT_SAME, chance + ABOVE_CHANCE) \
            and blocks < BLOCKS * len(full):
        return rule.warns(
            f"the training batches are sorted by class: {of_one_class:.0%} of a batch are of one "
            "class", measured=of_one_class, expected=chance, unit="of a batch",
            advice="Shuffle: DataLoader(..., shuffle=True).")
    return rule.passes("batches mix the classes", measured=of_one_class)
