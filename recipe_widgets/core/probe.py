"""What a probe is: something that looks at a step and writes numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import nn


class Probe(Protocol):
    """Looks at every `every`-th training step. A probe never changes a run: same bits with it
    and without.
    """

    every: int

    def before(self, model: nn.Module) -> None:
        """Called before the forward pass of a sampled step; may add hooks."""

    def after(self, model: nn.Module, logits: torch.Tensor, y: torch.Tensor) -> Mapping[str, float]:
        """Called after the update of a sampled step; removes its hooks and returns numbers for the
        history.

        logits: (batch, classes), detached; y: (batch,) int64. Gradients are still in `.grad`.
        """
        ...
