"""Checks of labels: their balance, whether they belong to the inputs, and which of them look
wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch

from recipe_widgets.checks import plain_learners
from recipe_widgets.checks.check_decorator import CannotTellError
from recipe_widgets.checks.data_subject import data_check
from recipe_widgets.checks.label_noise import chance_of_error
from recipe_widgets.checks.sample_sets import DataSubject, SampleSet, classes_of, finite
from recipe_widgets.core import RecipeError, generator
from recipe_widgets.core.validation import real, whole
from recipe_widgets.rules.class_balance import ClassCounts
from recipe_widgets.rules.label_alignment import (
    FEWEST_PER_CLASS,
    FEWEST_SAMPLES,
    SURE,
    PredictionGain,
)
from recipe_widgets.rules.label_errors import SuspiciousLabels

Array = npt.NDArray[Any]
_COLUMNS = 256  # of a table that images become
# samples that are enough for a quick look; images from which on a net learns
_QUICK, _IMAGES = 1500, 600


@data_check(stage="data", place=1)
def class_balance(source: DataSubject) -> ClassCounts:
    """Are all classes there, in similar shares, and mixed over the batches?

    `class_balance(data)`, `class_balance(x, y)`. A class that other splits have and the training
    split lacks is a fact; shares and order only warn. Source: Karpathy, "become one with the data";
    CS231n.
    """
    parts = source.fed or source.parts
    labels = {
        part.name: classes_of(part, source.num_classes) for part in parts if part.y is not None
    }
    if not labels:
        raise CannotTellError("there are no labels")
    # -100 is PyTorch's ignore_index
    known = {name: y[y != -100] for name, y in labels.items()}
    classes = max(source.num_classes or 0, *(int(y.max()) + 1 for y in known.values() if len(y)))
    counts = {name: np.bincount(y.numpy(), minlength=classes) for name, y in known.items()}
    first = parts[0]
    # the order of batches says something from three batches on
    runs = sortedness(labels[first.name].numpy(),
                      first.batches) if len(first.batches) > 2 and first.name in labels else 0.0
    return ClassCounts(counts, first.names, sorted_runs=runs, complete=first.complete)


def sortedness(y: Array, starts: Sequence[int]) -> float:
    """How far batches differ in their classes: 0 as by chance, 1 as much as they can. y (N,),
    starts (B,).
    """
    # (B, K): how often each class occurs in each batch
    table = np.stack([
        np.bincount(part, minlength=int(y.max()) + 1)
        for part in np.split(np.maximum(y, 0), starts[1:])
    ])
    table = table[:, table.sum(0) > 0].astype(float)
    if min(table.shape) < 2 or table.sum() < 5 * table.shape[1]:  # too few for a chi-square
        return 0.0
    # what batches drawn at random would hold
    even = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    chi = float(((table - even)**2 / even).sum())
    chance = (table.shape[0] - 1) * (table.shape[1] - 1)  # degrees of freedom: its mean by chance
    most = table.sum() * (min(table.shape) - 1)  # of one class in each batch, Cramér
    return float(max(0.0, (chi - chance) / max(1e-9, most - chance)))


@dataclass(frozen=True, eq=False)
class Predicted:
    """Out-of-sample probabilities (N, K) of pooled samples; `split` and `row` (N,) say whose
    they are.
    """

    probabilities: Array
    y: Array
    split: Array
    row: Array
    learner: str


@data_check(stage="data", place=7)
def label_errors(source: DataSubject, *, probabilities: Any = None,
                 seconds: Annotated[float, real(0)] = 220.0,
                 epochs: Annotated[float, real(0, 1000, above=True)] = 8.0,
                 folds: Annotated[int, whole(2, 100)] = 2, mirrored: bool | None = None,
                 most: Annotated[float, real(0)] = 0.05, progress: bool = True) -> SuspiciousLabels:
    """Which labels disagree with confident predictions of a learner that never saw the sample?

    Args:
        probabilities: out-of-sample probabilities (N, K) of your own model, for all splits one
            after the other; otherwise a small ConvNet learns on images by cross-validation,
            logistic regression and a forest on tables.
        seconds, epochs, folds: how long it may learn in all, and how; fewer epochs are taken where
            time is short.
        mirrored: whether mirror images keep their label; by default where the images are in colour.
        most: share of each split that `details["ranked"]` lists, the most suspicious first; its
            "chance" says how likely each is wrong, and sums to how many of them are expected to be.

    Source: Northcutt, Jiang, Chuang, Confident Learning, 2021; Northcutt, Athalye, Mueller,
        Pervasive Label Errors, 2021.
    """
    if source.quick:
        parts: Sequence[SampleSet] = source.parts[:1]
        made = quick_predictions(source, parts[0])
    else:
        parts = [part for part in source.parts if part.y is not None]
        plan = plain_learners.Plan(epochs, seconds, _mirrored(parts, mirrored))
        made = predictions(parts, source.num_classes, plan, folds, _given(probabilities, parts),
                           progress=progress)
    names = parts[0].names if parts else ()
    return suspicious_labels(made, [part.name for part in parts], names, most)


def _mirrored(parts: Sequence[SampleSet], wanted: bool | None) -> bool:
    return bool(
        parts) and parts[0].of_images and parts[0].x.shape[1] == 3 if wanted is None else wanted


def _given(probabilities: Any, parts: Sequence[SampleSet]) -> Array | None:
    if probabilities is None:
        return None
    found = np.asarray(probabilities, dtype=np.float64)
    total = sum(part.size for part in parts)
    if found.ndim != 2 or len(found) != total or not np.isfinite(found).all() or found.min() < 0:
        raise RecipeError("label_errors(probabilities=)", found=f"shape {found.shape}",
                          expected=f"({total}, classes) of probabilities")
    return found


def predictions(parts: Sequence[SampleSet], num_classes: int | None,
                plan: plain_learners.Plan, folds: int, given: Array | None = None, *,
                progress: bool = False, quick: bool = False) -> Predicted:
    """Out-of-sample predictions of all splits in one pool; samples without a label are left out."""
    if not parts:
        raise CannotTellError("needs labels")
    for part in parts:
        finite(part)
    labels = [classes_of(part, num_classes) for part in parts]
    shapes = {(part.x.shape[1:], part.x.dtype) for part in parts}
    if len(shapes) > 1:
        raise RecipeError(
            "Samples",
            found=f"splits of different kinds, {', '.join(f'{tuple(s)} {d}' for s, d in shapes)}",
            expected="one shape and type")
    y = torch.cat(labels)
    split = torch.cat([torch.full((part.size,), index) for index, part in enumerate(parts)])
    row = torch.cat([torch.arange(part.size) for part in parts])
    known = (y != -100).nonzero().flatten()  # samples with a label
    if quick:
        known = known[torch.randperm(len(known),
                                     generator=generator(0, "check"))[:_QUICK].sort().values]
    y, split, row = y[known], split[known], row[known]
    classes = int(y.max()) + 1
    if given is not None:
        return Predicted(given[known.numpy()], y.numpy(), split.numpy(), row.numpy(), "given")
    sizes = torch.bincount(y)
    if int((sizes > 1).sum()) < 2 or len(y) < 20:
        raise CannotTellError(
            f"{len(y)} samples of {int((sizes > 0).sum())} classes are too few to learn from")
    x = parts[0].x if len(parts) == 1 else torch.cat([part.x for part in parts])
    x = x if len(known) == len(x) else x[known]
    number = torch.from_numpy(plain_learners.folds_of(y.numpy(), max(2, folds)))
    if _for_net(parts[0], len(y), quick):
        predicted = plain_learners.image_probabilities(x, y, classes, number, plan,
                                                       progress=progress)
        return Predicted(predicted, y.numpy(), split.numpy(), row.numpy(), "convnet")
    table = as_table(x)
    predicted = plain_learners.table_probabilities(table, y.numpy(), classes, number.numpy())
    return Predicted(predicted, y.numpy(), split.numpy(), row.numpy(),
                     "forest and logistic regression")


def _for_net(part: SampleSet, count: int, quick: bool) -> bool:
    return part.of_images and not quick and count >= _IMAGES and min(part.x.shape[2:]) >= 8


def as_table(x: torch.Tensor) -> Array:
    """Samples as rows of a table (N, D), large images as at most 16 pixels a side, in colour 9."""
    # pixels a side, so that a row has about 256 columns
    side = max(4, int((_COLUMNS / x.shape[1]) ** 0.5)) if x.ndim == 4 else 0
    if x.ndim == 4 and max(x.shape[2:]) > side:
        size = (min(side, x.shape[2]), min(side, x.shape[3]))
        x = torch.cat(
            [torch.nn.functional.adaptive_avg_pool2d(part.float(), size) for part in x.split(1000)])
    return x.reshape(len(x), -1).double().numpy()


def quick_predictions(source: DataSubject, part: SampleSet) -> Predicted:
    """Of some samples of one part, made once for all checks."""
    key = f"predicted {id(part)}"
    if key not in source.shared:
        if not part.x.is_floating_point() and not part.of_images:
            raise CannotTellError(
                "needs inputs of numbers that can be compared, not of words or class numbers")
        source.shared[key] = predictions([part], source.num_classes, plain_learners.Plan(), 3,
                                         quick=True)
    return source.shared[key]  # type: ignore[no-any-return]


def suspicious_labels(made: Predicted, splits: Sequence[str], names: Sequence[str],
                      most: float) -> SuspiciousLabels:
    """Confident learning by cleanlab on predictions."""
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        raise RecipeError("label_errors", found="no cleanlab", expected="it installed",
                          mend="pip install recipe_widgets[data]") from None
    predicted, y = made.probabilities, made.y
    present = np.flatnonzero(np.bincount(y, minlength=predicted.shape[1]))
    if len(present) < 2:
        raise CannotTellError("all labels are of one class")
    if int(y.max()) >= predicted.shape[1]:
        raise RecipeError("label_errors(probabilities=)", found=f"{predicted.shape[1]} columns",
                          expected=f"{int(y.max()) + 1}")
    # classes renumbered without those that never occur; 1e-9 keeps logarithms finite
    inside, small = np.searchsorted(present, y), predicted[:, present] + 1e-9
    small = small / small.sum(1, keepdims=True)
    issues = find_label_issues(inside, small, filter_by="both", n_jobs=1)
    quality = get_label_quality_scores(inside, small, method="self_confidence")
    chance = chance_of_error(small, inside)
    guess = small.argmax(1)
    joint = np.zeros((len(present),) * 2)  # (K, K): label against prediction
    np.add.at(joint, (inside, guess), 1)
    label = [names[index] if index < len(names) else str(index) for index in present.tolist()]
    ranked = {
        split: _ranked(made, index, quality, present[guess], issues, chance, most)
        for index, split in enumerate(splits)
    }
    accuracy = float((guess == inside).mean())
    return SuspiciousLabels({index: v
                             for index, v in ranked.items()
                             if len(v["rows"])}, samples=len(y), issues=int(issues.sum()),
                            expected=float(chance[issues].sum()), wrong=float(chance.sum()),
                            accuracy=accuracy,
                            chance=float(joint.sum(1).max() / joint.sum()),
                            overlap=overlapping(joint, label), confused=joint)


def _ranked(made: Predicted, split: int, quality: Array, guess: Array, issues: Array,
            chance: Array, most: float) -> dict[str, Array]:
    mine = np.flatnonzero(made.split == split)
    # at least 100 and all issues, so that there is something to look at
    count = min(len(mine), max(100, int(issues[mine].sum()), int(np.ceil(most * len(mine)))))
    order = mine[np.argsort(quality[mine], kind="stable")[:count]]
    return {
        "rows": made.row[order], "given": made.y[order], "suggested": guess[order], "quality":
        quality[order], "issue": issues[order], "chance": chance[order]
    }


def overlapping(joint: Array, names: Sequence[str]) -> list[tuple[str, str, float]]:
    """Pairs of classes that predictions take for one another as often as for themselves, where they
    know the others.

    joint (K, K): counts of label against prediction.
    """
    found, kept = [], float(np.trace(joint))
    for a in range(len(joint)):
        for b in range(a + 1, len(joint)):
            own, other = joint[a, a] + joint[b, b], joint[a, b] + joint[b, a]
            shares = joint[a, b] / max(1, joint[a].sum()), joint[b, a] / max(1, joint[b].sum())
            # one class under two names is taken for itself half the time: 0.35 of them is near that
            if own + other >= 20 and min(shares) > 0.2 and other / (own + other) > 0.35:
                found.append((names[a], names[b], float(other / (own + other))))
                kept += other
    # a class like several others: the learner is weak
    each = [name for pair in found for name in pair[:2]]
    sure = kept > 0.8 * joint.sum() and len(joint) > 2 and len(set(each)) == len(each)
    return sorted(found, key=lambda pair: -pair[2]) if sure else []


@data_check(stage="data", place=6)
def label_alignment(source: DataSubject, *,
                    seconds: Annotated[float, real(0)] = 6.0) -> PredictionGain:
    """Do the labels have anything to do with the inputs, or were they shuffled apart?

    Plain learners are trained by cross-validation; where the labels go with the inputs, one of them
    gives a held-out sample's own label more than its share.
    """
    part = (source.fed or source.parts)[0]
    y = classes_of(part, source.num_classes)
    known = y[y != -100]
    if len(known) < max(FEWEST_SAMPLES, FEWEST_PER_CLASS * len(known.unique())):
        return PredictionGain(np.zeros(len(known)), len(known.unique()), accuracy=0.0)  # too few
    made = quick_predictions(source, part)
    gain = gain_of(made)
    # Where tables say nothing, a net that sees pictures gets its try.
    known = float(gain.mean()) > SURE * float(gain.std()) / np.sqrt(len(gain))
    if not known and part.of_images and min(part.x.shape[2:]) >= 6:
        rows = torch.from_numpy(made.row)
        plan = plain_learners.Plan(20.0, seconds, False)
        predicted = plain_learners.image_probabilities(part.x[rows], torch.from_numpy(made.y),
                                        made.probabilities.shape[1],
                                        torch.from_numpy(plain_learners.folds_of(made.y, 2)), plan)
        made = Predicted(predicted, made.y, made.split, made.row, "convnet")
        gain = gain_of(made)
    accuracy = float((made.probabilities.argmax(1) == made.y).mean())
    return PredictionGain(gain, classes=len(np.unique(made.y)), accuracy=accuracy,
                          learner=made.learner)


def gain_of(made: Predicted) -> Array:
    """Probability of the own label less that of a label drawn at random, (N,)."""
    # (K,) chance of each class for a label drawn at random
    share = np.bincount(made.y, minlength=made.probabilities.shape[1]) / len(made.y)
    own = made.probabilities[np.arange(len(made.y)), made.y]
    return own - made.probabilities @ share
