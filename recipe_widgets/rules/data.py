"""Judgements on samples and labels. Facts may fail, thresholds only warn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recipe_widgets.core import CheckResult
from recipe_widgets.rules.texts import few

Array = npt.NDArray[Any]
_KARPATHY = "A. Karpathy, A Recipe for Training Neural Networks, 2019"
_RARE = 0.1  # share of the largest class below which a class is rare


def class_balance(counts: Mapping[str, Array], *, names: Sequence[str] = (),
                  sorted_runs: float = 0.0, complete: bool = True) -> CheckResult:
    """Are all classes there, in similar shares, and mixed?

    Args:
        counts: split -> samples per class (K,); the training split comes first.
        sorted_runs: how much the labels of successive batches are sorted: share of the spread of
            the classes that lies between the batches beyond chance; 0 mixed, 1 one class per batch.
        complete: whether all samples were counted: only then a missing class is a fact.
    """
    name, facts = "class_balance", {
        "counts": {k: np.asarray(v) for k, v in counts.items()}, "names": tuple(names)
    }
    train = np.asarray(next(iter(counts.values())))
    total = np.sum([np.asarray(v) for v in counts.values()], axis=0)
    label = [str(n)
             for n in names] if len(names) == len(train) else [str(k) for k in range(len(train))]
    present = np.flatnonzero(total)
    if len(present) < 2:
        return CheckResult(
            name, "warn", f"all labels are of one class, {label[int(present[0])]}"
            if len(present) else "there are no labels", len(present), "2 or more", "classes",
            "Look at how the labels are read.", _KARPATHY, facts)
    lost = [label[k] for k in present if train[k] == 0]
    if lost:
        return CheckResult(
            name, "fail" if complete else "warn", f"{_classes(lost)} in other splits, but never in "
            f"{next(iter(counts))}", len(lost), 0, "classes missing",
            "Shuffle, or deal each class in "
            "proportion, before splitting.", _KARPATHY, facts)
    if sorted_runs > 0.5:
        return CheckResult(name, "warn", "the training batches come sorted by class", sorted_runs,
                           "about 0", "of the classes' spread lies between batches",
                           "Shuffle the training samples: "
                           "DataLoader(..., shuffle=True).", _KARPATHY, facts)
    ratio = float(train.max() / train.min()) if train.min() else float(train.max())
    empty = [label[k] for k in np.flatnonzero(total == 0)]
    rare = [label[k] for k in np.flatnonzero((train < _RARE * train.max()) & (train > 0))]
    if rare:
        return CheckResult(
            name, "warn", f"{_classes(rare)} rare: {int(train[train > 0].min())} samples against "
            f"{int(train.max())} of the largest class", ratio, "below 10",
            "largest / smallest class",
            "Balance the batches (WeightedRandomSampler) or weigh the loss, and judge by recall per class "
            "rather than by accuracy.",
            "CS231n; He and Garcia, Learning from Imbalanced Data, 2009", facts)
    if empty and complete:
        return CheckResult(name, "note", f"no sample of {_classes(empty, verb=False)}", len(empty),
                           0, "classes", details=facts, source=_KARPATHY)
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
        channels: mean, std, low, high: each (C,) per channel or column, as the inputs enter the
            model.
        broken: rows with NaN or infinity. whole: the inputs are whole numbers stored as such
            (bytes).
        image: C counts the channels of images, whose scales ought to be alike.
    """
    name, facts = "input_range", {key: np.asarray(value) for key, value in channels.items()}
    advice = "Scale to [0, 1], to [-1, 1], or to mean 0 and std 1 of the training set, once."
    if len(broken):
        return CheckResult(name, "fail",
                           f"NaN or infinity in {len(broken)} samples, the first is {broken[0]}",
                           len(broken), 0, "samples", "Drop these rows or fill the gaps.", _BENGIO,
                           {**facts, "rows": np.asarray(broken)})
    mean, std = facts["mean"].astype(float), facts["std"].astype(float)
    live = std > 1e-12
    spread = float(np.sqrt(np.mean(std**2)))
    centre = float(np.abs(mean).max(initial=0.0))
    common = {"expected": "about 1", "unit": "std", "source": _BENGIO, "details": facts}
    if not live.any():
        return CheckResult(name, "warn", "all inputs are the same", spread,
                           advice="Look at one sample right before "
                           "model(x).", **common)  # type: ignore[arg-type]
    if whole:
        return CheckResult(
            name, "note",
            f"whole numbers from {facts['low'].min():g} to {facts['high'].max():g}, not yet "
            "scaled", spread, advice=advice, **common)  # type: ignore[arg-type]
    if spread > _LARGE:
        what = ": bytes that were never scaled?" if 20 < facts["high"].max(
        ) <= 255 and facts["low"].min() >= 0 else ""
        return CheckResult(name, "warn", f"the inputs are large{what}", spread, advice=advice,
                           **common)  # type: ignore[arg-type]
    if spread < _SMALL:
        what = ": scaled twice, or by another data set's statistics?" if image else ""
        return CheckResult(name, "warn",
                           f"the inputs are nearly constant, {centre:.3g} ± {spread:.2g}{what}",
                           spread, advice=advice, **common)  # type: ignore[arg-type]
    return _offset_and_scales(mean[live], std[live], common)


_BENGIO = "Y. Bengio, Practical Recommendations for Gradient-Based Training, 2012"
_LARGE, _SMALL = 20.0, 0.03


def _offset_and_scales(mean: Array, std: Array, common: Mapping[str, Any]) -> CheckResult:
    """Columns that hardly vary, such as the border pixels of digits, count by a tenth of the
    spread of all.
    """
    spread = float(np.sqrt(np.mean(std**2)))
    far = float(np.max(np.abs(mean) / np.maximum(std, 0.1 * spread)))
    widest = float(std.max() / np.median(std))
    if far > 30:
        return CheckResult(
            "input_range", "warn", f"inputs lie far from zero: up to {far:.3g} standard deviations",
            far, "below 10", "|mean| / std",
            "Subtract the mean of the training set; float32 loses what is "
            "small beside something large.", _BENGIO, common["details"])
    if widest > 100:
        return CheckResult(
            "input_range", "warn", f"one column is {widest:.3g} times as wide as the others",
            widest, "below 10", "largest / median std",
            "Standardise each column by the training set.", _BENGIO, common["details"])
    return CheckResult("input_range", "pass", "the inputs are in a sane range", spread, **common)


def duplicates(exact: Array, near: Array, sizes: Mapping[str,
                                                         int], *, similarity: Array | None = None,
               by_chance: bool = False, clash: int = 0, only_exact: bool = False) -> CheckResult:
    """Samples that occur more than once.

    Args:
        exact, near: pairs (n, 4) of whole numbers: split and row of one sample, split and row of
            the other.
        sizes: samples per split, in the order in which the pairs count them.
        similarity: (n,) of the near pairs.
        by_chance: samples have so few possible values that copies are to be expected.
        clash: pairs of equal samples whose labels differ. only_exact: near ones were not looked
            for.
    """
    name, names = "duplicates", tuple(sizes)
    total = max(1, sum(sizes.values()))
    facts = {
        "exact": exact, "near": near, "similarity": similarity, "splits": names, "sizes":
        dict(sizes)
    }
    across = sum(int((pairs[:, 0] != pairs[:, 2]).sum()) for pairs in (exact, near) if len(pairs))
    copies, alike = (len({(a, b)
                          for a, b in pairs[:, 2:].tolist()}) if len(pairs) else 0
                     for pairs in (exact, near))
    said = [
        text for text in (f"{copies} exact copies" if copies else "",
                          f"{alike} near copies" if alike else "",
                          f"{across} copies across splits" if across else "",
                          f"{clash} pairs have different labels" if clash else "") if text
    ]
    common = {
        "measured": copies + alike, "expected": 0, "unit": "copies", "details": facts, "source":
        _BARZ, "advice":
        "Keep one of each; decide before splitting, and look at the pairs in details."
    }
    if not said:
        return CheckResult(name, "pass", "no exact copies" if only_exact else "no copies",
                           **common)  # type: ignore[arg-type]
    # Copies inside a split may be meant (rare samples taken more often); across splits they never
    # are.
    serious = bool(across or clash) and not by_chance
    text = ", ".join(said) + f" among {total} samples"
    if by_chance:
        text += "; the samples have few possible values, so copies are to be expected"
    return CheckResult(name, "warn" if serious else "note", text,
                       **common)  # type: ignore[arg-type]


_BARZ = "B. Barz, J. Denzler, Do We Train on Test Data? Purging CIFAR of Near-Duplicates, 2020"


def split_leak(exact: Array, near: Array, held: int, *,
               names: tuple[str, str] = ("train", "validation"), by_chance: bool = False,
               similarity: Array | None = None, only_exact: bool = False) -> CheckResult:
    """Are samples of one split in the other?

    Args:
        exact, near: pairs (n, 2): row in the first split, row in the second.
        held: samples of the second split. only_exact: near copies were not looked for.
    """
    name, (first, second) = "split_leak", names
    facts = {"exact": exact, "near": near, "similarity": similarity, "splits": names}
    copied, alike = (len(np.unique(pairs[:, 1])) if len(pairs) else 0 for pairs in (exact, near))
    common: dict[str, Any] = {
        "expected": 0, "unit": f"samples of {second}", "details": facts, "source": _BARZ, "advice":
        "Split first, by source (patient, film, user); copy, balance and augment after."
    }
    if copied and by_chance:
        return CheckResult(
            name, "note",
            f"{copied} of {held} samples of {second} occur in {first}, too; the samples have "
            "few possible values, so that is to be expected", copied, **common)
    if copied:
        return CheckResult(
            name, "fail",
            f"{copied} of {held} samples of {second} are copies of samples of {first}", copied,
            **common)
    if alike:
        return CheckResult(name, "warn" if alike > 0.005 * held else "note",
                           f"{alike} of {held} samples of {second} have a "
                           f"near copy in {first}", alike, **common)
    what = "exact copy of a sample" if only_exact else "sample"
    return CheckResult(name, "pass", f"no {what} of {second} is in {first}", 0, **common)


def outliers(scores: Mapping[str, Array], places: Array, *, blank: Sequence[int] | Array = (),
             cutoff: float = 8.0, most: int = 50, names: Sequence[str] = ()) -> CheckResult:
    """Samples that stand out along simple axes.

    Args:
        scores: axis -> robust z (N,): distance from the median in units of 1.4826 times the median
            absolute deviation.
        places: (N, 2): split and row of each sample. names: of the splits.
        blank: numbers of samples without any content (constant images).
    """
    worst = np.max([np.abs(v)
                    for v in scores.values()], axis=0) if scores else np.zeros(len(places))
    order = np.argsort(-worst, kind="stable")[:most]
    facts = {
        "rows": places[order], "score": worst[order], "scores":
        {axis: v[order] for axis, v in scores.items()}, "blank":
        places[np.asarray(blank, dtype=np.int64)], "splits": tuple(names), "beyond":
        {axis: places[np.abs(v) > cutoff] for axis, v in scores.items()}
    }
    top, beyond = float(worst.max(initial=0.0)), int((worst > cutoff).sum())
    common: dict[str, Any] = {
        "measured": top, "expected": f"below {cutoff:g}", "unit": "robust z", "details": facts,
        "source": _KARPATHY, "advice":
        "Look at these samples: extremes often show a fault of preprocessing."
    }
    if len(blank):
        return CheckResult(
            "outliers", "warn",
            f"{len(blank)} blank samples, the first is {_where(places[blank[0]], names)}", **common)
    if beyond:
        axis = max(scores, key=lambda a: float(np.abs(scores[a]).max(initial=0.0)))
        return CheckResult(
            "outliers", "note", f"{beyond} of {len(worst)} samples stand out, most by {axis}: "
            f"{_where(places[order[0]], names)}", **common)
    return CheckResult("outliers", "pass", "no sample stands out", **common)


def _where(place: Array, names: Sequence[str]) -> str:
    return f"{names[int(place[0])]} {int(place[1])}" if len(names) else str(int(place[1]))
