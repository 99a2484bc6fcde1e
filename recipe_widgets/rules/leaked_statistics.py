"""Samples are standardised with the mean and deviation of the training samples alone.

What it finds
    Features whose mean is 0 and whose deviation is 1 over the training samples and those of the
    evaluation together, to the last digit, but not over the training samples: the statistics were
    taken before the split. Features that have mean 0 and deviation 1 over the evaluation samples by
    themselves: these are scaled with statistics of their own.
Why it hurts
    The evaluation has told the training something about itself. With few samples, or a step that
    chooses features, the measured accuracy is too good; new samples will be standardised otherwise.
    With statistics of its own, the evaluation shows the model other inputs than the training did.
How to mend
    Split first; fit the scaler on the training samples; apply it to both.
When it stays silent
    When the mean is not exactly 0; where the tables are neither in the loaders' data sets nor
    evaluated as a whole; for windows that were cut from a table that nobody keeps; when training
    samples are evaluated, and when each training batch is standardised, too.
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


OWN_EXACT = 2e-4  # of the deviation: sums of float32 over thousands of samples are as exact
BY_CHANCE = 0.01  # of the standard error of a mean: so near to 0 no other mean comes
FEWEST_OWN = 20  # samples


@dataclass(frozen=True)
class OwnStatistics:
    """A table of evaluation samples.

    Attributes:
        samples: its rows. gaps: |mean| + |std - 1| of each column. train_gaps: of the training table;
            empty where it is not known.
    """

    samples: int
    gaps: tuple[float, ...]
    train_gaps: tuple[float, ...] = ()


@leaked_statistics.register
def own_statistics(rule: Rule[StandardisedSamples], seen: OwnStatistics) -> CheckResult:
    most = min(OWN_EXACT, BY_CHANCE / max(1, seen.samples)**0.5)

    def exact(gaps: tuple[float, ...]) -> bool:
        return bool(gaps) and sum(gap < most for gap in gaps) >= SHARE * len(gaps)

    if seen.samples < FEWEST_OWN or not exact(seen.gaps) \
            or (seen.train_gaps and not exact(seen.train_gaps)):
        return rule.passes("the evaluation samples have no statistics of their own")
    return rule.warns(
        "the evaluation samples are standardised with their own mean and deviation, not with those of "
        "the training samples", measured=max(seen.gaps), unit="largest gap",
        advice="Fit the scaler on the training samples, and apply it to both.")
