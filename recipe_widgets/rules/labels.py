"""Judgements on labels, on augmentation and on the two pipelines. Facts may fail, thresholds
only warn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recipe_widgets.core import CheckResult
from recipe_widgets.rules.texts import few

Array = npt.NDArray[Any]
_KARPATHY = "A. Karpathy, A Recipe for Training Neural Networks, 2019"
_NORTHCUTT = "C. Northcutt, L. Jiang, I. Chuang, Confident Learning, 2021"
_NOISE = 0.08  # share of wrong labels from which on it is more than the usual few


def label_errors(ranked: Mapping[str, Mapping[str, Array]], *, samples: int, issues: int, sure: int,
                 accuracy: float, chance: float, overlap: Sequence[tuple[str, str, float]] = (),
                 confused: Array | None = None) -> CheckResult:
    """Labels that disagree with confident out-of-sample predictions.

    Args:
        ranked: split -> {rows, given, suggested, quality}: the most suspicious first.
        issues: how many cleanlab counts as wrong. sure: those of them whose given label is all but
            ruled out.
        accuracy: of the predictions. chance: share of the largest class.
        overlap: pairs of classes that the predictions cannot tell apart, with the share of mutual
            confusion.
        confused: the confident joint (K, K).
    """
    name, share = "label_errors", sure / max(1, samples)
    facts = {
        "ranked": dict(ranked), "accuracy": accuracy, "joint": confused, "overlap": tuple(overlap),
        "issues": issues
    }
    common: dict[str, Any] = {
        "measured": share, "expected": f"below {_NOISE:g}", "unit": "of the labels", "details":
        facts, "source": _NORTHCUTT, "advice":
        "Look at the samples of details['ranked'], worst first."
    }
    if accuracy < chance + 0.5 * (1 - chance) and not overlap:
        return CheckResult(
            name, "skip",
            f"the predictions are too weak to judge labels by (accuracy {accuracy:.2f}, the "
            f"largest class has {chance:.2f})", details=facts, source=_NORTHCUTT)
    if overlap:
        pairs = few([f"{a} and {b}" for a, b, _ in overlap], 3)
        return CheckResult(
            name, "warn", f"classes cannot be told apart: {pairs}: one class under two names?", **{
                **common, "measured": overlap[0][2], "expected": "below 0.3", "unit":
                "of the two classes are confused", "advice":
                "Merge them, or look at how the labels are written."
            })
    if share > _NOISE and sure >= 5:
        return CheckResult(
            name, "warn",
            f"about {issues} of {samples} labels look wrong, {sure} of them all but surely",
            **common)
    if issues:
        return CheckResult(
            name, "note",
            f"about {issues} of {samples} labels may be wrong, {sure} of them all but surely",
            **common)
    return CheckResult(name, "pass", f"no label of {samples} contradicts a confident prediction",
                       **common)


def label_alignment(gain: Array, *, classes: int, accuracy: float,
                    learner: str = "") -> CheckResult:
    """Do the labels have anything to do with the inputs?

    Args:
        gain: (N,) out-of-sample probability of the own label, less that of a label drawn at random
            by its share: its mean is 0 when the labels were shuffled. accuracy: of the predictions.
    """
    name, samples = "label_alignment", len(gain)
    if samples < 100 or samples < 8 * classes:
        return CheckResult(name, "skip",
                           f"{samples} samples of {classes} classes are too few to tell")
    sigmas = float(gain.mean() / max(1e-9, gain.std() / math.sqrt(samples)))
    common: dict[str, Any] = {
        "measured": sigmas, "expected": "above 4", "unit": "standard errors above chance",
        "details": {"gain": gain, "accuracy": accuracy, "learner": learner}, "source": _KARPATHY
    }
    if sigmas < 4:
        return CheckResult(
            name, "warn",
            "the labels have nothing to do with the inputs: no plain learner beats chance",
            advice="Shuffle inputs and labels by the same order; look at some pairs.", **common)
    return CheckResult(name, "pass", "the labels go with the inputs", **common)


def augmentation_keeps_label(*, permuted: float, before: float, after: float, samples: int,
                             moved: Mapping[tuple[str, str], float] | None = None,
                             chance: float = 0.0, problem: str = "") -> CheckResult:
    """Does an augmented sample still show what its label says?

    Args:
        permuted: share of the samples that became an exact copy of another sample with another
            label.
        before, after: accuracy of a learner trained on plain samples, on held-out plain and
            augmented ones.
        moved: (class, predicted class) -> share of that class's augmented samples that went there,
            beyond before.
        problem: what is wrong with the form of the output (shape, NaN).
    """
    name = "augmentation_keeps_label"
    facts = {"before": before, "after": after, "moved": dict(moved or {})}
    common: dict[str, Any] = {"details": facts, "source": _KARPATHY}
    if problem:
        return CheckResult(name, "fail", f"the augmentation {problem}", **common)
    if permuted > 0.05:
        return CheckResult(
            name, "fail",
            f"the augmentation exchanges samples, not their labels: {permuted:.0%} became a "
            "sample of another label", permuted, 0.0, "of the samples",
            "A flip or roll runs over the batch "
            "axis; images are (N, C, H, W), mirror with x.flip(-1).", **common)
    drop = before - after
    noise = math.sqrt(2 * 0.25 / max(1, samples))
    if before < chance + 0.3 * (1 - chance):
        return CheckResult(
            name, "skip",
            f"no learner knows the plain samples well enough to judge (accuracy {before:.2f})",
            **common)
    moved = moved or {}
    # A mirror exchanges classes; where only few pixels are left, they go anywhere.
    swapped = [((a, b), share) for (a, b), share in moved.items()
               if share > 0.3 and (moved.get((b, a), 0) > 0.2 or len(moved) <= 2)]
    number = {
        "measured": after, "expected": f"about {before:.2f}", "unit":
        "accuracy on augmented samples"
    }
    if swapped and drop > max(0.08, 3 * noise):
        said = few([f"{a} becomes {b}" for (a, b), _ in sorted(swapped, key=lambda item: -item[1])],
                   3)
        return CheckResult(name, "warn", f"the augmentation changes what the samples show: {said}",
                           advice="Leave out "
                           "flips and turns that make one class look like another.", **number,
                           **common)  # type: ignore[arg-type]
    if drop > max(0.35, 4 * noise):
        return CheckResult(name, "warn",
                           "the augmentation is so strong that the samples are hardly recognised",
                           advice="Look at some augmented samples; make it weaker.", **number,
                           **common)  # type: ignore[arg-type]
    return CheckResult(name, "pass", "augmented samples still show their class", **number,
                       **common)  # type: ignore[arg-type]


def train_eval_preprocessing(*, shapes: tuple[tuple[int, ...], tuple[int, ...]],
                             random: tuple[bool, bool], train: Array | None = None,
                             evaluated: Array | None = None) -> CheckResult:
    """Two pipelines on the same raw samples.

    Args:
        shapes: of what the training and the evaluation pipeline give.
        random: whether each gives something else the second time.
        train, evaluated: (C, n): what they give, per channel or column, in the same order.
    """
    name = "train_eval_preprocessing"
    if shapes[0] != shapes[1] or train is None or evaluated is None:
        return CheckResult(name, "warn",
                           f"training gives shape {shapes[0]}, evaluation {shapes[1]}",
                           source=_KARPATHY,
                           advice="Both feed the same net: share what is not random.")
    common: dict[str, Any] = {
        "source": _KARPATHY, "advice":
        "Share one function for what is not random: scaling, channels, "
        "normalisation by the training set's statistics.", "details":
        {"train": _moments(train), "evaluation": _moments(evaluated), "random": random}
    }
    if random[1]:
        return CheckResult(
            name, "warn", "the evaluation pipeline is random: the samples are augmented there, too",
            **common)
    if not random[0] and np.allclose(train, evaluated, rtol=1e-4, atol=1e-5):
        return CheckResult(name, "pass", "both pipelines give the same", **common)
    order = _order(train, evaluated)
    if order:
        return CheckResult(name, "warn" if random[0] else "fail",
                           "evaluation has its channels in another order, "
                           f"{order}", **common)
    if not random[0] and (scale := _affine(train, evaluated)):
        return CheckResult(name, "fail", f"evaluation scales otherwise: {scale}", **common)
    return _alike(name, _moments(train), _moments(evaluated), train.shape[1], common)


def inputs_alike(train: Mapping[str, Array], held: Mapping[str, Array],
                 samples: int) -> CheckResult:
    """mean and std (C,) of the inputs in training and in evaluation, of `samples` samples at
    least.
    """
    common: dict[str, Any] = {
        "details": {"train": dict(train), "evaluation": dict(held)}, "source": _KARPATHY, "advice":
        "Prepare both by the same function, with the training set's statistics."
    }
    return _alike("train_eval_preprocessing", train, held, samples, common)


def _moments(channels: Array) -> dict[str, Array]:
    return {"mean": channels.mean(1), "std": channels.std(1)}


def _alike(name: str, train: Mapping[str, Array], held: Mapping[str, Array], samples: int,
           common: dict[str, Any]) -> CheckResult:
    """By mean and spread; columns that hardly vary count by the spread of all."""
    least = 0.1 * float(np.sqrt(np.mean(np.square(train["std"])))) + 1e-12
    spread = np.maximum(np.maximum(train["std"], held["std"]), least)
    shift = float(np.median(np.abs(train["mean"] - held["mean"]) / spread))
    ratio = float(np.exp(np.median(np.abs(np.log((held["std"] + 1e-9) / (train["std"] + 1e-9))))))
    noise = 3 / math.sqrt(max(1, samples))
    number: dict[str, Any] = {"measured": max(shift, ratio - 1), "expected": "about 0",
                              "unit": "difference in mean or spread"}
    if shift > 0.5 + noise or ratio > 1.6 + noise:
        return CheckResult(
            name, "warn",
            f"inputs differ between training and evaluation: means by {shift:.2g} standard "
            f"deviations, spreads by a factor of {ratio:.2g}", **number, **common)
    return CheckResult(name, "pass", "inputs are alike in training and evaluation", **number,
                       **common)


def _order(train: Array, evaluated: Array) -> str:
    """The order of channels, where the evaluation has another one than the training; else empty."""
    channels = len(train)
    if channels not in (3, 4) or train.shape != evaluated.shape:
        return ""
    like = np.corrcoef(train, evaluated)[:channels, channels:]
    best = np.nan_to_num(like, nan=0.0).argmax(0)
    sure = like[best, np.arange(channels)] > np.diag(like) + 0.02
    moved = sorted(best.tolist()) == list(range(channels)) and (best != np.arange(channels))
    return str(tuple(best.tolist())) if np.any(moved) and bool(sure[moved].all()) else ""


def _affine(train: Array, evaluated: Array) -> str:
    """The scale and the shift from one to the other, where that is all the difference, and more
    than constants which are rounded in another way."""
    said = []
    for a, b in zip(train, evaluated, strict=True):
        if np.ptp(a) < 1e-9:
            continue
        slope, shift = np.polyfit(a, b, 1)
        if np.abs(slope * a + shift - b).max() > 1e-3 * max(1e-9, np.ptp(b)):
            return ""
        if abs(slope - 1) > 0.15 or abs(shift) > 0.15 * max(a.std(), b.std()):
            said.append(
                f"{slope:.3g} times the training value {'+' if shift >= 0 else '-'} {abs(shift):.3g}"
            )
    return said[0] if said else ""
