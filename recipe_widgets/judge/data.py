"""Judgements on samples and labels. Facts may fail, thresholds only warn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recipe_widgets.judge.wiring import few
from recipe_widgets.records import CheckResult

Array = npt.NDArray[Any]
_KARPATHY = "A. Karpathy, A Recipe for Training Neural Networks, 2019"
_RARE = 0.1  # share of an even share below which a class is rare


def class_balance(counts: Mapping[str, Array], *, names: Sequence[str] = (), sorted_runs: float = 0.0,
                  complete: bool = True) -> CheckResult:
    """Are all classes there, in similar shares, and mixed?

    Args:
        counts: split -> samples per class (K,); the training split comes first.
        sorted_runs: how much the labels of successive batches are sorted: share of the spread of the classes that lies
            between the batches beyond chance; 0 mixed, 1 one class per batch.
        complete: whether all samples were counted: only then a missing class is a fact.
    """
    name, facts = "class_balance", {"counts": {k: np.asarray(v) for k, v in counts.items()}, "names": tuple(names)}
    train = np.asarray(next(iter(counts.values())))
    total = np.sum([np.asarray(v) for v in counts.values()], axis=0)
    label = [str(n) for n in names] if len(names) == len(train) else [str(k) for k in range(len(train))]
    present = np.flatnonzero(total)
    if len(present) < 2:
        return CheckResult(name, "warn", f"all labels are of one class, {label[int(present[0])]}" if len(present) else
                           "there are no labels", len(present), "2 or more", "classes",
                           "Look at how the labels are read.", _KARPATHY, facts)
    lost = [label[k] for k in present if train[k] == 0]
    if lost:
        return CheckResult(name, "fail" if complete else "warn", f"{_classes(lost)} in other splits, but never in "
                           f"{next(iter(counts))}", len(lost), 0, "classes missing", "Shuffle, or deal each class in "
                           "proportion, before splitting.", _KARPATHY, facts)
    if sorted_runs > 0.5:
        return CheckResult(name, "warn", "the training batches come sorted by class", sorted_runs, "about 0",
                           "of the classes' spread lies between batches", "Shuffle the training samples: "
                           "DataLoader(..., shuffle=True).", _KARPATHY, facts)
    ratio = float(train.max() / train.min()) if train.min() else float(train.max())
    empty = [label[k] for k in np.flatnonzero(total == 0)]
    share = train / train.sum() * len(train)
    rare = [label[k] for k in np.flatnonzero((share < _RARE) & (train > 0))]
    if rare:
        return CheckResult(name, "warn", f"{_classes(rare)} rare: {int(train[train > 0].min())} samples against "
                           f"{int(train.max())} of the largest class", ratio, "below 10", "largest / smallest class",
                           "Balance the batches (WeightedRandomSampler) or weigh the loss, and judge by recall per class "
                           "rather than by accuracy.", "CS231n; He and Garcia, Learning from Imbalanced Data, 2009", facts)
    if empty and complete:
        return CheckResult(name, "note", f"no sample of {_classes(empty, verb=False)}", len(empty), 0, "classes",
                           details=facts, source=_KARPATHY)
    return CheckResult(name, "pass", f"{len(present)} classes in similar shares", ratio, "below 10",
                       "largest / smallest class", details=facts, source=_KARPATHY)


def _classes(labels: Sequence[str], verb: bool = True) -> str:
    one = len(labels) == 1
    text = f"class {labels[0]}" if one else f"classes {few(labels)}"
    return text + ((" is" if one else " are") if verb else "")


def input_range(channels: Mapping[str, Array], *, broken: Sequence[int] = (), whole: bool = False,
                image: bool = False) -> CheckResult:
    """Do the inputs have a size that a net can work with?

    Args:
        channels: mean, std, low, high: each (C,) per channel or column, as the inputs enter the model.
        broken: rows with NaN or infinity. whole: the inputs are whole numbers stored as such (bytes).
        image: C counts the channels of images, whose scales ought to be alike.
    """
    name, facts = "input_range", {key: np.asarray(value) for key, value in channels.items()}
    advice = "Scale to [0, 1], to [-1, 1], or to mean 0 and std 1 of the training set, once."
    if len(broken):
        return CheckResult(name, "fail", f"NaN or infinity in {len(broken)} samples, the first is {broken[0]}",
                           len(broken), 0, "samples", "Drop these rows or fill the gaps.", _BENGIO,
                           {**facts, "rows": np.asarray(broken)})
    mean, std = facts["mean"].astype(float), facts["std"].astype(float)
    live = std > 1e-12
    spread = float(np.sqrt(np.mean(std**2)))
    centre = float(np.abs(mean).max(initial=0.0))
    common = {"expected": "about 1", "unit": "std", "source": _BENGIO, "details": facts}
    if not live.any():
        return CheckResult(name, "warn", "all inputs are the same", spread, advice="Look at one sample right before "
                           "model(x).", **common)  # type: ignore[arg-type]
    if whole:
        return CheckResult(name, "note", f"whole numbers from {facts['low'].min():g} to {facts['high'].max():g}, not yet "
                           "scaled", spread, advice=advice, **common)  # type: ignore[arg-type]
    if spread > _LARGE:
        what = ": bytes that were never scaled?" if 20 < facts["high"].max() <= 255 and facts["low"].min() >= 0 else ""
        return CheckResult(name, "warn", f"the inputs are large{what}", spread, advice=advice, **common)  # type: ignore[arg-type]
    if spread < _SMALL:
        what = ": scaled twice, or by another data set's statistics?" if image else ""
        return CheckResult(name, "warn", f"the inputs are nearly constant, {centre:.3g} ± {spread:.2g}{what}", spread,
                           advice=advice, **common)  # type: ignore[arg-type]
    return _offset_and_scales(mean[live], std[live], image, common)


_BENGIO = "Y. Bengio, Practical Recommendations for Gradient-Based Training, 2012"
_LARGE, _SMALL = 20.0, 0.03


def _offset_and_scales(mean: Array, std: Array, image: bool, common: Mapping[str, Any]) -> CheckResult:
    far = float(np.max(np.abs(mean) / std))
    widest = float(std.max() / std.min())
    spread = float(np.sqrt(np.mean(std**2)))
    if far > 30:
        return CheckResult("input_range", "warn", f"inputs lie far from zero: up to {far:.3g} standard deviations", far,
                           "below 10", "|mean| / std", "Subtract the mean of the training set; float32 loses what is "
                           "small beside something large.", _BENGIO, common["details"])
    if widest > (30 if image else 300):
        return CheckResult("input_range", "warn", f"the columns differ in scale by a factor of {widest:.3g}", widest,
                           "below 10", "largest / smallest std", "Standardise each column by the training set.", _BENGIO,
                           common["details"])
    return CheckResult("input_range", "pass", "the inputs are in a sane range", spread, **common)


def duplicates(exact: Array, near: Array, sizes: Mapping[str, int], *, similarity: Array | None = None,
               by_chance: bool = False, clash: int = 0, searched: str = "", names: Sequence[str] = ()) -> CheckResult:
    """Samples that occur more than once.

    Args:
        exact, near: pairs (n, 4) of whole numbers: split and row of one sample, split and row of the other.
        sizes: samples per split, in the order in which the pairs count them.
        similarity: (n,) of the near pairs.
        by_chance: samples have so few possible values that copies are to be expected.
        clash: pairs whose labels differ.
    """
    name, names = "duplicates", tuple(sizes)
    total = max(1, sum(sizes.values()))
    facts = {"exact": exact, "near": near, "similarity": similarity, "splits": names, "sizes": dict(sizes)}
    across = int((exact[:, 0] != exact[:, 2]).sum()) if len(exact) else 0
    copies, alike = (len({(a, b) for a, b in pairs[:, 2:].tolist()}) if len(pairs) else 0 for pairs in (exact, near))
    said = [text for text in (f"{copies} exact copies" if copies else "", f"{alike} near copies" if alike else "",
                              f"{across} copies across splits" if across else "",
                              f"{clash} pairs have different labels" if clash else "") if text]
    common = {"measured": copies + alike, "expected": 0, "unit": "copies", "details": facts, "source": _BARZ,
              "advice": "Keep one of each; decide before splitting, and look at the pairs in details."}
    if not said:
        return CheckResult(name, "pass", f"no copies{searched}", **common)  # type: ignore[arg-type]
    serious = not by_chance and (across or copies + alike > 0.01 * total or clash)
    text = ", ".join(said) + f" among {total} samples{searched}"
    if by_chance:
        text += "; the samples have few possible values, so copies are to be expected"
    return CheckResult(name, "warn" if serious else "note", text, **common)  # type: ignore[arg-type]


_BARZ = "B. Barz, J. Denzler, Do We Train on Test Data? Purging CIFAR of Near-Duplicates, 2020"


def split_leak(exact: Array, near: Array, held: int, *, names: tuple[str, str] = ("train", "validation"),
               by_chance: bool = False, similarity: Array | None = None, searched: str = "") -> CheckResult:
    """Are samples of one split in the other?

    Args:
        exact, near: pairs (n, 2): row in the first split, row in the second.
        held: samples of the second split.
    """
    name, (first, second) = "split_leak", names
    facts = {"exact": exact, "near": near, "similarity": similarity, "splits": names}
    copied, alike = (len(np.unique(pairs[:, 1])) if len(pairs) else 0 for pairs in (exact, near))
    common: dict[str, Any] = {"expected": 0, "unit": f"samples of {second}", "details": facts, "source": _BARZ,
                              "advice": "Split first, by source (patient, film, user); copy, balance and augment after."}
    if copied and by_chance:
        return CheckResult(name, "note", f"{copied} of {held} samples of {second} occur in {first}, too; the samples have "
                           "few possible values, so that is to be expected", copied, **common)
    if copied:
        return CheckResult(name, "fail", f"{copied} of {held} samples of {second} are copies of samples of {first}", copied,
                           **common)
    if alike:
        return CheckResult(name, "warn" if alike > 0.005 * held else "note", f"{alike} of {held} samples of {second} have a "
                           f"near copy in {first}{searched}", alike, **common)
    return CheckResult(name, "pass", f"no sample of {second} is in {first}{searched}", 0, **common)


def outliers(scores: Mapping[str, Array], *, blank: Sequence[int] = (), cutoff: float = 8.0, most: int = 50,
             shown: Sequence[int] | None = None) -> CheckResult:
    """Samples that stand out along simple axes.

    Args:
        scores: axis -> robust z (N,): distance from the median in units of 1.4826 times the median absolute deviation.
        blank: rows without any content (constant images).
    """
    name = "outliers"
    worst = np.max([np.abs(v) for v in scores.values()], axis=0) if scores else np.zeros(0)
    order = np.argsort(-worst, kind="stable")[:most]
    axes = list(scores)
    per_axis = {axis: np.flatnonzero(np.abs(v) > cutoff) for axis, v in scores.items()}
    facts = {"rows": order, "score": worst[order], "scores": {axis: scores[axis][order] for axis in axes},
             "blank": np.asarray(blank, dtype=np.int64), "beyond": per_axis}
    common: dict[str, Any] = {"expected": f"|z| below {cutoff:g}", "unit": "robust z", "details": facts, "source": _KARPATHY,
                              "advice": "Look at these samples: extremes often show a fault of preprocessing."}
    beyond = int((worst > cutoff).sum())
    top = float(worst.max(initial=0.0))
    if len(blank):
        return CheckResult(name, "warn", f"{len(blank)} blank samples, the first is {blank[0]}", top, **common)
    if beyond:
        axis = max(axes, key=lambda a: float(np.abs(scores[a]).max(initial=0.0)))
        return CheckResult(name, "note", f"{beyond} of {len(worst)} samples stand out, most by {axis} (sample "
                           f"{int(order[0])})", top, **common)
    return CheckResult(name, "pass", "no sample stands out", top, **common)


def label_errors(ranked: Mapping[str, Mapping[str, Array]], *, samples: int, issues: int, accuracy: float, chance: float,
                 overlap: Sequence[tuple[str, str, float]] = (), confused: Array | None = None) -> CheckResult:
    """Labels that disagree with confident out-of-sample predictions.

    Args:
        ranked: split -> {rows, given, suggested, quality}: the most suspicious first.
        issues: how many cleanlab counts as wrong. accuracy: of the predictions. chance: share of the largest class.
        overlap: pairs of classes that the predictions cannot tell apart, with the share of mutual confusion.
        confused: the confident joint (K, K).
    """
    name, share = "label_errors", issues / max(1, samples)
    facts = {"ranked": dict(ranked), "accuracy": accuracy, "joint": confused, "overlap": tuple(overlap), "issues": issues}
    common: dict[str, Any] = {"measured": share, "expected": f"below {_NOISE:g}", "unit": "of the labels", "details": facts,
                              "source": _NORTHCUTT, "advice": "Look at the samples of details['ranked'], worst first."}
    if accuracy < chance + 0.5 * (1 - chance) and not overlap:
        return CheckResult(name, "skip", f"the predictions are too weak to judge labels by (accuracy {accuracy:.2f}, the "
                           f"largest class has {chance:.2f})", details=facts, source=_NORTHCUTT)
    if overlap:
        pairs = few([f"{a} and {b}" for a, b, _ in overlap], 3)
        return CheckResult(name, "warn", f"classes cannot be told apart: {pairs}: one class under two names?", **{
            **common, "measured": overlap[0][2], "expected": "below 0.3", "unit": "of the two classes are confused",
            "advice": "Merge them, or look at how the labels are written."})
    if share > _NOISE and issues >= 5:
        return CheckResult(name, "warn", f"about {issues} of {samples} labels look wrong", **common)
    if issues:
        return CheckResult(name, "note", f"about {issues} of {samples} labels may be wrong", **common)
    return CheckResult(name, "pass", f"no label of {samples} contradicts a confident prediction", **common)


_NORTHCUTT = "C. Northcutt, L. Jiang, I. Chuang, Confident Learning, 2021"
_NOISE = 0.08


def label_alignment(accuracy: float, chance: float, samples: int, classes: int, *, learners: Mapping[str, float]
                    ) -> CheckResult:
    """Do the labels have anything to do with the inputs?

    Args:
        accuracy: best out-of-sample accuracy of a few plain learners, on `samples` samples. chance: of the largest
            class alone.
    """
    name = "label_alignment"
    spread = math.sqrt(max(1e-9, chance * (1 - chance)) / max(1, samples))
    sigmas = (accuracy - chance) / spread
    common: dict[str, Any] = {"measured": accuracy, "expected": f"above {chance:.3g}", "unit": "accuracy",
                              "details": {"learners": dict(learners), "chance": chance}, "source": _KARPATHY}
    if samples < 100 or samples < 10 * classes:
        return CheckResult(name, "skip", f"{samples} samples of {classes} classes are too few to tell")
    if sigmas < 3:
        return CheckResult(name, "warn", "the labels have nothing to do with the inputs: no plain learner beats chance",
                           advice="Shuffle inputs and labels by the same order; look at some pairs.", **common)
    return CheckResult(name, "pass", "the labels go with the inputs", **common)


def augmentation_keeps_label(*, permuted: float, changed_labels: float, before: float, after: float, samples: int,
                             moved: Mapping[tuple[str, str], float] | None = None, hidden: float = 0.0, chance: float = 0.0,
                             problem: str = "") -> CheckResult:
    """Does an augmented sample still show what its label says?

    Args:
        permuted: share of the samples that became an exact copy of another sample with another label.
        changed_labels: share of labels that the augmentation changed.
        before, after: accuracy of a learner trained on plain samples, on held-out plain and augmented ones.
        moved: (class, predicted class) -> share of that class's augmented samples that went there, beyond before.
        hidden: share of the inputs' values that became one constant.
        problem: what is wrong with the form of the output (shape, NaN).
    """
    name = "augmentation_keeps_label"
    facts = {"before": before, "after": after, "moved": dict(moved or {}), "hidden": hidden}
    common: dict[str, Any] = {"details": facts, "source": _KARPATHY}
    if problem:
        return CheckResult(name, "fail", f"the augmentation {problem}", **common)
    if permuted > 0.05:
        return CheckResult(name, "fail", f"the augmentation exchanges samples, not their labels: {permuted:.0%} became a "
                           "sample of another label", permuted, 0.0, "of the samples", "A flip or roll runs over the batch "
                           "axis; images are (N, C, H, W), mirror with x.flip(-1).", **common)
    drop = before - after
    noise = math.sqrt(2 * 0.25 / max(1, samples))
    if before < chance + 0.3 * (1 - chance):
        return CheckResult(name, "skip", f"no learner knows the plain samples well enough to judge (accuracy {before:.2f})",
                           **common)
    swapped = [(pair, share) for pair, share in (moved or {}).items() if share > 0.3]
    number = {"measured": after, "expected": f"about {before:.2f}", "unit": "accuracy on augmented samples"}
    if swapped and drop > max(0.08, 3 * noise):
        said = few([f"{a} becomes {b}" for (a, b), _ in sorted(swapped, key=lambda item: -item[1])], 3)
        return CheckResult(name, "warn", f"the augmentation changes what the samples show: {said}", advice="Leave out flips and "
                           "turns that make one class look like another.", **number, **common)  # type: ignore[arg-type]
    if drop > max(0.35, 4 * noise):
        return CheckResult(name, "warn", "the augmentation is so strong that the samples are hardly recognised",
                           advice="Look at some augmented samples; make it weaker.", **number, **common)  # type: ignore[arg-type]
    return CheckResult(name, "pass", "augmented samples still show their class", **number, **common)  # type: ignore[arg-type]
