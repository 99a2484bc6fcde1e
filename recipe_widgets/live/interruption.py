"""A heavy step may be left in its middle: who presses Stop does not wait until it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn


class Interrupted(BaseException):
    """A step was left. No `Exception`: nothing on the way may take it for a fault of the model."""


@contextmanager
def interruptible(models: Sequence[nn.Module], wanted: Callable[[], bool]) -> Iterator[None]:
    """Ask before each layer of these, and after each gradient, whether somebody wants this to end.

    Buffers, such as a batch norm's means, are put back; weights change at a step's end only.

    Raises:
        Interrupted: somebody does.
    """
    def ask(*_: object) -> None:
        if wanted():
            raise Interrupted

    before = [(buffer, buffer.clone()) for model in models for buffer in model.buffers()]
    hooks = [layer.register_forward_pre_hook(ask) for model in models for layer in model.modules()
             if not any(layer.children())]
    hooks += [weight.register_post_accumulate_grad_hook(ask) for model in models
              for weight in model.parameters() if weight.requires_grad]
    try:
        yield
    except Interrupted:
        with torch.no_grad():
            for buffer, was in before:
                buffer.copy_(was)
        raise
    finally:
        for hook in hooks:
            hook.remove()
