"""Samples are standardised with the mean and deviation of the training samples alone.

What it finds
    Features whose mean is 0 and whose deviation is 1 over the training samples and those of the
    evaluation together, to the last digit, but not over the training samples: the statistics were
    taken before the split.
Why it hurts
    The evaluation has told the training something about itself. With few samples, or a step that
    chooses features, the measured accuracy is too good; new samples will be standardised otherwise.
How to mend
    Split first; fit the scaler on the training samples; apply it to both.
When it stays silent
    When the mean over all samples is not exactly 0, for tables of one column, and where the two
    sets are not tensors in a TensorDataset or a part of one.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

EXACT, FEWEST_FEATURES, SHARE = 1e-5, 2, 0.9  # of the deviation; columns; of them
TRAIN_FACTOR = 50  # times the gap of all, at which the training's own is another one


@dataclass(frozen=True)
class StandardisedSamples:
    """Columns of the training and evaluation samples, without constant ones.

    Attributes:
        all_gaps, train_gaps: |mean| + |std - 1| of each column, over all samples and over those of
            the training.
    """

    all_gaps: tuple[float, ...]
    train_gaps: tuple[float, ...]


@rule(worst="warning", source="T. Hastie et al., The Elements of Statistical Learning, 7.10.2")
def leaked_statistics(rule: Rule[StandardisedSamples], seen: StandardisedSamples) -> CheckResult:
    columns = len(seen.all_gaps)
    exact = [gap for gap, own in zip(seen.all_gaps, seen.train_gaps, strict=True)
             if gap < EXACT and own > TRAIN_FACTOR * EXACT]
    if columns >= FEWEST_FEATURES and len(exact) >= SHARE * columns:
        return rule.warns(
            "the features are standardised over the training and the evaluation samples together: "
            "mean and deviation were taken before the split", measured=max(exact),
            unit="largest gap", advice="Fit the scaler on the training samples alone.")
    return rule.passes("the statistics are not those of all samples together")
