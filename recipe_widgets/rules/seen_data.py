"""Judgements on the samples that were seen entering a model in training and in evaluation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recipe_widgets.core import CheckResult
from recipe_widgets.core.findings import Status

Hashes = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]
_KARPATHY = "A. Karpathy, A Recipe for Training Neural Networks, 2019"


@dataclass(frozen=True)
class Stats:
    """Per channel of pictures, or feature of tables: mean and std; low, high over all; spread:
    largest range within a channel; samples; picture: (N, C, H, W)."""

    mean: Array
    std: Array
    low: float
    high: float
    spread: float
    samples: int
    picture: bool


def input_range(s: Stats) -> CheckResult | None:
    """Is what enters the first layer with weights of a sane size?"""
    name, source = "input_range", "B. and K.: keep inputs near mean 0, std 1"
    size, middle = float(np.sqrt((s.std**2).mean())), float(np.abs(s.mean).max(initial=0.0))
    facts = {"source": source, "details": {"mean": s.mean, "std": s.std}}
    if s.picture and s.high > 50 and s.low >= 0:
        return CheckResult(
            name, "warn", f"bytes enter unscaled: {s.low:.3g} to {s.high:.3g}", s.high,
            "about -2 to 3",
            advice="Divide by 255, then subtract the mean and divide by the standard deviation.",
            **facts)  # type: ignore[arg-type]
    if s.spread < 0.1 and size < 0.03 and s.samples >= 16:
        twice = " (scaled twice?)" if s.low >= -0.2 or abs(middle) > 10 * size else ""
        return CheckResult(
            name, "warn", f"the input is nearly constant: standard deviation {size:.2g} around "
            f"{float(s.mean.mean()):.3g}{twice}", size, "about 1", "standard deviation",
            "Look at the scaling: divided by 255 twice, or normalised with the statistics of other data?",
            **facts)  # type: ignore[arg-type]
    if s.picture and middle > 5 * max(size, 1e-12) and middle > 3:
        return CheckResult(name, "warn", "the input lies far from zero for its spread", middle,
                           "about 0", "mean", "Normalise with the statistics of this data set.",
                           **facts)  # type: ignore[arg-type]
    if size > 50 and s.samples >= 16:
        return CheckResult(name, "warn", "the inputs are very large", size, "about 1",
                           "standard deviation", "Standardise the columns.",
                           **facts)  # type: ignore[arg-type]
    return None


def train_eval_preprocessing(train: Stats, test: Stats) -> CheckResult | None:
    """Are the samples of the evaluation made like those of the training?"""
    name = "train_eval_preprocessing"
    if min(train.samples, test.samples) < 60 or train.mean.shape != test.mean.shape:
        return None
    details = {
        "train_mean": train.mean, "eval_mean": test.mean, "train_std": train.std, "eval_std":
        test.std
    }
    spread = np.maximum(train.std, 1e-6 + 1e-3 * np.abs(train.mean))
    gap = np.abs(train.mean - test.mean) / spread
    if train.picture and len(train.mean) == 3:
        turned = np.abs(train.mean - test.mean[::-1]) / spread
        if gap.max() > 0.25 and turned.max() < 0.25 * gap.max() and turned.max() < 0.12:
            return CheckResult(name, "warn",
                               "the colour channels of the evaluation come in the reversed order",
                               float(gap.max()), 0.0, "standard deviations",
                               "Use one loading function for both "
                               "(RGB or BGR).", details=details)
    if train.picture:
        ratio = np.sqrt((test.std**2).mean() / max(1e-12, float((train.std**2).mean())))
        off = gap.max() > 0.6 or ratio > 1.7 or ratio < 0.55
    else:
        ratio = float(np.median(test.std / spread))
        off = float(np.median(gap)) > 1.0 or ratio > 2.2 or ratio < 0.4
    if off:
        return CheckResult(
            name, "warn", "training and evaluation are normalised differently: mean "
            f"{train.mean.mean():.3g} and {test.mean.mean():.3g}, standard deviation "
            f"{np.sqrt((train.std**2).mean()):.3g} and {np.sqrt((test.std**2).mean()):.3g}",
            float(gap.max()), "below 0.5", "standard deviations",
            "Use one preprocessing function, with "
            "the training set's statistics, for both.", _KARPATHY, details)
    return None


def split_leak(overlap: int, size: int, train_size: int, own_copies: float, continuous: bool,
               clean_phase: bool) -> CheckResult | None:
    """overlap: samples of the evaluation that were trained on, of `size` different ones.
    train_size: different training samples. own_copies: share of copies within the evaluation.
    continuous: equal samples cannot be chance.
    clean_phase: another evaluation has no such samples."""
    share = overlap / max(1, size)
    if overlap < 3 or share < 0.01 or size < 10 or (not continuous and own_copies > 0.02):
        return None
    facts = {
        "measured": overlap, "expected": 0, "unit": f"of {size} samples", "source":
        "Kaufman et al., Leakage in data "
        "mining, 2012", "advice":
        "Split first, then copy, oversample or augment the training part only."
    }
    if share > 0.98:
        if size > 0.9 * train_size:  # the training set itself is evaluated, on purpose
            return None
        status: Status = "note" if clean_phase else "warn"
        return CheckResult("split_leak", status,
                           f"all samples of an evaluation ({size} of {train_size}) are training "
                           "samples", **facts)  # type: ignore[arg-type]
    if not continuous and share < max(0.05, 5 * own_copies):
        return None
    return CheckResult("split_leak", "fail" if continuous and share > 0.02 else "warn",
                       f"{share:.0%} of the evaluation's samples are training samples, too",
                       **facts)  # type: ignore[arg-type]


def evaluation_augmented(changed: float, samples: int) -> CheckResult | None:
    """changed: share of samples, in the same order and with the same labels, whose values differ
    between two looks.
    """
    if samples < 16 or changed < 0.3:
        return None
    return CheckResult(
        "train_eval_preprocessing", "warn",
        "the samples of the evaluation change from pass to pass while "
        "their labels do not: they are augmented at random", changed, 0.0, "of the samples",
        "Give the validation set the plain preprocessing.", _KARPATHY)


def labels_contradict(contradicting: int, repeated: int) -> CheckResult | None:
    """repeated: samples seen again in a later pass; contradicting: those that had another label
    then.
    """
    if repeated < 50 or contradicting < max(10, 0.05 * repeated):
        return None
    return CheckResult(
        "label_alignment", "fail", f"the same input comes with other labels in other epochs: "
        f"{contradicting} of {repeated} samples", contradicting, 0, f"of {repeated}",
        "Inputs and labels "
        "are reordered apart from one another: look at shuffles and flips over the batch axis.",
        _KARPATHY)


def sorted_classes(batches: Sequence[Labels]) -> CheckResult | None:
    """Do training batches hold one class each, class after class?"""
    whole = np.concatenate(batches) if batches else np.zeros(0, np.int64)
    full = [b for b in batches if len(b) >= 4]
    if len(full) < 5 or len(whole) < 60:
        return None
    counts = np.unique(whole, return_counts=True)[1] / len(whole)
    if len(counts) < 2 or (len(counts) == 2 and counts.max() > 0.9):
        return None
    largest = np.mean([np.bincount(b - b.min()).max() / len(b) for b in full])
    stays, chance = float((whole[1:] == whole[:-1]).mean()), float((counts**2).sum())
    blocks = 1 + int(
        sum(
            np.bincount(a - a.min()).argmax() + a.min() != np.bincount(b - b.min()).argmax() +
            b.min() for a, b in itertools.pairwise(full)))
    if largest > 0.85 and stays > 0.9 and stays > chance + 0.3 and blocks < 0.5 * len(full):
        return CheckResult(
            "class_order", "warn",
            f"the training batches are sorted by class: {largest:.0%} of a batch are "
            "of one class", largest, chance, "of a batch",
            "Shuffle: DataLoader(..., shuffle=True).", "Y. Bengio, Practical recommendations, 2012")
    return None


def class_balance(labels: Labels, weighted: bool) -> CheckResult | None:
    """labels: one per training sample. weighted: by the loss or a sampler."""
    values, counts = np.unique(labels, return_counts=True)
    if len(labels) < 200 or weighted or not 2 <= len(values) <= 1000:
        return None
    share = counts.max() / len(labels)
    if share > 0.9:
        return CheckResult(
            "class_balance", "warn", f"{share:.0%} of the training samples are of class "
            f"{values[counts.argmax()]}, and neither the loss nor the batches balance that",
            float(share), 1 / len(values), "of the samples",
            "Weight the loss, or a WeightedRandomSampler; report the "
            "recall of each class.", details={"counts": counts})
    return None


def missing_classes(train: Labels, test: Labels) -> CheckResult | None:
    """Classes of the evaluation that never occur in training."""
    missing = sorted(set(np.unique(test).tolist()) - set(np.unique(train).tolist()))
    among = float(np.isin(test, missing).mean()) if len(test) else 0.0
    if not missing or len(
            test) < 30 or among < 0.02 or len(train) * among / len(missing) < 12 or len(
                np.unique(train)) < 2:
        return None
    return CheckResult(
        "class_balance", "warn",
        f"{len(missing)} classes of the evaluation never occur in {len(train)} "
        f"training samples: {', '.join(map(str, missing[:8]))}", len(missing), 0, "classes",
        "Shuffle before splitting, or split by class.", details={"share": among})


def label_noise(rate: float, anywhere: float, classes: int, uniform: float) -> CheckResult | None:
    """rate: share of samples whose label differs from that of all their neighbours, where these
    agree. anywhere: share whose label differs from most neighbours, at any place; noise is the same
    everywhere, while hard classes are confused at their borders. uniform: how evenly wrong labels
    spread over the other classes, 0 to 1."""
    if classes < 3 or rate < 0.12 or uniform < 0.5 or anywhere > rate + 0.11:
        return None
    return CheckResult(
        "label_errors", "warn",
        f"about {rate:.0%} of the training labels look wrong: neighbours that agree "
        "among themselves disagree with them", rate, "below 0.05", "of the samples",
        "Look at some of them; take the majority of several annotators.",
        "C. Northcutt et al., Confident learning, 2021")


def overlapping(pairs: Mapping[tuple[int, int], float], rest: float) -> CheckResult | None:
    """pairs: two classes -> how often their samples lie among the other's (0.5: one class under two
    names).
    rest: accuracy of neighbours otherwise."""
    bad = sorted((pair for pair, share in pairs.items() if share > 0.3),
                 key=lambda pair: -pairs[pair])
    if not bad or rest < 0.88:
        return None
    return CheckResult(
        "label_errors", "warn",
        f"classes {bad[0][0]} and {bad[0][1]} cannot be told apart, while the "
        f"others can" + (f" ({len(bad)} such pairs)" if len(bad) > 1 else ""), pairs[bad[0]],
        "below 0.1", "of the samples", "Is it one class under two names?")


def information(train: float, test: float, chance: float, repeats: bool) -> CheckResult | None:
    """Accuracy of a small probe on held-out training samples (as they enter), and on those of the
    evaluation.
    repeats: training samples come again bit for bit, so that they are not augmented."""
    if test - chance < 0.25 or train - chance > 0.45 * (test - chance):
        return None
    if repeats:
        return CheckResult(
            "label_alignment", "warn",
            "the training inputs say much less about their labels than those of "
            "the evaluation: they seem not to belong together", train, test, "accuracy of a probe",
            "Shuffle inputs and labels with the same permutation.", _KARPATHY)
    return CheckResult(
        "augmentation_keeps_label", "warn",
        "the training inputs, after augmentation, say much less about "
        "their labels than those of the evaluation", train, test, "accuracy of a probe",
        "Augment less, and look at what enters the net.", _KARPATHY)


def uninformative(probe: float, model: float, chance: float, samples: int) -> CheckResult | None:
    """probe: accuracy of a small probe on held-out training samples; model: the script's own
    accuracy.
    """
    noise = 3 * math.sqrt(chance * (1 - chance) / max(1, samples)) + 0.02
    if samples < 100 or probe > chance + noise or model > chance + noise:
        return None
    return CheckResult(
        "label_alignment", "warn",
        "the labels have nothing to do with the inputs, as far as a probe and the "
        "script's own accuracy can tell", probe, chance, "accuracy of a probe",
        "Are inputs and labels "
        "shuffled apart from one another?", _KARPATHY)


def flip_swaps(moved: Mapping[tuple[int, int], float], plain: float) -> CheckResult | None:
    """moved: (a, b) -> share of flipped samples of class a that a probe takes for b. plain: its
    accuracy without.
    """
    bad = [pair for pair, share in moved.items() if share > 0.6 and pair[0] != pair[1]]
    if not bad or plain < 0.7:
        return None
    a, b = bad[0]
    return CheckResult("augmentation_keeps_label", "warn",
                       f"the flip turns class {a} into class {b} and keeps the label", moved[a, b],
                       "below 0.1", f"of class {a}",
                       "Change the label with the picture, or do not flip.", _KARPATHY)


def metric(printed: float, right: float, wrong: Mapping[str, float], digits: int,
           percent: bool) -> CheckResult | None:
    """A printed accuracy against a recount. wrong: slip -> what it would give."""
    scale, unit = (100.0, "%") if percent else (1.0, "")
    half = 0.51 * 10.0**-digits
    if abs(printed - scale * right) <= half:
        return None
    for slip, value in wrong.items():
        if abs(printed - scale * value) <= half and abs(value - right) * scale > 2 * half:
            return CheckResult("metric_recount", "fail", f"the printed accuracy is {slip}", printed,
                               scale * right, unit,
                               "Add up hits and samples; divide once, at the end.",
                               "A. Ng, Machine Learning Yearning")
    return None
