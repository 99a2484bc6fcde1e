"""All classes are there, in similar shares, and mixed.

What it finds
    Classes that occur in validation or test but never in training, classes with less than a tenth
    of the samples of the largest one, training batches that come sorted by class, and labels that
    are all of one class.
Why it hurts
    A class that is never shown cannot be learnt. Beside a class of 95 % the answer "always that
    one" is right 95 times in 100, and a net finds it first. Sorted batches teach one class and
    unlearn it with the next.
How to mend
    Split within each class; shuffle the training samples; balance the batches
    (WeightedRandomSampler) or weigh the loss, and judge by recall per class.
When it stays silent
    When the loss or a sampler weighs the classes, or the loss its samples, as a focal loss does; and
    below 200 labels of a script whose labels are only seen passing by. A missing class is a fact (an
    error) only when all samples were counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE, few

IMBALANCE = "CS231n; He and Garcia, Learning from Imbalanced Data, 2009"
# Share of the largest class below which a class is rare; one of two classes then has 91 % of all
# samples, and "always that one" looks like a good accuracy.
RARE = 0.1
SORTED = 0.5  # share of the classes' spread that lies between batches beyond chance


@dataclass(frozen=True)
class ClassCounts:
    """How often each class occurs.

    Attributes:
        counts: split -> samples per class (K,); the training split comes first.
        names: of the classes; their numbers where it is empty.
        sorted_runs: how much the labels of successive batches are sorted: share of the spread of
            the classes that lies between the batches beyond chance; 0 mixed, 1 one class per batch.
        complete: whether all samples were counted: only then a missing class is a fact.
        weighted: whether the loss or a sampler makes up for rare classes.
    """

    counts: Mapping[str, npt.ArrayLike]
    names: Sequence[str] = ()
    sorted_runs: float = 0.0
    complete: bool = True
    weighted: bool = False


@rule(worst="error", source=KARPATHY_RECIPE)
def class_balance(rule: Rule[ClassCounts], seen: ClassCounts) -> CheckResult:
    counts = {split: np.asarray(values) for split, values in seen.counts.items()}
    rule = rule.about(details={"counts": counts, "names": tuple(seen.names)})
    train_name, train = next(iter(counts.items()))  # (K,)
    total = np.sum(list(counts.values()), axis=0)
    labels = [str(one) for one in (seen.names if len(seen.names) == len(train) else range(len(train)))]
    present = np.flatnonzero(total)
    if len(present) < 2:
        message = (f"all labels are of one class, {labels[int(present[0])]}"
                   if len(present) else "there are no labels")
        return rule.warns(message, measured=len(present), expected="2 or more", unit="classes",
                          advice="Look at how the labels are read.")
    missing = [labels[k] for k in present if train[k] == 0]
    if missing:
        say = rule.fails if seen.complete else rule.warns
        return say(f"{_classes(missing)} in other splits, but never in {train_name}",
                   measured=len(missing), expected=0, unit="classes missing",
                   advice="Shuffle, or deal each class in proportion, before splitting.")
    if seen.sorted_runs > SORTED:
        return rule.warns("the training batches come sorted by class", measured=seen.sorted_runs,
                          expected="about 0", unit="of the classes' spread lies between batches",
                          advice="Shuffle the training samples: DataLoader(..., shuffle=True).")
    ratio = float(train.max() / train.min()) if train.min() else float(train.max())
    size = {"measured": ratio, "expected": "below 10", "unit": "largest / smallest class"}
    rare = [labels[k] for k in np.flatnonzero((train < RARE * train.max()) & (train > 0))]
    if rare and not seen.weighted:
        return rule.warns(
            f"{_classes(rare)} rare: {int(train[train > 0].min())} samples against "
            f"{int(train.max())} of the largest class", source=IMBALANCE, **size,
            advice="Balance the batches (WeightedRandomSampler) or weigh the loss, and judge by "
            "recall per class rather than by accuracy.")
    empty = [labels[k] for k in np.flatnonzero(total == 0)]
    if empty and seen.complete:
        return rule.notes(f"no sample of {_classes(empty, verb=False)}", measured=len(empty),
                          expected=0, unit="classes")
    return rule.passes(f"{len(present)} classes in similar shares", **size)


def _classes(labels: Sequence[str], verb: bool = True) -> str:
    one = len(labels) == 1
    text = f"class {labels[0]}" if one else f"classes {few(labels)}"
    return text + ((" is" if one else " are") if verb else "")
