"""Notebook 06: one step at each learning rate, from far too low to far too high."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.course.exercise import Exercise
from recipe_widgets.course.trial_tools import batches, close, copy_of, expect, number, small_net


def lr_range_test(model, loss_fn, batches, rates):
    """One step of plain SGD at each of the rates, one after the other.

    batches: gives pairs (x, y), one for each step, at least as many as there are rates.
    The steps are made by a copy in training mode: the model itself stays as it is.
    Returns the losses, a list of Python numbers: that of each batch, before its step.
    It ends early where a loss is not finite, or above four times the first one: that loss is the last
    in the list, and no step follows it.
    """
    learner = copy.deepcopy(model).train()
    optimizer = torch.optim.SGD(learner.parameters(), lr=0.0)
    losses = []
    for rate, (x, y) in zip(rates, batches, strict=False):     # ends with the shorter one
        loss = loss_fn(learner(x), y)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * losses[0]:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    return losses


def _losses(found: Any) -> list[float]:
    expect(isinstance(found, list | tuple), f"It returns {type(found).__name__}; a list of the losses is "
                                            "wanted.")
    for one in found:
        expect(not (isinstance(one, torch.Tensor) and one.requires_grad),
               "The losses still hold the graph of their step, which fills the memory: append "
               "loss.item().")
    return [number(one, f"The loss of step {step} is") for step, one in enumerate(found, 1)]


def _walk(model: nn.Module, loss_fn: Any, pairs: Any, rates: Sequence[float], training: bool = True,
          kind: Any = torch.optim.SGD, after: bool = False, **options: float) -> list[float]:
    """The losses with something otherwise; all steps are made."""
    learner = copy.deepcopy(model).train(training or model.training)
    optimizer = kind(learner.parameters(), lr=0.0, **options)
    losses = []
    for rate, (x, y) in zip(rates, pairs, strict=False):
        optimizer.param_groups[0]["lr"] = rate
        loss = loss_fn(learner(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append((loss_fn(learner(x), y) if after else loss).item())
    return losses


def _judge(yours: Any, model: nn.Module, rates: Sequence[float], given: Any = None, why: str = "",
           loss_fn: Any = F.cross_entropy, spare: int = 0, ends: str = "",
           dtype: torch.dtype = torch.float32) -> list[float]:
    """why: where a loss is otherwise. ends: where it ends too early or too late."""
    pairs = batches(len(rates), [12] * (len(rates) + spare), dtype=dtype)
    came = copy_of(model)
    wanted: list[float] = lr_range_test(came, loss_fn, pairs, rates)
    variants = [
        (_walk(came, loss_fn, pairs, rates, training=False), "The copy should be in training mode: .train()."),
        (_walk(came, loss_fn, pairs, rates, momentum=0.9), "Plain SGD: no momentum."),
        (_walk(came, loss_fn, pairs, rates, kind=torch.optim.Adam), "That is Adam; plain SGD is wanted."),
        (_walk(came, loss_fn, pairs, rates, after=True), "The loss before the step is wanted, not after it."),
        (_walk(came, loss_fn, [pairs[0]] * len(pairs), rates), "A new batch for each step, as they come."),
    ]
    found = _losses(yours(model, loss_fn, pairs if given is None else given(pairs), rates))
    for step, (mine, right) in enumerate(zip(found, wanted, strict=False), 1):
        if math.isfinite(right):
            close(mine, right, f"The loss of step {step}, {_rate_before(rates, step)},",
                  why or "Each step is forward, loss, backward, and a step of plain SGD at the next rate.",
                  slips=[(losses[step - 1], tip) for losses, tip in variants])
    stop = "" if len(wanted) == len(rates) else (
        f" The loss is {wanted[-1]:.3g} there, the first one {wanted[0]:.3g}: above four times the first, "
        f"or not finite, it ends, and this loss is the last one. {ends}")
    expect(len(found) == len(wanted), f"It returns {len(found)} losses; {len(wanted)} "
                                      f"{'is' if len(wanted) == 1 else 'are'} wanted.{stop}")
    return wanted


def _rate_before(rates: Sequence[float], step: int) -> str:
    return "before any step" if step == 1 else f"after the step at rate {rates[step - 2]:.2g}"


def rising(*ends: float, count: int) -> list[float]:
    """`count` rates from ends[0] to ends[1], each the same number of times the one before."""
    low, high = ends
    return [low * (high / low) ** (k / (count - 1)) for k in range(count)]


def low_rates(yours: Any) -> None:
    """Ten low rates: the losses of ten steps"""
    _judge(yours, small_net(1), rising(1e-3, 0.3, count=10))


def diverges(yours: Any) -> None:
    """Rates up to 10,000: it ends where the loss explodes"""
    rates = rising(1e-2, 1e4, count=12)
    expect(len(_judge(yours, small_net(2), rates)) < 12, "")


def not_a_number(yours: Any) -> None:
    """A loss that becomes NaN"""
    def breaks(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss = F.cross_entropy(outputs, y)
        return loss * torch.where(outputs.detach().abs().max() > 3, torch.nan, 1.0)

    _judge(yours, small_net(3), rising(0.1, 1e4, count=12), loss_fn=breaks,
           ends="NaN is not above anything: ask math.isfinite.")


def infinite(yours: Any) -> None:
    """A first loss that is infinite"""
    def overflows(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(outputs, y) + torch.inf

    _judge(yours, small_net(3), rising(0.1, 1.0, count=4), loss_fn=overflows,
           ends="Four times infinity is infinity, and it is not above itself: ask math.isfinite.")


def stays(yours: Any) -> None:
    """The model itself stays as it is: weights, gradients, mode, BatchNorm"""
    net = small_net(4)
    model = nn.Sequential(net[0], net[1], nn.BatchNorm1d(8), net[2], net[3]).eval()
    for weight in model.parameters():
        weight.grad = torch.full_like(weight, 0.5)
    before = copy_of(model)
    _judge(yours, model, rising(1e-3, 0.1, count=6))
    expect(not model.training, "The model came in evaluation mode, and is in training mode now. Train a "
                               "copy: copy.deepcopy(model).")
    for name, value in before.state_dict().items():
        expect(torch.equal(value, model.state_dict()[name]),
               f"{name} of the model has changed. Train a copy: copy.deepcopy(model).")
    for weight in model.parameters():
        expect(weight.grad is not None and bool((weight.grad == 0.5).all()),
               "The gradients of the model are changed. Train a copy: copy.deepcopy(model).")


def read_once(yours: Any) -> None:
    """Batches that can be read only once, and more of them than rates"""
    _judge(yours, small_net(5), rising(1e-3, 0.1, count=5), iter, spare=4)


def other_order(yours: Any) -> None:
    """The rates as they are handed in: three times the same, then a lower one"""
    _judge(yours, small_net(6), [0.1, 0.1, 0.1, 0.001, 0.5],
           why="Use the rates that are handed in, in their order.")


def other_loss(yours: Any) -> None:
    """Another loss, float64"""
    def squares(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (outputs - F.one_hot(y, 3)).square().mean()

    _judge(yours, small_net(7).double(), rising(1e-2, 0.3, count=6), loss_fn=squares,
           why="Use the loss_fn that is handed in.", dtype=torch.float64)


EXERCISE = Exercise(
    lr_range_test, "06_optimise",
    (low_rates, diverges, not_a_number, infinite, stays, read_once, other_order, other_loss),
    hints=(
        "It is your training loop, on a copy, with another learning rate at each step. "
        "for rate, (x, y) in zip(rates, batches) walks over both.",
        'The rate of an optimiser can be changed: optimizer.param_groups[0]["lr"] = rate. No momentum: '
        "else earlier steps mix in.",
        "After losses.append(loss.item()): if not math.isfinite(losses[-1]) or losses[-1] > 4 * losses[0]: "
        "break. NaN and infinity need a question of their own: NaN is above nothing.",
        "learner = copy.deepcopy(model).train(); optimizer = torch.optim.SGD(learner.parameters(), lr=0.0); "
        "then in the loop: loss, append, break?, zero_grad, backward, set the rate, step.",
    ))
