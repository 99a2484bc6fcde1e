"""Notebook 02: how good one is without looking at the inputs."""

from __future__ import annotations

import math
from typing import Any

import torch

from recipe_widgets.course.exercise import Exercise, MainLines
from recipe_widgets.course.trial_tools import Slips, close, expect, inputs_kept, number


def constant_baseline(y_train, y_val, classes):
    """How good is a constant answer, the same for every image? Learnt from y_train, judged on y_val.

    y_train (N,), y_val (M,): classes from 0 to classes - 1.
    Returns (accuracy, loss): the share of y_val that is the commonest class of y_train; and the
    cross-entropy in nats of always giving each class the probability of its share of y_train. It is
    infinite (float("inf")) where y_val has a class that y_train does not have.
    """
    shares = torch.bincount(y_train, minlength=classes) / len(y_train)  # (classes,)
    accuracy = (y_val == shares.argmax()).float().mean().item()
    loss = -shares[y_val].log().mean().item()
    return accuracy, loss


_OWN = "What is learnt must come from y_train alone: y_val only judges."


def _judge(yours: Any, train: list[int], validation: list[int], classes: int,
           slips: Slips = ()) -> None:
    y_train, y_val = torch.tensor(train), torch.tensor(validation)
    with inputs_kept(y_train=y_train, y_val=y_val):
        found = yours(y_train, y_val, classes)
    pair = isinstance(found, tuple | list) and len(found) == 2
    expect(pair, "It should return two numbers: accuracy, loss.")
    accuracy, loss = _right(train, validation, classes)
    own_accuracy, own_loss = _right(validation, validation, classes)
    close(number(found[0], "The accuracy is"), accuracy, "The accuracy", slips=[(own_accuracy, _OWN)])
    close(number(found[1], "The loss is"), loss, "The loss", slips=[*slips, (own_loss, _OWN)])


def _right(train: list[int], validation: list[int], classes: int) -> tuple[float, float]:
    """(accuracy, loss) of what is learnt from `train`."""
    counts = [train.count(k) for k in range(classes)]
    commonest = counts.index(max(counts))
    logs = torch.tensor([counts[k] / len(train) for k in validation], dtype=torch.float64).log()
    return validation.count(commonest) / len(validation), -logs.mean().item()


def balanced(yours: Any) -> None:
    """Four classes, equally frequent: accuracy 1/4, loss ln 4"""
    _judge(yours, [0, 1, 2, 3] * 3, [3, 2, 1, 0], 4)


def lopsided(yours: Any) -> None:
    """Nine of ten are of one class"""
    _judge(yours, [2] * 9 + [0], [2] * 8 + [0] * 2, 3)


def another_commonest(yours: Any) -> None:
    """The commonest class of y_val is another one than that of y_train"""
    _judge(yours, [1, 1, 1, 1, 0, 2], [0, 0, 0, 1, 2], 3)


def missing(yours: Any) -> None:
    """A class that occurs nowhere"""
    _judge(yours, [0, 0, 2, 4], [0, 2, 2, 2, 4], 5,
           [(math.nan, "The share of one class is 0, and 0 times log(0) is no number: take the logarithm "
                       "only for the classes that y_val has.")])


def unseen(yours: Any) -> None:
    """The last class occurs in y_val alone: the loss is infinite"""
    _judge(yours, [0, 0, 1, 0], [0, 1, 2], 3)


EXERCISE = Exercise(
    constant_baseline, "02_skeleton_and_baselines",
    (balanced, lopsided, another_commonest, missing, unseen),
    hints=(
        "torch.bincount(y_train, minlength=classes) counts each class; divide by len(y_train) for "
        "the shares.",
        "The commonest class is shares.argmax(). Its accuracy is the mean of y_val == that class.",
        "shares[y_val] is the probability that the answer gave to the right class of each sample: "
        "the loss is the mean of -log of it.",
    ),
    main=MainLines("baseline", """share, loss = constant_baseline(y[train_rows], y[val_rows], 10)
print(f"a constant answer: {share:.2%} right, loss {loss:.4f}")"""))
