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
from recipe_widgets.evaluation.predictions import Floats, Ints, as_predictions

MOST = 4096  # classes of a confusion matrix: 128 MB


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
        wrong = self.counts - np.diag(np.diag(self.counts))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = [np.unravel_index(int(i), wrong.shape) for i in order]
        return [(self.names[t], self.names[p], int(wrong[t, p])) for t, p in pairs if wrong[t, p]]

    def __str__(self) -> str:
        pairs = ", ".join(f"{t} taken for {p} ({count})"
                          for t, p, count in self.worst_pairs()) or "no mistake"
        return f"{int(np.trace(self.counts)):,} of {int(self.counts.sum()):,} right; {pairs}"

    def plot(self) -> Any:
        return service("plot_confusion")(self)


@validated
def confusion(given: Any, truth: Any, names: Sequence[str] | None = None) -> Confusion:
    """The confusion matrix (sklearn); `given` and `truth` as of `as_predictions`, `names` of the K
    classes.
    """
    found = as_predictions(given, truth)
    labels = _names(names, found.classes)
    if len(labels) > MOST:
        raise RecipeError("confusion(given, truth)", found=f"{len(labels):,} classes",
                          expected=f"at most {MOST:,}", mend="evaluation.per_class takes more.")
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(found.truth, found.labels, labels=range(len(labels)))
    return Confusion(np.asarray(counts, np.int64), labels)


@dataclass(frozen=True, eq=False)
class ClassTable:
    """One row per class. precision: share of what was called so that is so. recall: share of what
    is so that was called so, with its interval. f1: their harmonic mean. support: samples. All
    (K,); NaN where nothing was there to count."""

    names: tuple[str, ...]
    precision: Floats
    recall: Floats
    f1: Floats
    support: Ints
    recalls: tuple[Proportion | None, ...]

    def __str__(self) -> str:
        wide = max(7, *map(len, self.names))
        rows = [f"{'class':{wide}}  precision  recall  (95% interval)     F1  samples"]
        for i, name in enumerate(self.names):
            share = self.recalls[i]
            interval = f"{share.low:6.1%} to {share.high:6.1%}" if share is not None else " " * 16
            rows.append(
                f"{name:{wide}}  {self.precision[i]:9.1%}  {self.recall[i]:6.1%}  {interval}  {self.f1[i]:5.3f}"
                f"  {self.support[i]:7,}")
        return "\n".join(rows)


@validated
def per_class(given: Any, truth: Any, names: Sequence[str] | None = None) -> ClassTable:
    """Precision, recall and F1 of each class (sklearn), recall with Wilson's interval."""
    found = as_predictions(given, truth)
    labels = _names(names, found.classes)
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, support = precision_recall_fscore_support(
        found.truth, found.labels, labels=range(len(labels)), zero_division=np.nan)
    hits = np.bincount(found.truth[found.right], minlength=len(labels))
    intervals = tuple(
        proportion(int(h), int(n)) if n else None for h, n in zip(hits, support, strict=True))
    return ClassTable(labels, precision, recall, f1, np.asarray(support, np.int64), intervals)


@dataclass(frozen=True, eq=False)
class Mistakes:
    """Wrong answers, the most certain ones first. rows: their numbers in the split or array; truth,
    labels: classes;
    confidence: probability of the wrong answer; loss: nats; all (n,). images: uint8 (n, C, H, W) or
        None."""

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
        return [f"{self.names[t]}, not {self.names[p]}\n({c:.0%} sure)"
                for t, p, c in zip(self.truth, self.labels, self.confidence, strict=True)]

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
    p = found.probabilities
    chance = p[np.arange(found.n), found.truth]
    wrong = np.flatnonzero(~found.right)
    rows = wrong[np.argsort(chance[wrong], kind="stable")][:max(0, most)]
    images = found.images[rows] if found.images is not None else None
    return Mistakes(rows, found.truth[rows], found.labels[rows], p[rows, found.labels[rows]],
                    -np.log(np.maximum(chance[rows], 1e-300)), _names(names, found.classes), images)


def _names(names: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    """One name per class, two at least; names of classes that nobody saw count, too."""
    if names is None:
        return tuple(map(str, range(max(2, classes))))
    if len(names) < classes:
        raise RecipeError("names", found=f"{len(names)} names",
                          expected=f"one for each of the {classes} classes of answers and truth")
    return tuple(map(str, names))
