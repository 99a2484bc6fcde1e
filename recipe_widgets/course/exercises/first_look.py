"""Notebook 03: one batch through the network and back, before any training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.course.exercise import Exercise, MainLines, Wrong
from recipe_widgets.course.trial_tools import batches, close, copy_of, expect, number, small_net


def first_look(model, loss_fn, x, y):
    """Before training: the loss of one batch, and the parameters that get no gradient from it.

    Returns the loss, a Python number, and a list of names, as model.named_parameters() has them:
    those whose gradient is None or 0 everywhere. The weights do not move, and no gradient is left:
    those from before are cleared, too.
    """
    model.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    silent = [name for name, weight in model.named_parameters()
              if weight.grad is None or not weight.grad.any()]
    model.zero_grad()
    return loss.item(), silent


def _judge(yours: Any, model: nn.Module, wanted: list[str], loss: float | None = None,
           why: str = "", slip: Sequence[str] = (), seed: int = 1,
           loss_fn: Any = F.cross_entropy) -> None:
    """slip: the names that a known slip finds; only then `why` is told."""
    (x, y), = batches(seed, [12])
    right = loss_fn(copy_of(model)(x), y).item() if loss is None else loss
    before = copy_of(model)
    old = [None if weight.grad is None else weight.grad.clone() for weight in model.parameters()]
    found = yours(model, loss_fn, x, y)
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise Wrong("It should return two things: the loss, and a list of names.")
    value, names = found
    expect(not isinstance(value, torch.Tensor), "The loss is a tensor, which keeps its whole graph in "
                                                "memory. A Python number is wanted: loss.item().")
    close(number(value, "The loss is"), right, "The loss")
    expect(isinstance(names, list | tuple | set) and all(isinstance(one, str) for one in names),
           "The second thing should be a list of names: text, as model.named_parameters() gives them.")
    expect(sorted(names) == sorted(wanted),
           f"It names {sorted(names) or 'none'}; right is {sorted(wanted) or 'none'}."
           + (f" {why}" if why and sorted(names) == sorted(slip) else ""))
    for weight, start, grad in zip(model.parameters(), before.parameters(), old, strict=True):
        expect(torch.equal(weight, start), "A weight has moved. Only look: no optimizer.step().")
        expect(grad is None or weight.grad is None or not torch.equal(weight.grad, grad),
               "The gradients that were there before your call are still there, and backward() adds to "
               "them at the first step of training. Clear them, too: model.zero_grad().")
        expect(weight.grad is None or not weight.grad.any(),
               "A gradient is left at a weight, and backward() adds to it at the first step of "
               "training. Clear it at the end: model.zero_grad().")


_ALL = ("1.weight", "1.bias", "3.weight", "3.bias")  # the parameters of small_net


def sound(yours: Any) -> None:
    """A sound network: all get a gradient"""
    _judge(yours, small_net(1), [])


def guess(yours: Any) -> None:
    """A last layer of zeros: the loss is ln 3, and nothing flows further back"""
    model = small_net(2)
    nn.init.zeros_(model[3].weight)  # type: ignore[arg-type]
    nn.init.zeros_(model[3].bias)    # type: ignore[arg-type]
    _judge(yours, model, ["1.weight", "1.bias"], math.log(3),
           "A gradient of 0 everywhere is none, either. (The last layer itself gets one.)")


def frozen(yours: Any) -> None:
    """A frozen layer"""
    model = small_net(3)
    for weight in model[1].parameters():
        weight.requires_grad_(False)
    _judge(yours, model, ["1.weight", "1.bias"], why="A frozen parameter has weight.grad None.")


class _Detached(nn.Module):
    """Cut off from its first layer; `spare` is never used."""

    def __init__(self) -> None:
        super().__init__()
        net = small_net(4)
        self.body, self.head = nn.Sequential(*net[:3]), net[3]
        self.spare = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.body(x).detach())
        return out


def detached(yours: Any) -> None:
    """A detach() in the middle, and a layer that nobody calls"""
    with torch.random.fork_rng(devices=[]):
        model = _Detached()
    _judge(yours, model, ["body.1.weight", "body.1.bias", "spare.weight", "spare.bias"],
           why="Where no gradient arrives, weight.grad is None.")


def old_gradients(yours: Any) -> None:
    """Gradients are left from before"""
    model = _Detached()
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    _judge(yours, model, ["body.1.weight", "body.1.bias", "spare.weight", "spare.bias"],
           why="Old gradients count as new ones: model.zero_grad() first.")


def opposite(yours: Any) -> None:
    """Gradients that add up to 0; another loss"""
    def difference(out: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return (out[:, 0] - 2 * out[:, 1] + out[:, 2]).sum()  # by the last bias: 12, -24, 12

    _judge(yours, small_net(5), [], seed=5, loss_fn=difference,
           slip=["3.bias"],
           why="The gradients of a parameter may add up to 0 without being 0: ask whether any is not.")


def small(yours: Any) -> None:
    """Gradients that are very small, and one that is 0 for one unit alone"""
    def millionth(out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return 1e-6 * F.cross_entropy(out, y)

    _judge(yours, small_net(6), [], seed=6, loss_fn=millionth,
           slip=_ALL, why="However small a gradient is, it is one: only exactly 0 counts.")
    model = small_net(7)
    with torch.no_grad():
        model.get_parameter("1.bias")[0] = -100.0  # this unit is off for each image
    _judge(yours, model, [], seed=7, slip=_ALL[:3],
           why="One hidden unit is off here, and its gradients are 0; the others' are not. Only where "
               "all numbers of a gradient are 0 there is none.")


EXERCISE = Exercise(
    first_look, "03_check_the_machinery",
    (sound, guess, frozen, detached, old_gradients, opposite, small),
    hints=(
        "It is one step of training without optimizer.step(): forward, loss, backward. Then look at "
        "weight.grad of each parameter.",
        "for name, weight in model.named_parameters(): weight.grad is None where no gradient arrived; "
        "weight.grad.any() is False where all of it is 0.",
        "Begin and end with model.zero_grad(): nothing old counts, nothing new stays.",
    ),
    main=MainLines("before training", """\
first_loss, silent = first_look(model, loss_fn, x[train_rows[:64]], y[train_rows[:64]])
print(f"first loss {first_loss:.2f}, parameters without a gradient: {silent or 'none'}")"""))
