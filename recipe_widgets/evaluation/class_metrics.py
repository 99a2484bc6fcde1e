"""Class by class, and sample by sample: what is taken for what, and the worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from recipe_widgets.core import RecipeError
from recipe_widgets.core.hooks import service
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.evaluation.intervals import Proportion, proportion
from recipe_widgets.evaluation.predictions import TINY, Floats, Ints, as_predictions

MOST_CLASSES = 4096  # of a confusion matrix: 128 MB


@dataclass(frozen=True, eq=False)
class Confusion:
    """`counts[t, p]`: samples of class t taken for class p, int64 (K, K)."""

    counts: Ints
    names: tuple[str, ...]

    @property
    def shares(self) -> Floats:
        """(K, K), rows sum to 1; NaN for a class without samples."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.counts / self.counts.sum(1, keepdims=True))

    @validated
    def worst_pairs(self, most: Annotated[int, whole(0)] = 5) -> list[tuple[str, str, int]]:
        """(true, predicted, samples) of the most frequent confusions."""
        wrong = self.counts - np.diag(np.diag(self.counts))  # (K, K), what is right taken off
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = [np.unravel_index(int(place), wrong.shape) for place in order]
        return [(self.names[true], self.names[predicted], int(wrong[true, predicted]))
                for true, predicted in pairs if wrong[true, predicted]]

    def __str__(self) -> str:
        pairs = ", ".join(f"{true} taken for {predicted} ({count})"
                          for true, predicted, count in self.worst_pairs()) or "no mistake"
        right, total = int(np.trace(self.counts)), int(self.counts.sum())
        return f"{right:,} of {total:,} right; {pairs}"

    def plot(self) -> Any:
        return service("plot_confusion")(self)


@validated
def confusion(given: Any, truth: Any, names: Sequence[str] | None = None) -> Confusion:
    """The confusion matrix (sklearn); `given` and `truth` as of `as_predictions`, `names` of the K
    classes.
    """
    found = as_predictions(given, truth)
    labels = _names(names, found.classes)
    if len(labels) > MOST_CLASSES:
        raise RecipeError("confusion(given, truth)", found=f"{len(labels):,} classes",
                          expected=f"at most {MOST_CLASSES:,}",
                          mend="evaluation.per_class takes more.")
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(found.truth, found.labels, labels=range(len(labels)))
    return Confusion(np.asarray(counts, np.int64), labels)


@dataclass(frozen=True, eq=False)
class ClassTable:
    """One row per class, all (K,); NaN where nothing was there to count.

    Attributes:
        precision: share of what was called so that is so.
        recall: share of what is so that was called so; recalls: the same with its interval.
        f1: their harmonic mean.
        support: samples of the class.
    """

    names: tuple[str, ...]
    precision: Floats
    recall: Floats
    f1: Floats
    support: Ints
    recalls: tuple[Proportion | None, ...]

    def __str__(self) -> str:
        wide = max(7, *map(len, self.names))  # characters of the first column
        rows = [f"{'class':{wide}}  precision  recall  (95% interval)     F1  samples"]
        for i, name in enumerate(self.names):
            share = self.recalls[i]
            interval = f"{share.low:6.1%} to {share.high:6.1%}" if share is not None else " " * 16
            rows.append(f"{name:{wide}}  {self.precision[i]:9.1%}  {self.recall[i]:6.1%}  "
                        f"{interval}  {self.f1[i]:5.3f}  {self.support[i]:7,}")
        return "\n".join(rows)


@validated
def per_class(given: Any, truth: Any, names: Sequence[str] | None = None) -> ClassTable:
    """Precision, recall and F1 of each class (sklearn), recall with Wilson's interval."""
    found = as_predictions(given, truth)
    labels = _names(names, found.classes)
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, support = precision_recall_fscore_support(
        found.truth, found.labels, labels=range(len(labels)), zero_division=np.nan)
    hits = np.bincount(found.truth[found.right], minlength=len(labels))  # (K,)
    intervals = tuple(proportion(int(right), int(samples)) if samples else None
                      for right, samples in zip(hits, support, strict=True))
    return ClassTable(labels, precision, recall, f1, np.asarray(support, np.int64), intervals)


@dataclass(frozen=True, eq=False)
class Mistakes:
    """Wrong predictions, the highest loss first, all (n,).

    Attributes:
        rows: their numbers in the split or array.
        truth, labels: the true and the predicted classes.
        confidence: probability of the wrong prediction. loss: in nats.
        images: uint8 (n, C, H, W), or None for tables.
    """

    rows: Ints
    truth: Ints
    labels: Ints
    confidence: Floats
    loss: Floats
    names: tuple[str, ...]
    images: npt.NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def captions(self) -> list[str]:
        """For each image: what it is, and what it was taken for."""
        return [f"{self.names[true]}, not {self.names[predicted]}\n({sure:.0%} sure)"
                for true, predicted, sure
                in zip(self.truth, self.labels, self.confidence, strict=True)]

    def __str__(self) -> str:
        lines = [
            f"{row}: {text}".replace("\n", " ")
            for row, text in zip(self.rows, self.captions(), strict=True)
        ]
        return "\n".join(lines) or "no mistake"

    def plot(self) -> Any:
        return service("plot_mistakes")(self)


@validated
def worst_mistakes(given: Any, truth: Any, most: Annotated[int, whole(0)] = 16,
                   names: Sequence[str] | None = None) -> Mistakes:
    """The wrong answers with the highest loss; needs probabilities or a model. They are often
    wrong labels.
    """
    found = as_predictions(given, truth)
    probabilities = found.probabilities  # (N, K)
    of_truth = probabilities[np.arange(found.n), found.truth]  # (N,), what the loss is made of
    wrong = np.flatnonzero(~found.right)
    rows = wrong[np.argsort(of_truth[wrong], kind="stable")][:max(0, most)]
    images = found.images[rows] if found.images is not None else None
    confidence = probabilities[rows, found.labels[rows]]
    loss = -np.log(np.maximum(of_truth[rows], TINY))
    return Mistakes(rows, found.truth[rows], found.labels[rows], confidence, loss,
                    _names(names, found.classes), images)


def _names(names: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    """One name per class, two at least; names of classes that nobody saw count, too."""
    if names is None:  # two, as a confusion matrix of one class shows nothing
        return tuple(map(str, range(max(2, classes))))
    if len(names) < classes:
        raise RecipeError("names", found=f"{len(names)} names",
                          expected=f"one for each of the {classes} classes of answers and truth")
    return tuple(map(str, names))
