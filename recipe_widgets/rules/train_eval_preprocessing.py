"""Training and evaluation prepare their samples alike.

What it finds
    Two pipelines that give different shapes, scales, channel orders or normalisations; inputs whose
    mean or spread differs between training and evaluation; an evaluation that is augmented.
Why it hurts
    The net is asked about inputs that it never saw. Nothing crashes; the score is worse than the
    net is, or changes from pass to pass.
How to mend
    Share one function for what is not random: scaling, channels, normalisation by the training
    set's statistics. Give the validation set that and nothing else.
When it stays silent
    Random parts of the training pipeline are allowed for: means may differ by half a standard
    deviation and spreads by 1.6, tables, which may be split by time or group, by 1.0 and 2.2; and
    by three standard errors more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE

Array = npt.NDArray[Any]
# Augmentation moves the mean of pictures by less than half a standard deviation and their spread by
# less than 1.6; other statistics (ImageNet's instead of none) move it by two and more.
PICTURE_SHIFT, PICTURE_SPREAD = 0.5, 1.6
# Tables are often split by time or by group, which moves them without any fault.
TABLE_SHIFT, TABLE_SPREAD = 1.0, 2.2
REVERSED_GAP, REVERSED_FIT = 0.25, 0.12  # standard deviations: of the means as they are, reversed
LEAST_STD = 0.1  # of that of all columns: one that hardly varies counts by the others
ERRORS = 3  # standard errors of a mean
SURELY = 0.02  # correlation, by which a channel must be more like another one than like itself
STRAIGHT = 1e-3  # of the range, that a scaled channel may lie off the straight line by rounding
SCALED = 0.15  # slope or shift beyond which two scalings are no rounding of the same constants


@dataclass(frozen=True)
class SamePipelines:
    """What two pipelines make of the same raw samples.

    Attributes:
        shapes: of what the training and the evaluation pipeline give.
        random: whether each gives something else the second time.
        train, evaluated: (C, n): what they give, per channel or column, in the same order; None
            where the shapes differ.
    """

    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    random: tuple[bool, bool] = (False, False)
    train: Array | None = None
    evaluated: Array | None = None


@dataclass(frozen=True)
class TrainAndEvaluationInputs:
    """mean and std (C,) of different samples, as they enter the model in training and evaluation.

    samples: the smaller number of them. picture: C counts channels of pictures, else columns.
    """

    train_mean: Array
    train_std: Array
    evaluation_mean: Array
    evaluation_std: Array
    samples: int
    picture: bool = False


@rule(worst="error", source=KARPATHY_RECIPE)
def train_eval_preprocessing(rule: Rule[SamePipelines], seen: SamePipelines) -> CheckResult:
    train, evaluated, random = seen.train, seen.evaluated, seen.random
    if seen.shapes[0] != seen.shapes[1] or train is None or evaluated is None:
        return rule.warns(f"training gives shape {seen.shapes[0]}, evaluation {seen.shapes[1]}",
                          advice="Both feed the same net: share what is not random.")
    moments = [{"mean": x.mean(1), "std": x.std(1)} for x in (train, evaluated)]
    rule = rule.about(
        advice="Share one function for what is not random: scaling, channels, normalisation by the "
        "training set's statistics.",
        details={"train": moments[0], "evaluation": moments[1], "random": random})
    if random[1]:
        return rule.warns(
            "the evaluation pipeline is random: the samples are augmented there, too")
    if not random[0] and np.allclose(train, evaluated, rtol=1e-4, atol=1e-5):
        return rule.passes("both pipelines give the same")
    if order := _channel_order(train, evaluated):
        say = rule.warns if random[0] else rule.fails
        return say(f"evaluation has its channels in another order, {order}")
    if not random[0] and (scale := _scale_and_shift(train, evaluated)):
        return rule.fails(f"evaluation scales otherwise: {scale}")
    return judge_statistics(
        rule,
        TrainAndEvaluationInputs(moments[0]["mean"], moments[0]["std"], moments[1]["mean"],
                                 moments[1]["std"], samples=train.shape[1], picture=True))


@train_eval_preprocessing.register
def judge_statistics(rule: Rule[Any], seen: TrainAndEvaluationInputs) -> CheckResult:
    """By mean and spread alone; columns that hardly vary count by the spread of all."""
    train_mean, train_std = seen.train_mean, seen.train_std
    mean, std = seen.evaluation_mean, seen.evaluation_std
    if train_mean.shape != mean.shape:
        return rule.cannot_tell("training and evaluation have other columns")
    if "details" not in rule.shared:
        rule = rule.about(
            advice="Prepare both by the same function, with the training set's statistics.",
            details={
                "train": {"mean": train_mean, "std": train_std}, "evaluation":
                {"mean": mean, "std": std}
            })
    least = LEAST_STD * float(np.sqrt(np.mean(np.square(train_std)))) + 1e-12
    spread = np.maximum(np.maximum(train_std, std), least)
    gaps = np.abs(train_mean - mean) / spread  # (C,) in standard deviations
    if seen.picture and len(mean) == 3 and gaps.max() > REVERSED_GAP:
        reversed_gap = float((np.abs(train_mean - mean[::-1]) / spread).max())
        if reversed_gap < min(REVERSED_FIT, REVERSED_GAP * float(gaps.max())):
            return rule.warns("the colour channels of the evaluation come in the reversed order",
                              measured=float(gaps.max()), expected=0.0, unit="standard deviations",
                              advice="Use one loading function for both (RGB or BGR).")
    shift = float(np.median(gaps))
    ratio = float(np.exp(np.median(np.abs(np.log((std + 1e-9) / (train_std + 1e-9))))))
    most_shift, most_ratio = ((PICTURE_SHIFT, PICTURE_SPREAD)
                              if seen.picture else (TABLE_SHIFT, TABLE_SPREAD))
    noise = ERRORS / math.sqrt(max(1, seen.samples))
    rule = rule.about(measured=max(shift, ratio - 1), expected="about 0",
                      unit="difference in mean or spread")
    if shift > most_shift + noise or ratio > most_ratio + noise:
        return rule.warns(
            f"inputs differ between training and evaluation: means by {shift:.2g} standard "
            f"deviations, spreads by a factor of {ratio:.2g}")
    return rule.passes("inputs are alike in training and evaluation")


def _channel_order(train: Array, evaluated: Array) -> str:
    """The order of channels, where the evaluation has another one than the training; else empty."""
    channels = len(train)
    if channels not in (3, 4) or train.shape != evaluated.shape:
        return ""
    likeness = np.corrcoef(train, evaluated)[:channels, channels:]  # (C, C)
    best = np.nan_to_num(likeness, nan=0.0).argmax(0)
    sure = likeness[best, np.arange(channels)] > np.diag(likeness) + SURELY
    permutation = sorted(best.tolist()) == list(range(channels))
    moved = permutation and (best != np.arange(channels))
    return str(tuple(best.tolist())) if np.any(moved) and bool(sure[moved].all()) else ""


def _scale_and_shift(train: Array, evaluated: Array) -> str:
    """The scale and the shift from one to the other, where that is all the difference, and more
    than constants which are rounded in another way.
    """
    said = []
    for a, b in zip(train, evaluated, strict=True):  # (n,) of one channel
        if np.ptp(a) < 1e-9:
            continue
        slope, shift = np.polyfit(a, b, 1)
        if np.abs(slope * a + shift - b).max() > STRAIGHT * max(1e-9, np.ptp(b)):
            return ""
        if abs(slope - 1) > SCALED or abs(shift) > SCALED * max(a.std(), b.std()):
            sign = "+" if shift >= 0 else "-"
            said.append(f"{slope:.3g} times the training value {sign} {abs(shift):.3g}")
    return said[0] if said else ""


# In a script that is watched

FEWEST_REPEATED, CHANGED = 16, 0.3


@dataclass(frozen=True)
class RepeatedEvaluation:
    """changed: share of samples, in the same order and with the same labels, whose values differ
    between two looks. samples: how many.
    """

    changed: float
    samples: int


@train_eval_preprocessing.register
def evaluation_repeats(rule: Rule[Any], seen: RepeatedEvaluation) -> CheckResult:
    if seen.samples < FEWEST_REPEATED or seen.changed < CHANGED:
        return rule.passes("the evaluation sees the same samples each time")
    return rule.warns(
        "the samples of the evaluation change from pass to pass while their labels do not: they "
        "are augmented at random", measured=seen.changed, expected=0.0, unit="of the samples",
        advice="Give the validation set the plain preprocessing.", source=KARPATHY_RECIPE)
