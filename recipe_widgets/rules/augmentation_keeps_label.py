"""An augmented sample still shows what its label says.

What it finds
    An augmentation that exchanges samples (it runs over the batch axis), turns one class into
    another (a mirrored 6 is no 6), moves a picture otherwise than its mask, or is so strong that
    nothing is recognised any more.
Why it hurts
    Each such sample is a wrong label, made anew in every epoch.
How to mend
    Images are (N, C, H, W): mirror with x.flip(-1). Draw the random numbers once, and move picture
    and mask by them. Leave out flips and turns that make one class
    look like another; make the augmentation weaker until a person recognises the samples.
When it stays silent
    When no learner knows the plain samples well enough to judge, and about pictures and masks that
    are scaled, turned by odd angles or changed in colour: only flips, quarter turns and shifts are
    certain. In a script that is watched: when the same samples come again bit for bit, as then
    nothing is augmented.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE, few
from recipe_widgets.rules.training_evidence import ProbeAccuracies

EXCHANGED = 0.05  # share of samples that may equal another one by chance
ENOUGH = 0.3  # of the way from chance to certain: accuracy below which the learner says nothing
GONE = 0.3  # share of a class's augmented samples that went to another class
BACK = 0.2  # share that came from there: a mirror exchanges two classes
DROP, DROP_IN_ERRORS = 0.08, 3  # accuracy lost, and the same in standard errors
TOO_STRONG, TOO_STRONG_IN_ERRORS = 0.35, 4


@dataclass(frozen=True)
class AugmentedSamples:
    """What happens to samples in an augmentation.

    Attributes:
        permuted: share of the samples that became an exact copy of another sample with another
            label.
        before, after: accuracy of a learner trained on plain samples, on held-out plain and
            augmented ones. samples: how many of them. chance: share of the largest class.
        moved: (class, predicted class) -> share of that class's augmented samples that went there,
            beyond before.
        problem: what is wrong with the form of the output (shape, NaN).
    """

    permuted: float = 0.0
    before: float = 0.0
    after: float = 0.0
    samples: int = 0
    moved: Mapping[tuple[str, str], float] = field(default_factory=dict)
    chance: float = 0.0
    problem: str = ""


@rule(worst="error", source=KARPATHY_RECIPE)
def augmentation_keeps_label(rule: Rule[AugmentedSamples], seen: AugmentedSamples) -> CheckResult:
    before, after, moved = seen.before, seen.after, seen.moved
    rule = rule.about(details={"before": before, "after": after, "moved": dict(moved)})
    if seen.problem:
        return rule.fails(f"the augmentation {seen.problem}")
    if seen.permuted > EXCHANGED:
        return rule.fails(
            f"the augmentation exchanges samples, not their labels: {seen.permuted:.0%} became a "
            "sample of another label", measured=seen.permuted, expected=0.0, unit="of the samples",
            advice="A flip or roll runs over the batch axis; images are (N, C, H, W), mirror with "
            "x.flip(-1).")
    if before < seen.chance + ENOUGH * (1 - seen.chance):
        return rule.cannot_tell(
            f"no learner knows the plain samples well enough to judge (accuracy {before:.2f})")
    drop = before - after
    # standard error of a difference of two shares, each at its widest: sqrt(0.25 / n)
    error = math.sqrt(2 * 0.25 / max(1, seen.samples))
    # A mirror exchanges classes; where only few pixels are left, they go anywhere.
    swapped = {
        pair: share for pair, share in moved.items()
        if share > GONE and (moved.get(pair[::-1], 0) > BACK or len(moved) <= 2)
    }
    rule = rule.about(measured=after, expected=f"about {before:.2f}",
                      unit="accuracy on augmented samples")
    if swapped and drop > max(DROP, DROP_IN_ERRORS * error):
        worst_first = sorted(swapped, key=lambda pair: -swapped[pair])
        said = few([f"{a} becomes {b}" for a, b in worst_first], 3)
        return rule.warns(
            f"the augmentation changes what the samples show: {said}",
            advice="Leave out flips and turns that make one class look like another.")
    if drop > max(TOO_STRONG, TOO_STRONG_IN_ERRORS * error):
        return rule.warns("the augmentation is so strong that the samples are hardly recognised",
                          advice="Look at some augmented samples; make it weaker.")
    return rule.passes("augmented samples still show their class")


# In a script that is watched

@augmentation_keeps_label.register
def augmented_labels_told(rule: Rule[Any], probe: ProbeAccuracies) -> CheckResult:
    if probe.repeats or not probe.training_says_less:
        return rule.passes("augmented inputs tell their labels")
    return rule.warns(
        "the training inputs, after augmentation, say much less about their labels than those of "
        "the evaluation", measured=probe.train, expected=probe.evaluation,
        unit="accuracy of a probe", advice="Augment less, and look at what enters the net.",
        source=KARPATHY_RECIPE)


SWAPPED, KNOWS_PICTURES = 0.6, 0.7


@dataclass(frozen=True)
class MirroredClasses:
    """moved: (a, b) -> share of flipped samples of class a that a probe takes for b. plain: its
    accuracy without the flip.
    """

    moved: Mapping[tuple[int, int], float]
    plain: float


@augmentation_keeps_label.register
def flip_swaps_classes(rule: Rule[Any], flip: MirroredClasses) -> CheckResult:
    bad = [pair for pair, share in flip.moved.items() if share > SWAPPED and pair[0] != pair[1]]
    if not bad or flip.plain < KNOWS_PICTURES:
        return rule.passes("mirror images keep their class")
    a, b = bad[0]
    return rule.warns(f"the flip turns class {a} into class {b} and keeps the label",
                      measured=flip.moved[a, b], expected="below 0.1", unit=f"of class {a}",
                      advice="Change the label with the picture, or do not flip.",
                      source=KARPATHY_RECIPE)


FEWEST_APART, APART = 4, 0.3  # readings


@dataclass(frozen=True)
class PairedMoves:
    """The same samples read again and again: how often it is certain how the picture was moved, and
    how often the mask does not lie as its picture does.
    """

    readings: int
    apart: int


@augmentation_keeps_label.register
def mask_follows_picture(rule: Rule[Any], seen: PairedMoves) -> CheckResult:
    if seen.apart < FEWEST_APART or seen.apart < APART * seen.readings:
        return rule.passes("masks are moved as their pictures are")
    return rule.fails(
        f"picture and mask are moved differently: in {seen.apart} of {seen.readings} readings the mask "
        "does not lie where its picture does", measured=seen.apart, expected=0, unit="readings",
        advice="Draw the random flip or shift once, and apply it to both.", source=KARPATHY_RECIPE)
