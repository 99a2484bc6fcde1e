"""Notebook 00: the share of right answers on a whole set."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.trial_tools import (
    ModeRecorder,
    Slips,
    batches,
    close,
    expect,
    number,
    small_net,
)


def accuracy(model, loader):
    """The share of samples that `model` gets right, from 0 to 1, over all batches (x, y) of `loader`.

    The answer for a sample is the class with its largest output.
    The model is in evaluation mode meanwhile, and no gradients are recorded.
    """
    model.eval()
    right, seen = 0, 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(dim=1) == y).sum().item()
            seen += len(y)
    return right / seen


class _Table(nn.Module):
    """Answers with the pixels of the first row: the trial knows what is right."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0, 0]


def _table_batches(sizes: list[int], right: list[int]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of these sizes, of which the first `right` samples are answered rightly."""
    made = []
    for (x, y), good in zip(batches(len(sizes), sizes, classes=4), right, strict=True):
        wrong = torch.arange(len(y)) >= good
        shown = torch.where(wrong, (y + 1) % 4, y)  # (n,) the class with the largest output
        x = x.clone()
        x[:, 0, 0] = 5 * torch.nn.functional.one_hot(shown, 4).float() - 9  # all are negative
        made.append((x, y))
    return made


def _judge(yours: Any, loader: list[tuple[torch.Tensor, torch.Tensor]], wanted: float,
           slips: Slips = ()) -> None:
    found = number(yours(_Table(), loader))
    expect(not (found > 1 and abs(found - 100 * wanted) < 0.1),
           f"It returns {found:.4g}: a share from 0 to 1 is wanted, no per cent.")
    close(found, wanted, "The accuracy", slips=slips)


def one_batch(yours: Any) -> None:
    """Six of eight right"""
    _judge(yours, _table_batches([8], [6]), 6 / 8)


def none_and_all(yours: Any) -> None:
    """None right, all right"""
    _judge(yours, _table_batches([5], [0]), 0.0)
    _judge(yours, _table_batches([5], [5]), 1.0)


def unequal(yours: Any) -> None:
    """Batches of 8, 8 and 2 samples"""
    _judge(yours, _table_batches([8, 8, 2], [8, 8, 0]), 16 / 18,
           [((1 + 1 + 0) / 3, "Is the mean taken over batches? The batch of 2 counts as much as one of 8 "
                              "then: count the right ones and all samples, and divide at the end.")])


def empty_batch(yours: Any) -> None:
    """An empty batch among the others"""
    _judge(yours, _table_batches([4, 0, 4], [4, 0, 1]), 5 / 8)


def mode(yours: Any) -> None:
    """Evaluation mode, without gradients"""
    model = ModeRecorder(small_net(7)).train()
    number(yours(model, batches(7, [4, 4])))
    expect(bool(model.seen), "It never calls the model.")
    expect(not any(training for training, _ in model.seen),
           "The model is in training mode: dropout would switch units off while you count. Call "
           "model.eval() first.")
    expect(not any(gradients for _, gradients in model.seen),
           "Gradients are recorded, which costs time and memory: with torch.no_grad(): around the "
           "loop.")


def float64(yours: Any) -> None:
    """A model in float64 that is right on some samples"""
    model = small_net(8).double()
    loader = batches(8, [16, 7], dtype=torch.float64)
    close(number(yours(model, loader)), accuracy(model, loader), "The accuracy")


EXERCISE = Exercise(
    accuracy, "00_start_here", (one_batch, none_and_all, unequal, empty_batch, mode, float64),
    hints=(
        "model(x) has one output for each class: shape (N, classes). argmax(dim=1) gives the class "
        "with the largest one, shape (N,).",
        "(answers == y).sum() counts the right ones of a batch. Add them up over the batches, and "
        "the number of samples too; divide once, at the end.",
        "Begin with model.eval(), and put the loop inside `with torch.no_grad():`.",
    ))
