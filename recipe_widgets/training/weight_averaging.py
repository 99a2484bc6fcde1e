"""Averages of the weights that a run passes through: often better than the last ones, at the
price of one copy.
"""

from __future__ import annotations

import copy
from typing import Annotated

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from recipe_widgets.core.errors import RecipeError, user_code
from recipe_widgets.core.validation import real, validated, whole
from recipe_widgets.data import Split

# An exported script holds the source of these two: so they use torch and builtins only.


def newest_share(decay: float | None, updates: int) -> float:
    """How much the newest weights count, after so many updates. decay: None for the plain mean."""
    if decay is None or not updates:
        return 1.0 / (updates + 1)  # the mean of n + 1 numbers, from that of n
    # as in TensorFlow's ExponentialMovingAverage: a long memory needs a past to remember
    return 1.0 - min(decay, (1 + updates) / (10 + updates))


@torch.no_grad()
def blend(average: nn.Module, model: nn.Module, share: float, buffer_share: float) -> None:
    """Move the weights of `average` towards those of `model` by a share of the way, its buffers by
    another. Whole numbers, such as counters, are copied.
    """
    for means, newest, part in ((list(average.parameters()), list(model.parameters()), share),
                                (list(average.buffers()), list(model.buffers()), buffer_share)):
        pairs = list(zip(means, newest, strict=True))
        floats = [pair for pair in pairs if pair[0].is_floating_point()]
        if floats:
            # one kernel for all tensors: mean ← mean + part · (new - mean)
            torch._foreach_lerp_([mean for mean, _ in floats], [new for _, new in floats], part)
        for mean, new in pairs:
            if not mean.is_floating_point():
                mean.copy_(new)


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
    def __init__(self, model: nn.Module, decay: Annotated[float | None, real(0, 1)] = None) -> None:
        self.decay, self.updates = decay, 0
        self.source = model
        with user_code("WeightAverage(model=)", "a model that can be copied"):
            self.model = copy.deepcopy(model).requires_grad_(False)

    def update(self) -> None:
        """Take in the weights as they are now. The first update is a copy."""
        share = newest_share(self.decay, self.updates)
        self.updates += 1
        blend(self.model, self.source, share, 1.0 if self.decay is None else share)

    @validated
    def refresh_norms(self, split: Split, batch_size: Annotated[int, whole(1)] = 500) -> nn.Module:
        """BatchNorm statistics of the averaged weights themselves, over all of `split`; returns
        the averaged model.
        """
        device = next(self.model.parameters()).device
        with user_code("refresh_norms(split=)", "a split that the model takes"):
            update_bn((x for x, _ in split.to(device).batches(batch_size)), self.model)
        return self.model

    @validated
    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Put the averaged weights and buffers into `model`."""
        mine = (*self.model.parameters(), *self.model.buffers())
        theirs = (*model.parameters(), *model.buffers())
        if [value.shape for value in mine] != [value.shape for value in theirs]:
            raise RecipeError("copy_to(model=)", found="other layers",
                              expected="a model of the same layers")
        for average, value in zip(mine, theirs, strict=True):
            value.copy_(average)

    def state_dict(self) -> dict[str, object]:
        return {"updates": self.updates, "model": self.model.state_dict()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        self.updates = int(state["updates"])  # type: ignore[call-overload]
        self.model.load_state_dict(state["model"])  # type: ignore[arg-type]
