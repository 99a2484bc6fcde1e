"""A class has the same number in training and evaluation.

What it finds
    Evaluation labels that the model takes for another class, class by class: it has learnt class 3,
    and what the evaluation calls 2 is all called 3.
Why it hurts
    The score is far below what the model can do, or an early stopping and a choice of models go by
    a number that is wrong. Retraining does not help.
How to mend
    Make one mapping from names to numbers, from the training classes, and use it for all splits.
When it stays silent
    Below 10 samples of a class, about classes that the model has not learnt to tell apart on its
    training samples, when two labels are taken for the same class (classes that look alike), and
    when the same samples are told right in another evaluation (attacks, other views).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST, LEARNT, MOVED = 10, 0.85, 0.85  # samples of a class; shares of them
FITS, GAIN = 0.8, 0.1  # accuracy with the labels moved back, and what that gains


@dataclass(frozen=True)
class ClassConfusion:
    """train, evaluation: (K, K) how often label i was called j by the trained model.

    told: (K,) is the class called right in another evaluation with the same labels?
    """

    train: npt.NDArray[np.int64]
    evaluation: npt.NDArray[np.int64]
    told: npt.NDArray[np.bool_]


@rule(worst="error", source="torchvision, datasets.DatasetFolder.find_classes: numbers by sorted names")
def class_numbers(rule: Rule[ClassConfusion], seen: ClassConfusion) -> CheckResult:
    moved = _moved_labels(seen)
    counts, total = seen.evaluation, int(seen.evaluation.sum())
    right = int(np.trace(counts))
    put_back = right + sum(int(counts[label, taken] - counts[label, label])
                           for label, taken in moved.items())
    if not moved or put_back < FITS * total or put_back - right < GAIN * total:
        return rule.passes("labels mean the same in training and evaluation")
    pairs = ", ".join(f"{label} as {taken}" for label, taken in list(moved.items())[:4])
    say = rule.fails if len(moved) > 1 else rule.warns
    return say(
        f"the classes have other numbers in the evaluation: the model knows its label {pairs}; with that "
        f"put right {put_back / total:.0%} are correct instead of {right / total:.0%}",
        measured=right / total, expected=put_back / total, unit="accuracy",
        advice="Make one mapping from class names to numbers, of the training classes, for all splits.")


def _moved_labels(seen: ClassConfusion) -> dict[int, int]:
    """Label of the evaluation -> the other class that nearly all of its samples are taken for."""
    of_label, of_train = seen.evaluation.sum(1), seen.train.sum(1)
    learnt = np.diag(seen.train) >= LEARNT * np.maximum(1, of_train)
    known = learnt & (of_train >= FEWEST)
    moved = {}
    for label in np.flatnonzero(of_label >= FEWEST).tolist():
        taken = int(seen.evaluation[label].argmax())
        share = seen.evaluation[label, taken] / of_label[label]
        if taken != label and share >= MOVED and known[label] and known[taken] and not seen.told[label]:
            moved[label] = taken
    one_to_one = len(set(moved.values())) == len(moved)
    free = all(of_label[taken] == 0 or taken in moved for taken in moved.values())
    return moved if one_to_one and free else {}
