"""Labels agree with confident predictions of learners that never saw them.

What it finds
    Wrong labels, by confident learning on out-of-sample predictions, and classes that the
    predictions cannot tell apart (one class under two names). It says how many of the labels it
    doubts it expects to be wrong, by a model in which a label is drawn from the learner's own
    probabilities or, with a chance that is fitted, from the other classes alike: a weak learner
    contradicts many labels, and expects few of them to be wrong. Wrong labels that it would confuse
    itself count as its mistakes: where these are many, the number is too low. In a script that is watched,
    labels are held against those of the nearest neighbours.
Why it hurts
    A net learns a wrong label by heart as well as a right one; in the test set wrong labels decide
    which of two good models looks better.
How to mend
    Look at the samples of details["ranked"], the worst first; take the majority of several
    annotators; merge classes that are one.
When it stays silent
    When the predictions are too weak to judge by, and below 8 % of the labels it only notes: a few
    are in every data set. When no class can be told from any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import NORTHCUTT, few

Array = npt.NDArray[Any]
NOISE = 0.08  # share of wrong labels; C. Northcutt et al. 2021 found 3.4 % in ten test sets, 0.2-10
FEWEST = 5  # wrong labels, whatever their share
ENOUGH = 0.5  # of the way from chance to certain: accuracy below which predictions say nothing


@dataclass(frozen=True)
class SuspiciousLabels:
    """Labels that disagree with confident out-of-sample predictions.

    Attributes:
        ranked: split -> {rows, given, suggested, quality, chance}: the most suspicious first.
        samples: labels in all. issues: how many confident learning doubts.
        expected: how many of these are expected to be wrong. wrong: and of all labels.
        accuracy: of the predictions. chance: share of the largest class.
        overlap: pairs of classes that the predictions cannot tell apart, with the share of mutual
            confusion.
        confused: the confident joint (K, K).
    """

    ranked: Mapping[str, Mapping[str, Array]]
    samples: int
    issues: int
    expected: float
    wrong: float
    accuracy: float
    chance: float
    overlap: Sequence[tuple[str, str, float]] = ()
    confused: Array | None = None


@rule(worst="warning", source=NORTHCUTT)
def label_errors(rule: Rule[SuspiciousLabels], seen: SuspiciousLabels) -> CheckResult:
    share = seen.wrong / max(1, seen.samples)
    rule = rule.about(details={
        "ranked": dict(seen.ranked), "accuracy": seen.accuracy, "joint": seen.confused, "overlap":
        tuple(seen.overlap), "issues": seen.issues, "expected": seen.expected
    })
    if seen.accuracy < seen.chance + ENOUGH * (1 - seen.chance) and not seen.overlap:
        return rule.cannot_tell(
            f"the predictions are too weak to judge labels by (accuracy {seen.accuracy:.2f}, the "
            f"largest class has {seen.chance:.2f})")
    if seen.overlap:
        pairs = few([f"{a} and {b}" for a, b, _ in seen.overlap], 3)
        return rule.warns(
            f"classes cannot be told apart: {pairs}: one class under two names?",
            measured=seen.overlap[0][2], expected="below 0.3",
            unit="of the two classes are confused",
            advice="Merge them, or look at how the labels are written.")
    rule = rule.about(measured=share, expected=f"below {NOISE:g}", unit="of the labels",
                      advice="Look at the samples of details['ranked'], worst first.")
    counts = f"{seen.issues} of {seen.samples} labels"
    about = f"about {seen.expected:.0f}" if seen.expected >= 0.5 else "none"
    if share > NOISE and seen.wrong >= FEWEST:
        return rule.warns(f"{counts} contradict a confident prediction; {about} of them are expected to "
                          "be wrong")
    if seen.issues:
        return rule.notes(f"{counts} contradict a confident prediction; {about} of them "
                          f"{'is' if about == 'none' else 'are'} expected to be wrong")
    return rule.passes(f"no label of {seen.samples} contradicts a confident prediction")


# In a script that is watched

# Nearest neighbours are wrong more often than a trained learner: their threshold is higher.
NEIGHBOUR_NOISE, EVEN = 0.12, 0.5
ELSEWHERE = 0.11  # noise is the same everywhere, while hard classes are confused at their borders
FEWEST_PLACES = 60


@dataclass(frozen=True)
class NeighbourLabels:
    """Labels held against those of the nearest other samples.

    Attributes:
        rate: share of samples whose label differs from that of all neighbours, where these agree.
        anywhere: share whose label differs from most neighbours, at any place.
        even: how evenly wrong labels spread over the other classes, 0 to 1.
        places: samples whose neighbours agree.
    """

    rate: float
    anywhere: float
    even: float
    places: int
    classes: int


@label_errors.register
def neighbours_disagree(rule: Rule[Any], labels: NeighbourLabels) -> CheckResult:
    if labels.classes < 3 or labels.places < FEWEST_PLACES or labels.rate < NEIGHBOUR_NOISE \
            or labels.even < EVEN or labels.anywhere > labels.rate + ELSEWHERE:
        return rule.passes("neighbours agree about labels", measured=labels.rate)
    return rule.warns(
        f"about {labels.rate:.0%} of the training labels look wrong: neighbours that agree among "
        "themselves disagree with them", measured=labels.rate, expected="below 0.05",
        unit="of the samples",
        advice="Look at some of them; take the majority of several annotators.",
        source="C. Northcutt et al., Confident learning, 2021")


ALIKE, TOLD_APART = 0.3, 0.88


@dataclass(frozen=True)
class ClassConfusions:
    """pairs: two classes -> how often their samples lie among the other's (0.5: one class under two
    names). rest: accuracy of neighbours when such pairs count as one.
    """

    pairs: Mapping[tuple[int, int], float]
    rest: float
    classes: int


@label_errors.register
def classes_alike(rule: Rule[Any], confusions: ClassConfusions) -> CheckResult:
    bad = sorted((pair for pair, share in confusions.pairs.items() if share > ALIKE),
                 key=lambda pair: -confusions.pairs[pair])
    # at least one class must be told from another, or nothing says that classes can be told apart
    others = confusions.classes - len({name for pair in bad for name in pair})
    if not bad or confusions.classes < 3 or not others or confusions.rest < TOLD_APART:
        return rule.passes("classes can be told apart, or none can")
    (a, b), more = bad[0], f" ({len(bad)} such pairs)" if len(bad) > 1 else ""
    return rule.warns(
        f"classes {a} and {b} cannot be told apart, while the others can{more}",
        measured=confusions.pairs[a, b], expected="below 0.1", unit="of the samples",
        advice="Is it one class under two names?", source="")
