"""What a trained model takes the classes of training and evaluation for."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from recipe_widgets.checks.model_copies import copied
from recipe_widgets.rules.class_numbers import ClassConfusion
from recipe_widgets.watch.evidence.forward_pass import ForwardPass, tensors_in
from recipe_widgets.watch.evidence.script_objects import ScriptObjectError, ask
from recipe_widgets.watch.evidence.watched_run import RUNS_MODELS, Built, WatchedRun, builds

_MOST_CLASSES, _MOST_SAMPLES, _AT_ONCE = 1000, 2000, 250
_LAST_PHASES, _FEWEST = 3, 30  # evaluations; samples of one
_TRAINED_ON = 0.5  # share of an evaluation's samples
_LOW = 0.95  # accuracy below which a round is worth a look
Counts = npt.NDArray[np.int64]


@builds(ClassConfusion, RUNS_MODELS)
def class_confusions(run: WatchedRun) -> Built:
    """Of the last evaluations, where many labels are missed."""
    stored, train_counts = run.records.samples.train_store.distinct(), None
    if stored is None or run.several_models or run.records.models.retained == {}:
        return
    trained = run.records.models.trained_numbers
    for phase in run.records.evaluations.phases[-_LAST_PHASES:]:
        rounds = [passes for passes in phase.rounds() if passes[0].model in trained
                  and all(one.predictions is not None and one.labels is not None for one in passes)]
        for passes in rounds:
            labels, taken = _labels_and_predictions(passes)
            classes = int(max(labels.max(), taken.max(), stored[1].max())) + 1
            if len(labels) < _FEWEST or min(labels.min(), taken.min(), stored[1].min()) < 0 \
                    or classes > _MOST_CLASSES or (labels == taken).mean() > _LOW \
                    or _is_trained_on(run, passes):
                continue
            if train_counts is None or len(train_counts) < classes:
                with run.tolerating("a look at training samples"), contextlib.suppress(ScriptObjectError):
                    train_counts = _of_training(run, passes[0].model, *stored, classes)
            if train_counts is None:
                return
            told = np.zeros(len(train_counts), bool)
            for other in rounds:
                y, guess = _labels_and_predictions(other)
                if other is not passes and np.array_equal(y, labels):
                    for k in np.unique(y[y < len(told)]):
                        told[k] |= bool((guess[y == k] == k).mean() > 0.5)
            yield ClassConfusion(train_counts, _counts(labels, taken, len(train_counts)), told), phase.line


def _labels_and_predictions(passes: list[ForwardPass]) -> tuple[Any, Any]:
    return (np.concatenate([one.labels for one in passes if one.labels is not None]),
            np.concatenate([one.predictions for one in passes if one.predictions is not None]))


def _counts(labels: Any, taken: Any, classes: int) -> Counts:
    flat = np.bincount(labels * classes + taken, minlength=classes * classes)
    return flat.reshape(classes, classes)


def _is_trained_on(run: WatchedRun, passes: list[ForwardPass]) -> bool:
    """Are these the training samples themselves?"""
    hashes = [one.hashes for one in passes if one.hashes is not None]
    known = [one for number, one in run.records.samples.train_hashes if number == passes[0].model]
    return bool(hashes and known) and float(
        np.isin(np.concatenate(hashes), np.concatenate(known)).mean()) > _TRAINED_ON


def _of_training(run: WatchedRun, number: int, x: torch.Tensor, y: torch.Tensor,
                 classes: int) -> Counts | None:
    """What a copy of the model takes training samples for."""
    module = run.records.models.retained.get(number)
    model = copied(module) if module is not None else None
    device = next((p.device for p in module.parameters()), None) if module is not None else None
    if not isinstance(model, nn.Module) or device is None:
        return None
    model.eval()
    last, taken = slice(-_MOST_SAMPLES, None), []  # the last that were stored, as good as any
    with torch.no_grad():
        for rows in x[last].split(_AT_ONCE):
            run.check_time()
            outputs = [o for o in tensors_in(ask(model, rows.to(device))) if o.is_floating_point()]
            if not outputs or outputs[0].ndim != 2 or len(outputs[0]) != len(rows):
                return None
            taken.append(outputs[0].argmax(1).cpu())
    guess, labels = torch.cat(taken).numpy(), y[last].numpy().astype(np.int64)
    width = max(classes, int(guess.max()) + 1)
    return _counts(labels, guess, width)
