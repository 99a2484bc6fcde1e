"""Averages of the weights that a run passes through: often better than the last ones, at the
price of one copy.
"""

from __future__ import annotations

import copy
from typing import Annotated

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from recipe_widgets.core.fitting import fitting
from recipe_widgets.core.validation import real, validated, whole
from recipe_widgets.data import Split


class WeightAverage:
    """A second model whose weights are an average of those that `model` had at each `update()`.

    decay: d of the moving average a ← d·a + (1 - d)·w (EMA); in the first updates at most (1 +
    n)/(10 + n), so that the beginning is soon forgotten. None: the plain mean of all updates
    (Polyak & Juditsky 1992; SWA of Izmailov et al. 2018). Buffers, such as BatchNorm's statistics,
    are averaged under EMA and taken as they are under the mean, where `refresh_norms` should
    follow.

    >>> average = WeightAverage(model)                              # doctest: +SKIP
    >>> for step in steps(model, data, settings):             # doctest: +SKIP
    ...     if step.index >= 500: average.update()
    >>> evaluate(average.refresh_norms(data.train), data.validation)   # doctest: +SKIP
    """

    @validated
    @fitting("a model that can be copied")
    def __init__(self, model: nn.Module, decay: Annotated[float | None, real(0, 1)] = None) -> None:
        self.decay, self.updates = decay, 0
        self.source, self.model = model, copy.deepcopy(model).requires_grad_(False)

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now. The first update is a copy."""
        share = 1.0 / (self.updates + 1) if self.decay is None or not self.updates else \
            1.0 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        self._blend(list(self.model.parameters()), list(self.source.parameters()), share)
        self._blend(list(self.model.buffers()), list(self.source.buffers()),
                    1.0 if self.decay is None else share)

    @staticmethod
    def _blend(mine: list[torch.Tensor], theirs: list[torch.Tensor], share: float) -> None:
        floats = [(a, b) for a, b in zip(mine, theirs, strict=True) if a.is_floating_point()]
        if floats:
            torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], share)
        for a, b in zip(mine, theirs, strict=True):
            if not a.is_floating_point():
                a.copy_(b)

    @validated
    @fitting("a split that the model takes")
    def refresh_norms(self, split: Split, batch_size: Annotated[int, whole(1)] = 500) -> nn.Module:
        """BatchNorm statistics of the averaged weights themselves, over all of `split`; returns
        the averaged model.
        """
        device = next(self.model.parameters()).device
        update_bn((x for x, _ in split.to(device).batches(batch_size)), self.model)
        return self.model

    @validated
    @fitting("a model of the same layers")
    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Put the averaged weights and buffers into `model`."""
        pairs = zip((*self.model.parameters(), *self.model.buffers()),
                    (*model.parameters(), *model.buffers()), strict=True)
        for mine, other in pairs:
            other.copy_(mine)

    def state_dict(self) -> dict[str, object]:
        return {"updates": self.updates, "model": self.model.state_dict()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        self.updates = int(state["updates"])  # type: ignore[call-overload]
        self.model.load_state_dict(state["model"])  # type: ignore[arg-type]
