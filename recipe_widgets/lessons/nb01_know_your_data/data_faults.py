"""What can be wrong in data: shares of the classes, copies, wrong labels, faults of preprocessing.
(Notebook 01, sections 2 to 5, and the exercise.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure

from recipe_widgets import checks
from recipe_widgets.core import CheckResult, RecipeError, generator
from recipe_widgets.data import Data, Split, resample
from recipe_widgets.data.split import Samples
from recipe_widgets.lessons.common.images import photos as photos
from recipe_widgets.lessons.common.images import show_batch as show_batch
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE
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


def class_shares(*sets: Data) -> Picture:
    """Samples per class in the training split of each data set, side by side."""
    figure = Figure(figsize=(9.5, 2.8), layout="constrained")
    words = []
    for axes, data in zip(figure.subplots(1, len(sets), squeeze=False).flat, sets, strict=True):
        counts = np.bincount(data.train.y.cpu().numpy(), minlength=data.num_classes)
        axes.bar(range(data.num_classes), counts, color=PALETTE[0])
        axes.set_xticks(range(data.num_classes), data.classes,
                        rotation=45 if max(map(len, data.classes)) > 2 else 0, fontsize=8)
        least, most = int(counts.argmin()), int(counts.argmax())
        axes.set(
            xlabel="class", ylabel="training samples",
            # the ratio that `checks.class_balance` judges
            title=f"{data.name}: largest / smallest class {counts.max() / max(1, counts.min()):.2f}"
        )
        axes.title.set_fontsize(10)
        words.append(f"{data.name}: {counts[least]:,} of {data.classes[least]} to "
                     f"{counts[most]:,} of {data.classes[most]}")
    return Picture(figure, f"Training samples per class. {'; '.join(words)}.")


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


@dataclass(frozen=True)
class Planted:
    """Labels changed on purpose, and how many of them a check found, per seed.

    planted, flagged, hits: (seeds,) counts: labels changed, labels under suspicion, labels that are
        both.
    """

    share: float
    planted: tuple[int, ...]
    flagged: tuple[int, ...]
    hits: tuple[int, ...]

    def __str__(self) -> str:
        hits = np.array(self.hits)
        recall = hits / np.array(self.planted)  # share of the changed labels that was found
        precision = hits / np.maximum(1, self.flagged)  # share of the suspects that was changed
        return (f"{self.share:.0%} of the labels were changed. Found: {recall.min():.0%} to "
                f"{recall.max():.0%} of them; of the labels under suspicion {precision.min():.0%} to "
                f"{precision.max():.0%} were changed ones ({len(hits)} seeds).")


def planted_labels(data: Data, n: int = 2000, share: float = 0.03, seeds: int = 3,
                   epochs: float = 8.0) -> Planted:
    """Give `share` of `n` training samples another label, and look for them with
    `checks.label_errors`.
    """
    rows: list[tuple[int, int, int]] = []
    for seed in range(seeds):
        small = data.subset(n, seed=seed)
        x, y = small.train
        draw = generator(seed, "check")
        wrong = torch.randperm(n, generator=draw)[:round(share * n)]
        changed = y.clone()
        # 1 to K - 1 further, modulo K: another class, each of them equally likely
        further = torch.randint(1, data.num_classes, (len(wrong), ), generator=draw)
        changed[wrong] = (y[wrong] + further) % data.num_classes
        result = checks.label_errors((x, changed), epochs=epochs, progress=False)
        (part,) = result.details["ranked"].values()  # one split was given
        found = set(part["rows"][part["issue"]].tolist())
        rows.append((len(wrong), len(found), len(found & set(wrong.tolist()))))
    planted, flagged, hits = zip(*rows, strict=True)
    return Planted(share, planted, flagged, hits)


def faulty(data: Data, every: int = 250) -> Data:
    """The data as a pipeline with a bug would give it: each `every`-th training image was scaled to
    [0, 1] before it was turned into bytes, so it holds nothing but zeros and ones."""
    x = data.train.x.clone()
    x[::every] = x[::every] // 255  # 0, or 1 where the pixel was pure white
    return with_train(data, torch.arange(len(x)), x=x,
                      note=f"every {every}th image scaled to [0, 1], then cut to bytes")


def extremes(data: Data, result: CheckResult, axes: Sequence[str] = (), count: int = 16) -> Picture:
    """The samples that stand out most in `checks.outliers`, each with the axis on which it does;
    `axes`: only on these.
    """
    scores = {
        axis: np.asarray(values)
        for axis, values in result.details["scores"].items()
        if not axes or axis in axes
    }
    rows = result.details["rows"]
    # (axes, N): distance from the median, in robust standard deviations
    table = np.stack(list(scores.values()))
    # by the axis on which each stands out most
    order = np.argsort(-np.abs(table).max(0), kind="stable")[:count]
    names = list(scores)
    splits = {split.name: split for split in _splits(data, "pictures of outliers")}
    images, captions = [], []
    for k in order:
        worst = int(np.abs(table[:, k]).argmax())  # number of that axis
        split = splits[result.details["splits"][int(rows[k][0])]]
        images.append(_one(split, int(rows[k][1])))
        captions.append(
            f"{_label(data, split, int(rows[k][1]))}\n{names[worst]} {table[worst, k]:+.0f}")
    return photos(np.stack(images), captions,
                  f"{data.name}: farthest from the median, in units of the usual spread",
                  alt=f"Outliers: {'; '.join(text.replace(chr(10), ', ') for text in captions)}.")


FAULTS = {
    "copies": "some of the validation samples are in the training set too", "missing class":
    "a class that validation has is not in the training set", "wrong labels": "labels were changed",
    "dark pictures": "some pictures hold next to nothing"
}


def mystery(data: Data, count: int = 200, seed: int = 0) -> Data:
    """`data` with one fault in its training set: `count` validation samples took the places of
    training samples.
    """
    train, held = data.train, data.validation
    draw = generator(seed, "check")
    # (count,) each: rows that are replaced, rows that replace them
    places, copied = (torch.randperm(split.size, generator=draw)[:count] for split in (train, held))
    x, y = train.x.clone(), train.y.clone()
    x[places], y[places] = held.x[copied[:len(places)]], held.y[copied[:len(places)]]
    return with_train(data, torch.arange(train.size), x=x, y=y)


def check_mystery(puzzle: Data, answer: str) -> str:
    """Judge the exercise by looking at the puzzle, not at a list of answers."""
    if answer not in FAULTS:
        return f"{answer!r} is none of the names: " + ", ".join(map(repr, FAULTS)) + "."
    parts = {"train": tuple(puzzle.train), "validation": tuple(puzzle.validation)}
    found = {"copies": not checks.split_leak(parts, near=False).ok,
             "missing class": checks.class_balance(parts).status == "fail",
             "dark pictures": len(checks.outliers(parts).details["blank"]) > 0}
    # what remains when the other three are ruled out
    found["wrong labels"] = not any(found.values())
    if found[answer]:
        return f"Right: {FAULTS[answer]}."
    return (f"No: that would mean that {FAULTS[answer]}, and no check finds that. "
            "Try another one of this notebook's checks.")
