"""Checks that compare: split with split, pipeline with pipeline, samples before and after
augmentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch

from recipe_widgets.checks import plain_learners
from recipe_widgets.checks.check_decorator import CannotTellError
from recipe_widgets.checks.data_labels import as_table
from recipe_widgets.checks.data_samples import (
    channel_statistics,
    copies,
    few_values,
    near_copies,
    searchable,
)
from recipe_widgets.checks.data_subject import data_check
from recipe_widgets.checks.sample_sets import DataSubject, SampleSet, classes_of, finite
from recipe_widgets.checks.training_copy import (
    seeded,
)
from recipe_widgets.core.findings import STATUS_ORDER
from recipe_widgets.core.validation import real, whole
from recipe_widgets.rules.augmentation_keeps_label import EXCHANGED, AugmentedSamples
from recipe_widgets.rules.split_leak import SharedSamples
from recipe_widgets.rules.split_leak import split_leak as rule_of_leaks
from recipe_widgets.rules.train_eval_preprocessing import SamePipelines, TrainAndEvaluationInputs

Array = npt.NDArray[Any]
_SHOWN = 600  # samples on which augmentation is judged: an accuracy is known to 2 %


@data_check("validation", stage="data", place=3)
def split_leak(source: DataSubject, *, near: bool = True, mirrored: bool | None = None,
               progress: bool = True) -> SharedSamples:
    """Are samples of the training split in another one, as copies or near copies?

    `split_leak(train, validation)`, each (x, y), x, a split or batches; or `split_leak(data)`. Of
    several other splits the one with most to say is reported. Exact copies are a fact; near ones
    warn.
    """
    if len(source.parts) < 2:
        raise CannotTellError("needs two splits")
    train, by_chance = source.parts[0], few_values(source.parts[0])
    groups = copies(source.parts)
    pairs, similarity = near_copies(source, mirrored, progress) if near else (np.zeros(
        (0, 4), np.int64), np.zeros(0))
    found = []
    for split, part in enumerate(source.parts[1:], 1):
        exact = [(group[0][1], row) for group in groups if group[0][0] == 0 for where, row in group
                 if where == split]
        mine = (pairs[:, 0] == 0) & (pairs[:, 2] == split)  # from training into this split
        found.append(
            _shared_samples(
                np.array(exact, np.int64).reshape(-1, 2), pairs[mine][:, [1, 3]], similarity[mine],
                size=part.size, names=(train.name, part.name), by_chance=by_chance,
                only_exact=not (near and searchable(source))))
    return max(found, key=lambda shared: STATUS_ORDER.index(rule_of_leaks(shared).status))


def _shared_samples(exact: Array, near: Array, similarity: Array, *, size: int,
                    names: tuple[str, str], by_chance: bool, only_exact: bool) -> SharedSamples:
    """exact, near: pairs (n, 2): row in the first split, row in the second."""
    copied, alike = (len(np.unique(pairs[:, 1])) for pairs in (exact, near))
    details = {"exact": exact, "near": near, "similarity": similarity, "splits": names}
    return SharedSamples(copied, size, alike, names, by_chance, only_exact, details=details)


@data_check("preprocess_train", "preprocess_eval", stage="data", place=9)
def train_eval_preprocessing(
        source: DataSubject, *, preprocess_train: Callable[..., Any] | None = None,
        preprocess_eval: Callable[..., Any] | None = None,
        samples: Annotated[int, whole(1, 10**6)] = 128
) -> SamePipelines | TrainAndEvaluationInputs:
    """Does a raw sample look the same to the model in training and in evaluation, but for random
    augmentation?

    `train_eval_preprocessing(raw, preprocess_train, preprocess_eval)`, each pipeline `raw samples
    (n, ...) -> x`. Without pipelines the inputs of the training and validation batches are
    compared.
    """
    if preprocess_train is None or preprocess_eval is None:
        return _batches_alike(source)
    part = next((part for part in source.parts[1:] if part.size >= 8), source.parts[0])
    raw = part.given[:samples]
    runs: list[torch.Tensor] = []
    for pipeline in (preprocess_train, preprocess_train, preprocess_eval, preprocess_eval):
        with seeded(len(runs)):  # other numbers each time, so that randomness shows
            runs.append(torch.as_tensor(np.asarray(pipeline(_copy(raw)))).detach().double().cpu())
    train, again, evaluated, once_more = runs
    shapes = (tuple(train.shape), tuple(evaluated.shape))
    if shapes[0] != shapes[1]:
        return SamePipelines(shapes)
    random = (not torch.equal(train, again), not torch.equal(evaluated, once_more))
    return SamePipelines(shapes, random, _channels(train), _channels(evaluated))


def _copy(raw: Any) -> Any:
    return raw.clone() if isinstance(raw, torch.Tensor) else raw.copy()


def _channels(x: torch.Tensor) -> Array:
    """(C, values): per channel of images (n,C,H,W) or column of tables, in the same order for
    both pipelines.
    """
    x = x[:, None] if x.ndim == 3 or x.ndim == 1 else x
    by_channel = x.reshape(len(x), x.shape[1], -1).transpose(0, 1)  # (C, n, pixels)
    values: Array = by_channel.reshape(x.shape[1], -1).numpy()
    return values


def _batches_alike(source: DataSubject) -> TrainAndEvaluationInputs:
    if len(source.fed) < 2:
        raise CannotTellError(
            "needs preprocess_train and preprocess_eval, or training and validation batches")
    train, held = source.fed[:2]
    if not train.x.is_floating_point() or train.x.shape[1:] != held.x.shape[1:] or min(
            train.size, held.size) < 32:
        raise CannotTellError("needs at least 32 samples of numbers, of one shape, from each")
    for part in (train, held):
        finite(part)
    first, second = channel_statistics(train.x), channel_statistics(held.x)
    return TrainAndEvaluationInputs(first["mean"], first["std"], second["mean"], second["std"],
                                    samples=min(train.size, held.size), picture=train.of_images)


@data_check("augment", stage="data", place=8)
def augmentation_keeps_label(source: DataSubject, *, augment: Callable[..., Any] | None = None,
                             seconds: Annotated[float, real(0)] = 6.0,
                             draws: Annotated[int, whole(1, 100)] = 2) -> AugmentedSamples:
    """Does an augmented sample still show what its label says?

    `augmentation_keeps_label((x, y), augment)` with `augment(x, y) -> (x, y)`. Exact: samples
    exchanged within the batch against their labels. By threshold: a learner that knows plain
    samples takes augmented ones for another class, or does not recognise them.
    """
    if augment is None:
        raise CannotTellError("needs augment=: (x, y) -> (x, y)")
    part = _plain(source)
    finite(part)
    y = classes_of(part, source.num_classes)
    rows = torch.from_numpy(_sample(y.numpy()))
    x, y = part.x[rows], y[rows]
    new, labels, problem = _augmented(x, y, augment, draws)
    if problem or labels is None:
        return AugmentedSamples(samples=len(y), problem=problem)
    twice, old = y.repeat(draws), x.repeat(draws, *[1] * (x.ndim - 1))
    permuted = _exchanged(old, new, twice, labels)
    if permuted > EXCHANGED:
        return AugmentedSamples(permuted, samples=len(y))
    return _recognised(part, x, y, new.reshape(draws, *x.shape), labels.reshape(draws, -1), seconds)


def _plain(source: DataSubject) -> SampleSet:
    """Samples before augmentation: the reader's own, else those of validation, which ought not
    to be augmented.
    """
    shape = source.fed[0].x.shape[1:] if source.fed else source.parts[0].x.shape[1:]
    own = [
        part for part in source.parts if part.labels is not None and
        (not source.quick or (part.x.shape[1:] == shape and part.x.is_floating_point() and not any(
            part is fed for fed in source.fed)))
    ]
    found = own or [part for part in (*source.fed[1:], *source.fed[:1]) if part.labels is not None]
    if not found:
        raise CannotTellError("needs one class label per sample")
    return max(found, key=lambda part: min(part.size, _SHOWN))


def _sample(y: Array) -> Array:
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0)).numpy()
    known: Array = order[y[order] >= 0]  # -100 is no label
    return known[:_SHOWN]


def _augmented(x: torch.Tensor, y: torch.Tensor, augment: Callable[..., Any], draws: int
               ) -> tuple[torch.Tensor, torch.Tensor | None, str]:
    """Augmented copies of all samples, `draws` times over, their labels, and what is wrong with
    their form.

    Raises:
        CannotTellError: it blends labels, as mixup does.
    """
    samples_out, labels_out = [], []
    with seeded():
        for pair in _batches(x, y, draws):
            out = augment(*(part.clone() for part in pair))
            if isinstance(out, torch.Tensor):
                out = (out, pair[1])
            if not isinstance(out, (tuple, list)) or len(out) != 2 or not all(
                    isinstance(part, torch.Tensor) for part in out):
                raise CannotTellError(
                    "augment does not give (x, y): it may blend labels, as mixup does")
            new, labels = (part.detach().cpu() for part in out)
            if labels.shape != pair[1].shape or labels.is_floating_point():
                raise CannotTellError("augment blends labels, as mixup does")
            if new.shape != pair[0].shape:
                raise CannotTellError(
                    f"augment turns samples of shape {tuple(x.shape[1:])} into "
                    f"{tuple(new.shape[1:])}"
                )
            samples_out.append(new)
            labels_out.append(labels.long())
    new = torch.cat(samples_out)
    bad = new.is_floating_point() and not bool(new.isfinite().all())
    return new, torch.cat(labels_out), "gives NaN or infinity" if bad else ""


def _batches(x: torch.Tensor, y: torch.Tensor,
             draws: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    for _ in range(draws):
        yield from zip(x.split(50), y.split(50), strict=True)


def _exchanged(old: torch.Tensor, new: torch.Tensor, y: torch.Tensor,
               labels: torch.Tensor) -> float:
    """Share of samples that became an exact copy of another one of their batch, whose label is
    not theirs.
    """
    number_of = {row.numpy().tobytes(): index for index, row in enumerate(old.flatten(1))}
    hits = [number_of.get(row.numpy().tobytes()) for row in new.flatten(1)]
    return float(
        np.mean([
            index is not None and int(y[index]) != int(label)
            for index, label in zip(hits, labels, strict=True)
        ]))


def _recognised(part: SampleSet, x: torch.Tensor, y: torch.Tensor, new: torch.Tensor,
                labels: torch.Tensor, seconds: float) -> AugmentedSamples:
    """By a learner of the first half, on the second half as it is and augmented."""
    classes, half = int(max(y.max(), labels.max())) + 1, len(y) // 2
    if half < 40 or len(y[:half].unique()) < 2:  # one class tells nothing apart
        raise CannotTellError(f"{len(y)} samples are too few to learn from")
    views = [x[half:], *(draw[half:] for draw in new)]
    probabilities = _views(part, x[:half], y[:half], views, classes, seconds)
    plain = probabilities[0].argmax(1)
    aug = np.stack([draw.argmax(1) for draw in probabilities[1:]])  # (draws, n)
    truth, drawn = y[half:].numpy(), labels[:, half:].numpy()
    moved = {}
    name = [
        part.names[index] if index < len(part.names) else f"class {index}"
        for index in range(classes)
    ]
    for a in range(classes):
        mine = truth == a
        for b in range(classes):
            if a != b and mine.sum() >= 4:
                share = float((aug[:, mine] == b).mean() - (plain[mine] == b).mean())
                if share > 0.1:  # below, it is the learner's own confusion
                    moved[name[a], name[b]] = share
    return AugmentedSamples(
        before=float((plain == truth).mean()), after=float((aug == drawn).mean()),
        samples=len(truth), moved=moved, chance=float(np.bincount(truth).max() / len(truth)))


def _views(part: SampleSet, x: torch.Tensor, y: torch.Tensor, views: list[torch.Tensor],
           classes: int, seconds: float) -> list[Array]:
    """Probabilities (n, K) of each view, by the learner that knows the plain view best."""
    found: list[list[Array]] = []
    for model in plain_learners.table_learners(len(x)):
        model.fit(as_table(x), y.numpy())
        rows = [np.zeros((len(view), classes)) for view in views]
        for row, view in zip(rows, views, strict=True):
            row[:, model.classes_] = model.predict_proba(as_table(view))
        found.append(rows)
    if part.of_images and min(x.shape[2:]) >= 6:
        torch.manual_seed(0)
        small = [plain_learners.sized(view) for view in (x, *views)]
        net = plain_learners.fit(plain_learners.QuickNet(small[0], classes), small[0], y,
                          plain_learners.Plan(40.0, seconds))
        # first, as for images it is the better learner
        found.insert(
            0, [
                plain_learners.logits(net, view, False).softmax(1).double().numpy()
                for view in small[1:]
            ])
    return found[0] if part.of_images and len(found) > 2 else max(
        found, key=lambda rows: float(rows[0].max(1).mean()))
