"""No sample of one split is in the other.

What it finds
    Samples of validation or test that were trained on, to the bit or nearly, by their values or by
    the indices that the loaders read; a cross-validation whose folds all train the same model; and
    windows of a series that lie between training windows and share most of their values with them.
Why it hurts
    The score on them measures memory. It rises with every epoch, picks the wrong model, and falls
    on the day of the first new sample.
How to mend
    Split first, by source (patient, film, user) or by time; cut windows, copy, balance and augment
    after, each part by itself.
When it stays silent
    When equal samples are to be expected by chance (a note says so). In a script that is watched:
    below 10 different samples, 3 copies or 1 % of them, when the training set as a whole is
    evaluated, as training accuracy is, when the samples are drawn anew for each evaluation, for what
    another model was trained on, or this one before its weights were set back or after it was
    evaluated. A part of the training set is only noted where another evaluation has none of its
    samples. Windows after the last training window may share values with it, as in a forecast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import BARZ

NEAR_SHARE = 0.005  # of the split: B. Barz and J. Denzler found 3 % near copies in CIFAR-10's test
# For samples that are only seen passing by, and compared by a hash:
FEWEST_COPIES, FEWEST_SAMPLES, LEAST_SHARE = 3, 10, 0.01
ALL = 0.98  # share of an evaluation from which on it evaluates the training samples themselves
WHOLE_TRAINING_SET = 0.9  # of it: an evaluation that large is one of the training set, on purpose


@dataclass(frozen=True)
class SharedSamples:
    """Samples of one split that are in another one.

    Attributes:
        copied: exact copies, near: near copies, of `size` samples of the second split.
        names: of the first and the second split.
        by_chance: samples have so few possible values that copies are to be expected.
        only_exact: near copies were not looked for. details: pairs of rows, for a picture.
        train_size: different samples of the first split; given where an evaluation is only seen
            passing by, so that it is not known what it is for.
        another_is_clean: another evaluation of the same script has no such samples.
        earlier: the first split is none of now: the same weights were trained on it before the
            split changed.
    """

    copied: int
    size: int
    near: int = 0
    names: tuple[str, str] = ("train", "validation")
    by_chance: bool = False
    only_exact: bool = False
    train_size: int | None = None
    another_is_clean: bool = False
    earlier: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


@rule(worst="error", source=BARZ)
def split_leak(rule: Rule[SharedSamples], seen: SharedSamples) -> CheckResult:
    (first, second), size = seen.names, seen.size
    rule = rule.about(
        measured=seen.copied, expected=0, unit=f"samples of {second}", details=seen.details,
        advice="Split first, by source (patient, film, user); copy, balance and augment after.")
    passing_by, share = seen.train_size is not None, seen.copied / max(1, size)
    if passing_by and (seen.copied < FEWEST_COPIES or size < FEWEST_SAMPLES or share < LEAST_SHARE):
        return rule.passes(f"too few samples of {second} occur in {first} to speak of a leak")
    if seen.earlier and size <= WHOLE_TRAINING_SET * (seen.train_size or 0):
        return rule.warns(
            f"the split changed and the model goes on: {seen.copied} of {size} samples of {second} "
            "were trained on before, when they were in another part",
            advice="A new model and a new optimiser for each fold.")
    if seen.train_size is not None and share > ALL:
        return _all_of_them(rule, seen, seen.train_size)
    if seen.copied and seen.by_chance:
        return rule.notes(
            f"{seen.copied} of {size} samples of {second} occur in {first}, too; the samples have "
            "few possible values, so that is to be expected")
    if seen.copied:
        return rule.fails(
            f"{seen.copied} of {size} samples of {second} are copies of samples of {first}")
    if seen.near:
        say = rule.warns if seen.near > NEAR_SHARE * size else rule.notes
        return say(f"{seen.near} of {size} samples of {second} have a near copy in {first}",
                   measured=seen.near)
    what = "exact copy of a sample" if seen.only_exact else "sample"
    return rule.passes(f"no {what} of {second} is in {first}")


def _all_of_them(rule: Rule[SharedSamples], seen: SharedSamples, train_size: int) -> CheckResult:
    if seen.size > WHOLE_TRAINING_SET * train_size:
        return rule.passes("an evaluation of the training set, on purpose it seems")
    say = rule.notes if seen.another_is_clean else rule.warns
    return say(f"all samples of an evaluation ({seen.size} of {train_size}) are training samples")


# windows of a series, in a script that is watched

OVERLAPPING, MOST_COPIES = 0.3, 0.1


@dataclass(frozen=True)
class SharedWindows:
    """Windows of an evaluation of which training windows before and after them have one half each.

    Attributes:
        overlapping: how many of `size`. copied: those that were trained on as a whole.
        length: values of a window, along its time.
    """

    overlapping: int
    size: int
    copied: int
    length: int


@split_leak.register
def shared_windows(rule: Rule[Any], seen: SharedWindows) -> CheckResult:
    if seen.size < FEWEST_SAMPLES or seen.copied > MOST_COPIES * seen.size \
            or seen.overlapping < OVERLAPPING * seen.size:
        return rule.passes("the windows of the evaluation lie apart from those of the training")
    return rule.fails(
        f"{seen.overlapping} of {seen.size} windows of the evaluation share half of their {seen.length} "
        "steps or more with training windows, of before and of after: the windows overlap, and were dealt out at random",
        measured=seen.overlapping, expected=0, unit="windows of the evaluation",
        source="S. Kaufman et al., Leakage in Data Mining, 2012",
        advice="Split the series by time first, then cut windows in each part.")
