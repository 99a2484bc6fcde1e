"""Copies of a reader's things to work on, and a guard for those that cannot be copied."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn


def copied(model: nn.Module, factory: Callable[[], nn.Module] | None = None) -> nn.Module | None:
    """A deep copy of `model` with its gradients and mode; None when none can be made."""
    made = copy_together(model)
    if made is not None:
        return made[0]  # type: ignore[no-any-return]
    if factory is None:
        return None
    try:
        fresh = factory()
        fresh.load_state_dict(model.state_dict())
    except Exception:
        return None
    # load_state_dict does not copy modes
    for mine, theirs in zip(fresh.modules(), model.modules(), strict=False):
        mine.training = theirs.training
    return fresh


def copy_together(*things: Any) -> tuple[Any, ...] | None:
    """Deep copies that share what the originals share (an optimiser's copy holds the model
    copy's parameters).
    """
    memo: dict[int, Any] = {}  # deepcopy takes from here what it finds by id
    for thing in things:
        if isinstance(thing, nn.Module):
            for module in thing.modules():
                _detach_results(list(vars(module).values()), memo)
    try:
        return copy.deepcopy(things, memo)
    except Exception:  # whatever the reader's own __deepcopy__ or an open file raises
        return None


def _detach_results(values: list[Any], memo: dict[int, Any]) -> None:
    """Tensors a forward pass left in the model have a graph, which deepcopy refuses: copy their
    numbers only.
    """
    for value in values:
        if isinstance(value, torch.Tensor) and not value.is_leaf:
            memo[id(value)] = value.detach().clone()
        elif isinstance(value, (list, tuple)):
            _detach_results(
                [one for one in value if isinstance(one, (torch.Tensor, list, tuple, dict))], memo)
        elif isinstance(value, dict):
            _detach_results(
                [one for one in value.values() if isinstance(one, (torch.Tensor, list, tuple))],
                memo)


@contextlib.contextmanager
def restored_afterwards(model: nn.Module) -> Iterator[None]:
    """Parameters, buffers, gradients, modes and hooks of `model` come back as they were, bit for
    bit.
    """
    tensors = [*model.parameters(), *model.buffers()]  # restored in place: ids stay
    values = [t.detach().clone() for t in tensors]
    grads = [(p, p.requires_grad, p.grad, None if p.grad is None else p.grad.clone())
             for p in model.parameters()]
    modules = [(module, dict(vars(module)),
                {name: copy.copy(value)
                 for name, value in vars(module).items()
                 if isinstance(value, dict)})
               for module in model.modules()]
    try:
        yield
    finally:
        # the dicts hold hooks, parameters, buffers and children
        for module, own, inside in modules:
            vars(module).clear()
            vars(module).update(own)
            for name, content in inside.items():
                own[name].clear()
                own[name].update(content)
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(value)
            for parameter, wanted, grad, old in grads:
                parameter.requires_grad_(wanted)
                parameter.grad = grad
                if grad is not None and old is not None:
                    grad.copy_(old)
