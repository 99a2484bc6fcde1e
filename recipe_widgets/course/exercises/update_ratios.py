"""Notebook 04: one step, and how far it moved each weight tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.trial_tools import (
    Slips,
    batches,
    close,
    copy_of,
    expect,
    number,
    small_net,
)


def update_ratios(model, loss_fn, optimizer, x, y):
    """One step of training on the batch (x, y), and how far it moved each weight tensor.

    loss_fn(outputs, y) is the loss of the batch. The model stays in its mode.
    Returns a dictionary: name, as model.named_parameters() has it -> norm of the change / norm of the
    tensor before the step. Only for tensors of two axes or more: biases may be 0.
    """
    before = {name: weight.detach().clone()
              for name, weight in model.named_parameters() if weight.ndim > 1}
    optimizer.zero_grad()
    loss_fn(model(x), y).backward()
    optimizer.step()
    ratios = {}
    for name, old in before.items():
        change = model.get_parameter(name).detach() - old
        ratios[name] = (change.norm() / old.norm()).item()
    return ratios


Make = Callable[[nn.Module], torch.optim.Optimizer]


def _sgd(**options: Any) -> Make:
    return lambda model: torch.optim.SGD(model.parameters(), **options)


def _slips(old: torch.Tensor, new: torch.Tensor, grad: torch.Tensor | None, lr: float) -> Slips:
    """The ratios that known slips lead to, of a tensor before and after a step."""
    if grad is None:
        return ()
    change, size = (new - old).norm(), old.norm()
    return [
        (0.0, "Copy the tensors before the step, with clone(): without it you hold the tensor itself, "
              "which moves along."),
        (lr * grad.norm() / size, "That is lr times the gradient. With momentum, Adam or weight decay a "
                                  "step is another: measure the change itself."),
        (grad.norm() / size, "That is the size of the gradient: measure the change itself, of the tensor."),
        (change, "It is not divided by the norm that the tensor had before the step."),
        (change / new.norm(), "It is divided by the norm after the step; that before the step is wanted."),
        (size / change, "That is the weights by the change; the change by the weights is wanted."),
        ((change / size) ** 2, "The root is missing: a norm is the root of the sum of the squares."),
        ((new.norm() - size).abs() / size, "That is how much the norm changed. Subtract the tensors "
                                           "first: the norm of the change is wanted."),
    ]


def _judge(yours: Any, model: nn.Module, make: Make, why: str = "", steps: int = 1,
           loss_fn: Any = F.cross_entropy, dtype: torch.dtype = torch.float32) -> None:
    """A twin is trained beside it: its change is the right one. why: of a step that is another."""
    (x, y), = batches(3, [12], dtype=dtype)
    twin = copy_of(model)
    for mine, theirs in zip(twin.parameters(), model.parameters(), strict=True):
        mine.grad = None if theirs.grad is None else theirs.grad.clone()
    optimizer, twins = make(model), make(twin)
    for _ in range(steps):
        before = {name: weight.detach().clone() for name, weight in twin.named_parameters()}
        wanted = update_ratios(twin, loss_fn, twins, x, y)
        found = yours(model, loss_fn, optimizer, x, y)
        expect(isinstance(found, dict), "It should return a dictionary: name of the tensor -> ratio.")
        names = sorted(map(repr, found))
        expect(set(found) == set(wanted), f"Its names are {', '.join(names) or 'none'}; right is {sorted(wanted)}: the "
                                        "tensors of two axes or more, so no biases.")
        for (name, mine), theirs in zip(model.named_parameters(), twin.parameters(), strict=True):
            close(mine, theirs, f"After the step {name}",
                  why or "Exactly one step: zero_grad, forward, loss, backward, step.")
        for name, ratio in wanted.items():
            new = twin.get_parameter(name)
            close(number(found[name], f"The ratio of {name!r} is"), ratio, f"The ratio of {name!r}",
                  "The norm of a tensor is the root of the sum of the squares of all its numbers.",
                  slips=_slips(before[name], new.detach(), new.grad, twins.param_groups[0]["lr"]))


def plain(yours: Any) -> None:
    """Plain SGD: one step"""
    _judge(yours, small_net(1), _sgd(lr=0.1))


def momentum(yours: Any) -> None:
    """Momentum, three steps"""
    _judge(yours, small_net(2), _sgd(lr=0.1, momentum=0.9), steps=3)


def adam(yours: Any) -> None:
    """Adam, and weight decay"""
    _judge(yours, small_net(3), lambda model: torch.optim.AdamW(model.parameters(), lr=0.01), steps=2)


def old_gradients(yours: Any) -> None:
    """Gradients are left from before"""
    model = small_net(4)
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    _judge(yours, model, _sgd(lr=0.1), "backward() adds to old gradients: optimizer.zero_grad() first.")


def frozen(yours: Any) -> None:
    """A frozen layer does not move: 0"""
    model = small_net(5)
    for weight in model[1].parameters():
        weight.requires_grad_(False)
    _judge(yours, model, _sgd(lr=0.1))


def convolution(yours: Any) -> None:
    """A convolution, float64, another loss, a rate of 1e-6"""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)).double()

    def squared(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (outputs - F.one_hot(y, 3)).square().sum()

    _judge(yours, model, _sgd(lr=1e-6), loss_fn=squared, dtype=torch.float64)


def mode(yours: Any) -> None:
    """The model stays in its mode"""
    for training in (True, False):
        model = small_net(7).train(training)
        _judge(yours, model, _sgd(lr=0.1))
        expect(model.training is training, "It leaves the model in the other mode.")


EXERCISE = Exercise(
    update_ratios, "04_signals_inside",
    (plain, momentum, adam, old_gradients, frozen, convolution, mode),
    hints=(
        "Three parts: note the tensors as they are; do one step as in your training loop; compare.",
        "before = {name: weight.detach().clone() for name, weight in model.named_parameters() if "
        "weight.ndim > 1}. Without clone() you hold the tensor itself, which moves along.",
        "After zero_grad, backward and step: (weight.detach() - before[name]).norm() / "
        "before[name].norm(), and .item() makes it a Python number.",
    ),
    in_recipe=False)
