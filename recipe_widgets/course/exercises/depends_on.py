"""Notebook 03: which samples of a batch an output depends on, seen by the gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from recipe_widgets.core.describe import describe_value
from recipe_widgets.course.exercise import Exercise, MainLines
from recipe_widgets.course.trial_tools import (
    ModeRecorder,
    close,
    copy_of,
    expect,
    inputs_kept,
    random,
    small_net,
    tensor,
)


def depends_on(model, x, i):
    """The samples of a batch x (N, ...) that the outputs of sample i depend on: a list of rows.

    A sample counts if the gradient of some output of sample i by some of its pixels is not exactly 0.
    The model stays in its mode. Neither x nor the gradients of the weights change.
    """
    x = x.detach().clone().requires_grad_()
    influence = torch.zeros(len(x))
    for output in model(x)[i].flatten():
        slope, = torch.autograd.grad(output, x, retain_graph=True)  # of x's shape
        influence += slope.flatten(1).abs().sum(dim=1).cpu()
    return influence.nonzero().flatten().tolist()


class _Calls(nn.Module):
    """A model that does what a function says."""

    def __init__(self, does: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.does = does

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.does(x)


def _images(seed: int, n: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(n, 1, 4, 4, generator=random(seed), dtype=dtype)


def _judge(yours: Any, model: nn.Module, x: torch.Tensor, i: int, wanted: list[int],
           why: str = "", slip: Sequence[int] = ()) -> None:
    """slip: the rows that a known slip finds; only then `why` is told."""
    with inputs_kept(x=x):
        found = yours(model, x, i)
    expect(isinstance(found, list | set | tuple | torch.Tensor | np.ndarray),
           f"It returns {describe_value(found)}; a list of the numbers of rows is wanted.")
    rows = list(found) if isinstance(found, set | tuple) else found
    listed = isinstance(rows, list) or (isinstance(rows, torch.Tensor | np.ndarray) and rows.ndim > 0)
    numbers = tensor(rows, (len(rows),) if listed else (1,))
    expect(numbers.dtype != torch.bool, "It returns True and False; the numbers of the rows are wanted.")
    said = sorted(numbers.tolist())
    expect(said == wanted, f"For output {i} of {len(x)} samples it says {said}; right is {wanted}."
                           + (f" {why}" if why and said == list(slip) else ""))


def sound(yours: Any) -> None:
    """A sound network: each sample depends on itself alone"""
    x = _images(1, 5)
    for i in (0, 3, 4):
        _judge(yours, small_net(1), x, i, [i])


def mixed(yours: Any) -> None:
    """The mean of the batch is subtracted: all depend on all"""
    net = small_net(2)
    _judge(yours, _Calls(lambda x: net(x - x.mean(dim=0))), _images(2, 4), 1, [0, 1, 2, 3])


def neighbour(yours: Any) -> None:
    """Sample i also looks at sample i - 1"""
    net = small_net(3)
    _judge(yours, _Calls(lambda x: net(x + 0.5 * x.roll(1, dims=0))), _images(3, 5), 2, [1, 2])
    _judge(yours, _Calls(lambda x: net(x.roll(1, dims=0))), _images(4, 5), 2, [1],
           "This model answers each sample with the one before it alone.", slip=[1, 2])


def opposite_outputs(yours: Any) -> None:
    """Two outputs of which one is the other's negative"""
    score = small_net(5, classes=1)
    _judge(yours, _Calls(lambda x: torch.cat([score(x), -score(x)], dim=1)), _images(5, 3), 1, [1],
           "Are the outputs added up? Here their sum is always 0, and so is its gradient. Look at one "
           "output after the other, or weigh them with different numbers.")

    def chances(x: torch.Tensor) -> torch.Tensor:
        one = score(x).sigmoid()
        return torch.cat([one, 1 - one], dim=1)

    _judge(yours, _Calls(chances), _images(5, 3), 1, [1],
           "Are the outputs added up, or their absolute values? These are two probabilities, whose sum "
           "is always 1: its gradient is 0. Look at one output after the other.")


def opposite_pixels(yours: Any) -> None:
    """A difference of two pixels; most pixels do not matter"""
    _judge(yours, _Calls(lambda x: 2 * x[:, 0, 0, :1] - 2 * x[:, 0, 1, :1]), _images(6, 4), 2, [2],
           "Some slopes are 0, and the others add up to 0: take absolute values first, and ask "
           "whether any is not 0.")


def last_pixel(yours: Any) -> None:
    """Only the last pixel matters, and only a little"""
    _judge(yours, _Calls(lambda x: 1e-6 * x[:, 0, 3, 3:]), _images(10, 4), 2, [2],
           "Each pixel counts, and so does a slope of 1e-6: only exactly 0 is none.")


def last_output(yours: Any) -> None:
    """Only the last of three outputs looks at another sample"""
    net = small_net(7)

    def model(x: torch.Tensor) -> torch.Tensor:
        out = net(x)
        return torch.cat([out[:, :2], out[:, 2:] + out[:, 2:].roll(-1, dims=0)], dim=1)

    _judge(yours, _Calls(model), _images(7, 4), 0, [0, 1], "All outputs of sample i count.", slip=[0])


def mode(yours: Any) -> None:
    """BatchNorm mixes in training mode, and does not in evaluation mode"""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        net = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    x = _images(8, 4).double()
    net.double()
    for training, wanted in ((True, [0, 1, 2, 3]), (False, [2])):
        model = ModeRecorder(net).train(training)
        yours(model, x, 2)
        expect(all(seen is training for seen, _ in model.seen),
               "The model must stay in the mode that it has.")
        _judge(yours, model, x, 2, wanted)
        expect(model.training is training, "It leaves the model in the other mode.")


def no_trace(yours: Any) -> None:
    """Nothing is left behind: not at x, not at the weights"""
    model, x = small_net(9), _images(9, 3)
    before = [torch.full_like(weight, 0.5) for weight in model.parameters()]
    for weight, grad in zip(model.parameters(), before, strict=True):
        weight.grad = grad.clone()
    same = copy_of(model)
    yours(model, x, 0)
    expect(not x.requires_grad and x.grad is None,
           "x itself keeps a gradient afterwards. Work on x.detach().clone().requires_grad_().")
    for weight, grad in zip(model.parameters(), before, strict=True):
        expect(weight.grad is not None and torch.equal(weight.grad, grad),
               "The gradients of the weights are changed, and the next step of training would use "
               "them. torch.autograd.grad(output, x) gives the slope by x alone.")
    for weight, old in zip(model.parameters(), same.parameters(), strict=True):
        close(weight, old, "A weight")


EXERCISE = Exercise(
    depends_on, "03_check_the_machinery",
    (sound, mixed, neighbour, opposite_outputs, opposite_pixels, last_pixel, last_output, mode,
     no_trace),
    hints=(
        "Make a copy of x that records gradients: x.detach().clone().requires_grad_(). Then ask for "
        "the gradient of an output of sample i by this copy.",
        "torch.autograd.grad(output, x, retain_graph=True)[0] has the shape of x and touches nothing "
        "else. `output` is one number, such as model(x)[i, k]. One k after the other.",
        "Per sample: slope.flatten(1).abs().sum(dim=1), added over the outputs. The rows where this is "
        "not 0 are the answer: .nonzero().flatten().tolist().",
    ),
    main=MainLines("before training", """\
assert depends_on(model.eval(), x[train_rows[:8]], 3) == [3], "the model mixes samples\""""))
