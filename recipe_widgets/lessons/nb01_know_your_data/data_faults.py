"""What can be wrong in data: shares of the classes, copies, wrong labels, faults of preprocessing.
(Notebook 01, sections 2 to 5.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from recipe_widgets import checks
from recipe_widgets.core import CheckResult, RecipeError
from recipe_widgets.data import Data, Split, resample
from recipe_widgets.data.split import Samples
from recipe_widgets.lessons.common.images import photos as photos
from recipe_widgets.lessons.common.images import show_batch as show_batch
from recipe_widgets.plots import Picture
from recipe_widgets.plots.images import bytes_of

Array = npt.NDArray[Any]


def with_train(data: Data, rows: torch.Tensor, x: torch.Tensor | None = None,
               y: torch.Tensor | None = None, note: str = "") -> Data:
    """`data` with other training samples, normalised as before; x, y: in place of those of
    `rows`.
    """
    kept = data.train.samples.take(rows)
    samples = Samples(kept.x if x is None else x, kept.y if y is None else y, kept.index,
                      kept.origin)
    return replace(data, train=Split(samples, "train", data.mean, data.std),
                   notes=(*data.notes, note), _copies={})


def imbalanced(data: Data, label: int, keep: float, seed: int = 0) -> Data:
    """The training split with only the share `keep` of one class; validation stays as it is."""
    return resample.imbalanced(data, {label: keep}, seed)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Copies that `checks.duplicates` found in a `Data`: `pairs` (n, 4) split, row, split, row;
    `similarity` (n,).
    """

    data: Data
    result: CheckResult
    pairs: Array
    similarity: Array

    @property
    def across(self) -> Pairs:
        """Those with one half in the training split and the other in validation or test, closest
        first.
        """
        kept = self.pairs[:, 0] != self.pairs[:, 2]  # numbers of the two splits
        return Pairs(self.data, self.result, self.pairs[kept], self.similarity[kept])

    @property
    def contradictions(self) -> Pairs:
        """Those whose halves have different labels: at least one of the two is wrong, or the
        class is a matter of taste.
        """
        labels = [split.y.cpu().numpy() for split in _splits(self.data, "labels of near copies")]
        kept = np.array([labels[split][row] != labels[other][other_row]
                         for split, row, other, other_row in self.pairs.tolist()], bool)
        return Pairs(self.data, self.result, self.pairs[kept], self.similarity[kept])

    def __len__(self) -> int:
        return len(self.pairs)

    def leaked(self, split: str) -> int:
        """Samples of `split` that have a copy in the training split."""
        number = list(self.result.details["splits"]).index(split)
        mine = (self.pairs[:, 0] == 0) & (self.pairs[:, 2] == number)  # 0 is train
        return len(np.unique(self.pairs[mine, 3]))  # a sample with three copies leaks once

    def __str__(self) -> str:
        sizes = self.result.details["sizes"]
        parts = [f"{self.leaked(name)} of {size:,} {name} samples "
                 f"({self.leaked(name) / size:.2%}) have a copy in train"
                 for name, size in sizes.items() if name != "train"]
        return f"{self.data.name}: {'; '.join(parts)}."

    def plot(self, count: int = 14) -> Picture:
        """Pairs below each other, the closest first, with both labels."""
        splits = _splits(self.data, "pictures of near copies")
        images, captions, differ = [], [], 0
        for first, row, second, other in self.pairs[:count].tolist():
            halves = (splits[int(first)], int(row)), (splits[int(second)], int(other))
            labels = [_label(self.data, split, number) for split, number in halves]
            differ += labels[0] != labels[1]
            for (split, number), label in zip(halves, labels, strict=True):
                images.append(_one(split, number))
                captions.append(f"{split.name} {int(split.index[number])}\n{label}")
        # two rows of seven: the first halves of seven pairs above their second halves
        order = [k for start in range(0, len(captions), 14) for side in (0, 1)
                 for k in range(start + side, min(start + 14, len(captions)), 2)]
        clash = f"; {differ} of the pairs shown have different labels" if differ else ""
        shown = min(count, len(self))
        return photos(
            np.stack([images[k] for k in order]), [captions[k] for k in order],
            f"{shown} of {len(self)} pairs of {self.data.name}, one above the other",
            columns=min(7, shown), alt=f"{shown} pairs of nearly equal images{clash}: "
            f"{'; '.join(captions[k].replace(chr(10), ' ') for k in range(len(captions)))}.")


def copies(data: Data, progress: bool = True) -> Pairs:
    """Exact and near copies within and across all three splits; the test split is audited, which
    is logged.
    """
    result = checks.duplicates(data, progress=progress)
    pairs = np.concatenate([result.details["exact"], result.details["near"]])
    similarity = np.concatenate(
        # equal bytes: cosine 1
        [np.ones(len(result.details["exact"])), result.details["similarity"]])
    return Pairs(data, result, pairs, similarity)


def _splits(data: Data, why: str) -> list[Split]:
    """All three; the look at the test split is logged."""
    return [data.train, data.validation, data.audit_test(why)]


def _one(split: Split, row: int) -> npt.NDArray[np.uint8]:
    return np.asarray(bytes_of(split.x[row:row + 1])[0])


def _label(data: Data, split: Split, row: int) -> str:
    return data.classes[int(split.y[row])]


def suspects(data: Data, result: CheckResult, count: int = 16) -> Picture:
    """The labels that `checks.label_errors(data)` trusts least: picture, given label, what the
    learner thinks.
    """
    ranked = result.details["ranked"]
    splits = {split.name: split for split in _splits(data, "pictures of doubtful labels")}
    every = [(float(part["quality"][k]), name, k) for name, part in ranked.items()
             for k in range(len(part["rows"])) if part["issue"][k]]
    every = sorted(every)[:count]  # by quality: the probability that the learner gives the label
    images, captions = [], []
    for _, name, k in every:
        part, split = ranked[name], splits[name]
        row = int(part["rows"][k])
        images.append(_one(split, row))
        origin = "test" if int(split.origin[row]) else "train"  # file that the sample came in
        captions.append(f"{origin} {int(split.index[row])}\n"
                        f"label: {data.classes[int(part['given'][k])]}\n"
                        f"net: {data.classes[int(part['suggested'][k])]}")
    if not images:
        raise RecipeError("suspects", found="no label under suspicion", expected="some")
    words = "; ".join(caption.replace("\n", ", ") for caption in captions)
    return photos(np.stack(images), captions,
                  f"{data.name}: the {len(images)} labels that a net finds least likely",
                  alt=f"Images whose label is most doubtful: {words}.")


def trust(result: CheckResult) -> str:
    """How far to believe `checks.label_errors`: as far as the nets that judge."""
    right, issues = float(result.details["accuracy"]), int(result.details["issues"])
    words = (f"The nets that judge are right on {right:.1%} of samples they never saw, "
             f"doubt {issues:,} labels, and expect {result.details['expected']:.0f} of these to be "
             "wrong. ")
    return words + (
        # above it a doubt is more often right than the net is wrong
        "So most of those at the top deserve a look." if right > 0.95 else
        "Nets that err so often themselves are mostly wrong when they doubt: believe your eyes.")


def faulty(data: Data, every: int = 250) -> Data:
    """The data as a pipeline with a bug would give it: each `every`-th training image was scaled to
    [0, 1] before it was turned into bytes, so it holds nothing but zeros and ones."""
    x = data.train.x.clone()
    x[::every] = x[::every] // 255  # 0, or 1 where the pixel was pure white
    return with_train(data, torch.arange(len(x)), x=x,
                      note=f"every {every}th image scaled to [0, 1], then cut to bytes")
