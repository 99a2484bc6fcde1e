"""Notebook 00: the training loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.course.exercise import Exercise, Wrong
from recipe_widgets.course.trial_tools import (
    ModeRecorder,
    batches,
    close,
    copy_of,
    expect,
    number,
    small_net,
    watched,
)

Batches = list[tuple[torch.Tensor, torch.Tensor]]


def train_epoch(model, loader, loss_fn, optimizer):
    """One epoch: a step for each batch (x, y) of `loader`. Changes the weights of `model`.

    loss_fn(outputs, y) is the loss of a batch, a tensor of one number.
    The model is in training mode meanwhile (`model.train()`).
    Returns the loss of each step, a list of Python numbers.
    """
    model.train()
    losses = []
    for x, y in loader:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def _sgd(model: nn.Module, momentum: float = 0.9) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=momentum)


def _judge(yours: Any, model: nn.Module, loader: Batches, given: Iterable[Any] | None = None) -> None:
    """Losses and weights must be those of the reference on a copy of the model."""
    twin = copy_of(model)
    wanted = train_epoch(twin, loader, F.cross_entropy, _sgd(twin))
    found = yours(model, loader if given is None else given, F.cross_entropy, _sgd(model))
    try:
        _compare(model, found, twin, wanted)
    except Wrong as wrong:
        # the numbers differ: the rules of `recipe watch` often know why, and where
        again = copy_of(twin)
        why = watched(lambda: yours(again, loader, F.cross_entropy, _sgd(again)))
        raise Wrong(f"{wrong} {why}".strip()) from None


def _compare(model: nn.Module, found: Any, twin: nn.Module, wanted: list[float]) -> None:
    expect(isinstance(found, list | tuple), f"It returns {type(found).__name__}; "
                                            "a list of the losses is wanted.")
    expect(len(found) == len(wanted), f"Losses returned: {len(found)}; batches: {len(wanted)}. "
                                       "One loss for each batch is wanted.")
    for one in found:
        graph = isinstance(one, torch.Tensor) and one.requires_grad
        expect(not graph, "The losses still hold the graph of their step, which fills the memory: "
                          "append loss.item().")
    for step, (mine, theirs) in enumerate(zip(found, wanted, strict=True), 1):
        close(number(mine, f"The loss of step {step} is"), theirs, f"The loss of step {step}",
              rtol=1e-3)
    moved = zip(model.named_parameters(), twin.named_parameters(), strict=True)
    for (name, weight), (_, right) in moved:
        close(weight, right, f"After the epoch, the weight {name}", rtol=1e-3)


def one_batch(yours: Any) -> None:
    """One batch: one step"""
    _judge(yours, small_net(1), batches(1, [8]))


def several(yours: Any) -> None:
    """Five batches: losses and weights as they should be"""
    _judge(yours, small_net(2), batches(2, [8] * 5))


def small_last(yours: Any) -> None:
    """A smaller last batch, in float64"""
    _judge(yours, small_net(3).double(), batches(3, [8, 8, 3], dtype=torch.float64))


def read_once(yours: Any) -> None:
    """Batches that can be read only once"""
    loader = batches(4, [6, 6, 6])

    def stream() -> Iterator[Any]:
        yield from loader

    _judge(yours, small_net(4), loader, stream())


def training_mode(yours: Any) -> None:
    """A model that comes in evaluation mode is trained in training mode"""
    model = ModeRecorder(small_net(5)).eval()
    yours(model, batches(5, [6, 6]), F.cross_entropy, _sgd(model))
    expect(bool(model.seen), "It never calls the model.")
    expect(all(training for training, _ in model.seen),
           "The model is in evaluation mode while it trains: dropout and BatchNorm would not work. "
           "Call model.train() first.")


def other_loss(yours: Any) -> None:
    """Another loss and another optimizer"""
    model, loader = small_net(6), batches(6, [8, 8, 8])

    def loss_fn(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (outputs - F.one_hot(y, 3)).square().mean()

    def adam(model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(model.parameters(), lr=0.01)

    twin = copy_of(model)
    wanted = train_epoch(twin, loader, loss_fn, adam(twin))
    _compare(model, yours(model, loader, loss_fn, adam(model)), twin, wanted)


EXERCISE = Exercise(
    train_epoch, "00_start_here",
    (one_batch, several, small_last, read_once, training_mode, other_loss),
    hints=(
        "The cell above has all the lines you need. What changes is only where model, loader, loss "
        "and optimizer come from: they are the arguments.",
        "Four things for each batch: the loss; the old gradients cleared (optimizer.zero_grad()); "
        "the new ones computed (loss.backward()); the weights moved (optimizer.step()).",
        "Begin with model.train() and losses = [], and append loss.item() in each step: a Python "
        "number, without the graph.",
    ))
