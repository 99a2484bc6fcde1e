"""Notebook 06: one update from a batch that comes in parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.course.exercise import Exercise, Wrong
from recipe_widgets.course.trial_tools import batches, close, copy_of, expect, number, small_net


def accumulated_step(model, loss_fn, optimizer, parts):
    """One update from a batch that comes in parts, as if it came at once.

    parts: a list of pairs (x, y), whose lengths may differ. loss_fn(outputs, y) is a mean over the
    samples of a part. Wanted is the gradient of the mean over ALL samples, and one step with it.
    Each part goes through the model alone, and backward before the next one comes: so memory is
    needed for one part only.
    Returns the mean loss over all samples, before the step, a Python number.
    """
    total = sum(len(y) for _, y in parts)
    optimizer.zero_grad()
    mean = 0.0
    for x, y in parts:
        loss = loss_fn(model(x), y) * len(y) / total
        loss.backward()
        mean += loss.item()
    optimizer.step()
    return mean


class _Parts(nn.Module):
    """Around a model: it must see each part alone, and backward must have run before the next."""

    def __init__(self, model: nn.Module, sizes: Sequence[int]) -> None:
        super().__init__()
        self.model, self.sizes = model, list(sizes)
        self.seen: list[int] = []
        self.backwards = 0

    def forward(self, x: torch.Tensor) -> Any:
        if len(x) not in self.sizes:
            raise Wrong(f"The model gets {len(x)} samples at once, and no part has so many. A batch that "
                        "comes in parts does not fit into memory at once: one part after the other.")
        if self.training and torch.is_grad_enabled() and self.backwards < len(self.seen):
            raise Wrong("The next part comes before backward() of the one before. So all graphs stay in "
                        "memory, as with the whole batch: call backward() in the loop.")
        self.seen.append(len(x))
        out = self.model(x)
        if out.requires_grad:
            out.register_hook(self._back)
        return out

    def _back(self, _: torch.Tensor) -> None:
        self.backwards += 1


Make = Callable[[nn.Module], torch.optim.Optimizer]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def _gradient(model: nn.Module, loss_fn: Loss, parts: Sequence[tuple[torch.Tensor, torch.Tensor]],
              shares: Sequence[float]) -> list[torch.Tensor]:
    """Of the sum of the parts' losses times these shares."""
    loss = sum((share * loss_fn(model(x), y) for share, (x, y) in zip(shares, parts, strict=True)),
               torch.zeros(()))
    return list(torch.autograd.grad(loss, [p for p in model.parameters() if p.requires_grad]))


def _judge(yours: Any, sizes: Sequence[int], why: str = "", model: nn.Module | None = None,
           make: Make = _sgd, loss_fn: Loss = F.cross_entropy, updates: int = 1,
           dtype: torch.dtype = torch.float32) -> None:
    parts = batches(sum(sizes), sizes, dtype=dtype)
    x, y = (torch.cat(both) for both in zip(*parts, strict=True))
    model = small_net(len(sizes)) if model is None else model
    twin = copy_of(model)
    for mine, theirs in zip(twin.parameters(), model.parameters(), strict=True):
        mine.grad = None if theirs.grad is None else theirs.grad.clone()
    optimizer, twins = make(model), make(twin)
    seen = _Parts(model, sizes).train()
    steps: list[list[torch.Tensor | None]] = []  # the gradients that each step was made with
    optimizer.register_step_post_hook(lambda *_: steps.append(
        [None if one.grad is None else one.grad.clone() for one in model.parameters()
         if one.requires_grad]))
    for update in range(1, updates + 1):
        slips = _slips(twin, loss_fn, parts)
        loss = loss_fn(twin(x), y)
        twins.zero_grad()
        loss.backward()
        steps.clear()
        found = yours(seen, loss_fn, optimizer, parts)
        expect(len(steps) == 1, f"optimizer.step() is called {len(steps)} times; once is wanted, with the "
                                "gradient of all parts.")
        wanted = [one.grad for one in twin.parameters() if one.requires_grad]
        for k, (found_grad, grad) in enumerate(zip(steps[0], wanted, strict=True)):
            if found_grad is None:
                raise Wrong("At the step there is no gradient: has backward() run?")
            close(found_grad, grad, f"The gradient of the update (tensor {k})", why, rtol=1e-5,
                  slips=[(grads[k], tip) for grads, tip in slips])
        twins.step()
        for own, theirs in zip(model.parameters(), twin.parameters(), strict=True):
            close(own, theirs, f"After update {update} a weight", why, rtol=1e-5)
        close(number(found), loss.item(), "What it returns",
              "The mean over all samples is wanted, a Python number.", rtol=1e-5)


def _slips(model: nn.Module, loss_fn: Loss, parts: Sequence[tuple[torch.Tensor, torch.Tensor]],
           ) -> list[tuple[list[torch.Tensor], str]]:
    sizes = [len(y) for _, y in parts]
    shares = {
        "That is the sum of the parts' gradients: each part counts by its share of the samples.":
            [1.0] * len(parts),
        "That is the gradient of the last part alone: clear the gradients once, before the first part.":
            [0.0] * (len(parts) - 1) + [1.0],
        "Each part counts the same here, whatever its length. Weigh it: len(y) / number of all samples.":
            [1 / len(parts)] * len(parts),
        "The share is that of the first part's length for all. Weigh each by its own.":
            [sizes[0] / sum(sizes)] * len(parts),
    }
    return [(_gradient(copy_of(model), loss_fn, parts, each), tip) for tip, each in shares.items()]


def equal_parts(yours: Any) -> None:
    """Four parts of 8: as the batch of 32 at once"""
    _judge(yours, [8, 8, 8, 8])


def unequal(yours: Any) -> None:
    """The last part is smaller"""
    _judge(yours, [8, 8, 3])


def all_different(yours: Any) -> None:
    """Parts of 1, 6 and 2, in float64"""
    _judge(yours, [1, 6, 2], model=small_net(9).double(), dtype=torch.float64)


def alone(yours: Any) -> None:
    """A single part"""
    _judge(yours, [7])


def left_over(yours: Any) -> None:
    """Gradients are left from before"""
    model = small_net(4)
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    _judge(yours, [4, 4], "Gradients of before are still in it: optimizer.zero_grad() before the first "
                          "part.", model)


def adamw(yours: Any) -> None:
    """Three updates with AdamW"""
    _judge(yours, [6, 6, 2], make=lambda model: torch.optim.AdamW(model.parameters(), lr=0.01), updates=3)


def frozen(yours: Any) -> None:
    """A frozen layer, another loss"""
    model = small_net(6)
    for weight in model[1].parameters():
        weight.requires_grad_(False)

    def squares(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (outputs - F.one_hot(y, 3)).square().mean()

    _judge(yours, [5, 2], "Use the loss_fn that is handed in.", model, loss_fn=squares)


EXERCISE = Exercise(
    accumulated_step, "06_optimise",
    (equal_parts, unequal, all_different, alone, left_over, adamw, frozen),
    hints=(
        "backward() adds to .grad what it finds there. So: clear once, backward for each part, step once.",
        "The mean over all is no mean of the parts' means where the parts differ in length. A part with "
        "len(y) of total samples counts with len(y) / total.",
        "total = sum(len(y) for _, y in parts); optimizer.zero_grad(); for x, y in parts: loss = "
        "loss_fn(model(x), y) * len(y) / total; loss.backward(); and after the loop optimizer.step().",
    ))
