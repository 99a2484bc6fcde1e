"""Notebook 05: can a model learn one batch by heart?"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.course.exercise import Exercise, MainLines
from recipe_widgets.course.trial_tools import (
    Slips,
    batches,
    close,
    copy_of,
    expect,
    inputs_kept,
    number,
    small_net,
)


def overfit_batch(model, loss_fn, x, y, steps=200):
    """Can this model learn one batch by heart? Trains a copy of it on x, y alone, for so many steps.

    The copy is in training mode, with every nn.Dropout off: nothing holds it back.
    Returns the loss of each step, a list of Python numbers; the first is that of the model as it came.
    The model itself stays as it is: weights, gradients, mode.
    """
    learner = copy.deepcopy(model).train()
    for part in learner.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.003)
    losses = []
    for _ in range(steps):
        loss = loss_fn(learner(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def _losses(found: Any, steps: int) -> list[float]:
    expect(isinstance(found, list | tuple), f"It returns {type(found).__name__}; "
                                            "a list of the losses is wanted.")
    expect(len(found) == steps, f"It returns {len(found)} losses for {steps} steps.")
    for one in found:
        expect(not (isinstance(one, torch.Tensor) and one.requires_grad),
               "The losses still hold the graph of their step, which fills the memory: append "
               "loss.item().")
    return [number(one, f"The loss of step {step} is") for step, one in enumerate(found, 1)]


def _judge(yours: Any, model: nn.Module, first: float, why: str = "", steps: int = 200,
           left: float = 0.1, seed: int = 1, loss_fn: Any = F.cross_entropy,
           dtype: torch.dtype = torch.float32, slips: Slips = ()) -> None:
    (x, y), = batches(seed, [12], dtype=dtype)
    with inputs_kept(x=x, y=y):
        losses = _losses(yours(model, loss_fn, x, y, steps), steps)
    close(losses[0], first, "The first loss", why, rtol=1e-3, slips=slips)
    expect(losses[-1] <= left * losses[0],
           f"The loss only goes from {losses[0]:.3g} to {losses[-1]:.3g} in {steps} steps, although "
           "this model can learn the batch by heart. Is it the same model in each step, with the "
           "gradients cleared and the optimizer made once? If so, take larger steps, such as Adam "
           "with lr=0.003.")


def _first_loss(model: nn.Module, seed: int = 1, dtype: torch.dtype = torch.float32,
                loss_fn: Any = F.cross_entropy) -> float:
    (x, y), = batches(seed, [12], dtype=dtype)
    with torch.no_grad():
        return float(loss_fn(copy_of(model)(x), y))


_AS_IT_CAME = "The first loss is that of the model as it came: no new weights, no step before it."


def learns(yours: Any) -> None:
    """A network that can learn the batch; in float32 and in float64"""
    model = small_net(1, hidden=64)
    _judge(yours, model, _first_loss(model), _AS_IT_CAME)
    double = small_net(2, hidden=64).double()
    _judge(yours, double, _first_loss(double, 2, torch.float64), seed=2, dtype=torch.float64)


def stays(yours: Any) -> None:
    """The model itself stays as it is"""
    model = small_net(3, hidden=64).eval()
    for weight in model.parameters():
        weight.grad = torch.full_like(weight, 0.5)
    before = copy_of(model)
    (x, y), = batches(3, [12])
    yours(model, F.cross_entropy, x, y, 5)
    expect(not model.training, "The model came in evaluation mode, and is in training mode now. Train "
                               "a copy: copy.deepcopy(model).")
    for weight, old in zip(model.parameters(), before.parameters(), strict=True):
        expect(torch.equal(weight, old), "The weights of the model have moved. Train a copy: "
                                         "copy.deepcopy(model).")
        expect(weight.grad is not None and bool((weight.grad == 0.5).all()),
               "The gradients of the model are changed. Train a copy: copy.deepcopy(model).")


def how_long(yours: Any) -> None:
    """As many steps as asked for"""
    model = small_net(4)
    (x, y), = batches(4, [12])
    for steps in (1, 7):
        _losses(yours(model, F.cross_entropy, x, y, steps), steps)


def _with(layer: nn.Module) -> nn.Sequential:
    """A network for the batches, with a layer before its ReLU."""
    net = small_net(5, hidden=64)
    return nn.Sequential(net[0], net[1], layer, net[2], net[3])


def dropout(yours: Any) -> None:
    """Dropout is off"""
    dropped = nn.Dropout(0.0)
    model = _with(dropped)
    first = _first_loss(copy_of(model).eval())
    _judge(yours, model, first, _AS_IT_CAME)  # so that what is wrong below is the dropout
    dropped.p = 0.8
    _judge(yours, model, first,
           "Dropout is still on: set p = 0 in each nn.Dropout of the copy, or put these layers alone "
           "into evaluation mode.")
    expect(dropped.p == 0.8, "The dropout of the model itself is changed.")


def norm(yours: Any) -> None:
    """BatchNorm is in training mode, also where the model comes in evaluation mode"""
    model = _with(nn.BatchNorm1d(64))
    first, evaluated = _first_loss(copy_of(model).train()), _first_loss(copy_of(model).eval())
    for training in (True, False):
        _judge(yours, model.train(training), first, _AS_IT_CAME, slips=[(
            evaluated, "BatchNorm should use the batch, as it does in training: .train() on the copy. "
                       "Only the dropout layers are to be off.")])


class _Blind(nn.Module):
    """The same answer whatever the input: a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor([1.0, 0.0, -1.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bias.expand(len(x), 3)


def cannot(yours: Any) -> None:
    """A model that cannot: the losses say so"""
    x, y = torch.randn(12, 1, 4, 4, generator=torch.Generator().manual_seed(6)), torch.arange(12) % 3
    losses = _losses(yours(_Blind(), F.cross_entropy, x, y, 300), 300)
    expect(losses[-1] > math.log(3) - 1e-3,
           f"This model gives one answer to all samples, so its loss cannot fall below ln 3 = 1.099; "
           f"yours ends at {losses[-1]:.3g}.")
    expect(losses[-1] < losses[0], "Even this model learns a little: how frequent the classes are. "
                                   "Yours does not.")


def other_loss(yours: Any) -> None:
    """Another loss"""
    def squares(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (outputs - F.one_hot(y, 3)).square().mean()

    model = small_net(7, hidden=64)
    _judge(yours, model, _first_loss(model, 7, loss_fn=squares), "Use the loss_fn that is handed in.",
           left=0.3, seed=7, loss_fn=squares)


EXERCISE = Exercise(
    overfit_batch, "05_overfit",
    (learns, stays, how_long, dropout, norm, cannot, other_loss),
    hints=(
        "It is the training loop that you know, on a copy of the model and with the same x and y in "
        "each step. copy.deepcopy(model) makes a copy.",
        "Dropout off, all else in training mode: learner.train(), then for part in "
        "learner.modules(): if isinstance(part, nn.Dropout): part.p = 0.0.",
        "The optimizer is made once, over the parameters of the copy: "
        "torch.optim.Adam(learner.parameters(), lr=0.003). Append loss.item() in each step.",
    ),
    main=MainLines("before training", """\
by_heart = overfit_batch(model, loss_fn, x[train_rows[:64]], y[train_rows[:64]])
print(f"one batch by heart: loss {by_heart[0]:.2f} to {by_heart[-1]:.4f}")
assert by_heart[-1] < 0.1 * by_heart[0], "one batch is not learnt by heart: look for a bug first\""""))
