# ruff: noqa: N999  a file has the name of its exercise, and this one is a class
"""Notebook 08: early stopping that puts the best weights back."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.core.describe import describe_value
from recipe_widgets.course.exercise import Exercise, MainLines, Wrong
from recipe_widgets.course.trial_tools import batches, expect, guarded, small_net


class EarlyStopping:
    """EarlyStopping(patience): remembers the best weights of a training, and says when to stop.

    look(model, loss): after each look at the validation set. A look is better if its loss is lower
        than the lowest before; then remember all weights and buffers of the model as they are now.
        Returns True once `patience` looks in a row were no better, else False.
    restore(model): put the weights and buffers of the best look back into the model.
    """

    def __init__(self, patience):
        self.patience = patience
        self.lowest = float("inf")
        self.waited = 0
        self.best = None

    def look(self, model, loss):
        if loss < self.lowest:
            self.lowest, self.waited = loss, 0
            self.best = copy.deepcopy(model.state_dict())  # a copy: training goes on in the originals
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, model):
        model.load_state_dict(self.best)


def _made(yours: Any, patience: int) -> Any:
    stopping = yours(patience)
    for name in ("look", "restore"):
        expect(callable(getattr(stopping, name, None)), f"EarlyStopping(patience) has no method {name}.")
    model = nn.Linear(2, 1)
    guarded(yours(1).look)(model, -1e9)
    # its first look is better than none before; else it knows the loss of the other one
    expect(guarded(yours(1).look)(model, 1e9) is not True, "A new EarlyStopping knows the losses of another "
           "one: set what it remembers in __init__, with self.")
    return stopping


def _answers(yours: Any, losses: list[float], patience: int) -> list[bool]:
    """What look() says to each of these losses."""
    stopping, model = _made(yours, patience), nn.Linear(2, 1)
    look, said = guarded(stopping.look), []
    for loss in losses:
        answer = look(model, loss)
        if isinstance(answer, np.generic) or (
                isinstance(answer, torch.Tensor) and answer.numel() == 1 and not answer.is_meta):
            answer = answer.item()
        if not isinstance(answer, bool):
            raise Wrong(f"look returns {describe_value(answer)}; True or False is wanted.")
        said.append(answer)
    return said


def _stops(yours: Any, losses: list[float], patience: int, at: int | None, why: str) -> None:
    """look() must say True first at look `at`, from 1; None: never."""
    said = _answers(yours, losses, patience)
    found = said.index(True) + 1 if True in said else None
    if found != at:
        shown = ", ".join(f"{loss:g}" for loss in losses)
        says, wanted = (f"True at look {one}" if one else "never True" for one in (found, at))
        raise Wrong(f"Losses {shown} with patience {patience}: look should be {wanted}, and yours is "
                    f"{says}. {why}")


def when(yours: Any) -> None:
    """It says when: patience looks in a row without a new lowest loss"""
    _stops(yours, [3.0, 2.0, 1.0, 0.5], 1, None, "Each of them is better than all before.")
    _stops(yours, [1.0, 2.0, 3.0, 4.0], 3, 4, "The looks 2, 3 and 4 are no better.")
    _stops(yours, [1.0, 2.0, 0.5], 1, 2, "The look 2 is no better, and the patience is 1.")


def in_a_row(yours: Any) -> None:
    """Looks that were no better count only in a row"""
    _stops(yours, [1.0, 2.0, 0.9, 2.0, 0.8, 2.0, 2.0], 2, 7, "After a better look the counting begins "
                                                             "again at 0.")


def lowest(yours: Any) -> None:
    """Each loss is compared with the lowest of all before, not with the last one"""
    _stops(yours, [1.0, 3.0, 2.5, 2.0, 1.5], 3, 4, "2.5 is lower than 3, and not lower than 1.")


def equal(yours: Any) -> None:
    """An equal loss is no better, and NaN is not, either"""
    _stops(yours, [1.0, 1.0, 1.0], 2, 3, "Equal is not lower.")
    nan = float("nan")
    _stops(yours, [1.0, nan, nan, 2.0], 3, 4, "nan < 1 is False, and so is nan > 1: ask whether the loss is "
                                              "lower, and let all else be no better.")


def _net() -> nn.Sequential:
    """With BatchNorm, which has buffers: running means and variances."""
    net = small_net(1, hidden=6)
    return nn.Sequential(net[0], net[1], nn.BatchNorm1d(6), net[2], net[3])


def _train(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int, steps: int = 2) -> None:
    model.train()
    for x, y in batches(seed, [12] * steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def _state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _same(model: nn.Module, wanted: dict[str, torch.Tensor], other: dict[str, torch.Tensor],
          when: str) -> None:
    """The model must hold `wanted`; `other` is what it held at the end."""
    buffers = {name for name, _ in model.named_buffers()}
    now = model.state_dict()
    wrong = [name for name, value in wanted.items() if not torch.equal(now[name], value)]
    if not wrong:
        return
    if set(wrong) <= buffers:
        raise Wrong(f"{when} the buffers {', '.join(wrong)} are not those of the best look: BatchNorm's "
                    "running means are no parameters. model.state_dict() has both.")
    if all(torch.equal(now[name], other[name]) for name in wrong):
        raise Wrong(f"{when} {wrong[0]} is that of the last look. state_dict() gives references to the "
                    "weights, and training changes these: keep copies, copy.deepcopy(model.state_dict()).")
    raise Wrong(f"{when} {wrong[0]} is not that of the best look.")


def _run(yours: Any, losses: tuple[float, ...], best: int, kind: Any = torch.optim.SGD) -> Any:
    """Train, look, restore: afterwards the model must be that of look `best`."""
    torch.manual_seed(0)
    model, states = _net(), []
    optimizer = kind(model.parameters(), lr=0.1)
    stopping = _made(yours, 10)
    for number, loss in enumerate(losses):
        _train(model, optimizer, number)
        states.append(_state(model))
        guarded(stopping.look)(model, loss)
    _same(model, states[-1], states[-1], "look should leave the model as it is, and")
    guarded(stopping.restore)(model)
    _same(model, states[best], states[-1], "After restore")
    return model, optimizer, stopping, states


def weights_back(yours: Any) -> None:
    """restore puts the weights and buffers of the best look back"""
    _run(yours, (2.0, 1.0, 1.5, 3.0), best=1)
    _run(yours, (1.0, 2.0, 3.0), best=0)
    _run(yours, (3.0, 2.0, 1.0), best=2)


def optimizer_goes_on(yours: Any) -> None:
    """After restore the optimiser still trains this model"""
    model, optimizer, _, _ = _run(yours, (2.0, 1.0, 1.5), best=1)
    before = _state(model)
    _train(model, optimizer, 9)
    expect(not torch.equal(model.state_dict()["1.weight"], before["1.weight"]),
           "After restore an optimiser that was made before no longer moves the model: its tensors are new "
           "ones. Copy the numbers into the old tensors; model.load_state_dict does.")
    expect(all(one.requires_grad for one in model.parameters()), "After restore, weights need no gradient.")


def twice(yours: Any) -> None:
    """What is remembered stays, also when training goes on after restore"""
    model, optimizer, stopping, states = _run(yours, (2.0, 1.0, 1.5), best=1)
    _train(model, optimizer, 9)
    end = _state(model)
    guarded(stopping.restore)(model)
    _same(model, states[1], end, "Restored a second time,")


def two_at_once(yours: Any) -> None:
    """Two of them do not know of each other"""
    first, second = _made(yours, 2), _made(yours, 2)
    one, two = _net(), _net()
    wanted = _state(one)
    for stopping, model, loss in ((first, one, 1.0), (second, two, 0.5)):
        guarded(stopping.look)(model, loss)
    with torch.no_grad():
        two.get_parameter("1.weight").add_(1.0)
        one.get_parameter("1.weight").add_(2.0)
    end = _state(one)
    guarded(first.restore)(one)
    _same(one, wanted, end, "With two of them in use,")
    expect(not guarded(first.look)(one, 0.9), "With two of them in use, one counts the looks of the other: "
                                              "set what it remembers in __init__, with self.")


EXERCISE = Exercise(
    EarlyStopping, "08_regularise_the_model",
    (when, in_a_row, lowest, equal, weights_back, optimizer_goes_on, twice, two_at_once),
    hints=(
        "Three methods: __init__(self, patience), look(self, model, loss), restore(self, model). Keep in "
        "self: the patience, the lowest loss so far (float(\"inf\") at first), how many looks in a row were "
        "no better, and the best weights.",
        "model.state_dict() has weights and buffers, but as references: training goes on changing them. "
        "copy.deepcopy(model.state_dict()) is a copy. model.load_state_dict(...) puts it back.",
        "In look: if loss < self.lowest, remember loss and copy, and set self.waited = 0; else "
        "self.waited += 1. Return self.waited >= self.patience.",
    ),
    main=(MainLines("before training", "stopping = EarlyStopping(patience=3)"),
          MainLines("after epoch", """\
if stopping.look(model, 1 - accuracy(model, val_loader)):
    break"""),
          MainLines("after training", """\
stopping.restore(model)
print(f"the best epoch again: {accuracy(model, val_loader):.2%} of the validation set right")""")))
