"""What measures single steps of a training: see `core.probe.Probe`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from torch import nn

from recipe_widgets.core.validation import validated, whole


class UpdateRatio:
    """‖change of the weights in one step‖ / ‖weights‖, the median over the weight tensors, every
    `every`-th step.

    Writes the column `update_ratio`. It is the change that is measured, not lr times the gradient:
    momentum, Adam and clipping count. About 1e-3 is healthy (CS231n).
    """

    @validated
    def __init__(self, every: Annotated[int, whole(1)] = 20) -> None:
        self.every = every
        self._before: list[torch.Tensor] = []

    @torch.no_grad()
    def before(self, model: nn.Module) -> None:
        weights = self._weights(model)
        if _kinds(weights) != _kinds(self._before):  # the first step, or another model
            self._before = [torch.empty_like(weight) for weight in weights]
        if weights:
            # the same memory each time: fresh pages cost more than the copy
            torch._foreach_copy_(self._before, weights)

    @torch.no_grad()
    def after(self, model: nn.Module, logits: torch.Tensor,  # noqa: ARG002
              y: torch.Tensor) -> Mapping[str, float]:  # noqa: ARG002
        if not self._before:
            return {}
        sizes = torch.stack(torch._foreach_norm(self._before))  # (weight tensors,)
        torch._foreach_sub_(self._before, self._weights(model))  # now it holds minus the change
        # a tensor of zeros, such as a zero-initialised head, has no ratio
        ratios = (torch.stack(torch._foreach_norm(self._before)) / sizes)[sizes > 0]
        return {"update_ratio": float(ratios.median())} if len(ratios) else {}

    @staticmethod
    def _weights(model: nn.Module) -> list[torch.Tensor]:
        # biases and norms begin at 0 or 1, so their ratios say nothing
        return [p for p in model.parameters() if p.requires_grad and p.ndim > 1]


def _kinds(tensors: list[torch.Tensor]) -> list[tuple[Any, ...]]:
    return [(one.shape, one.device, one.dtype) for one in tensors]


class LayerUpdates:
    """By layer, every `every`-th step: the norm of its gradient, and ‖change of its weights‖ /
    ‖weights‖.

    Writes the columns `gradient <name>` and `update <name>` for weight matrices and filters.
    """

    @validated
    def __init__(self, every: Annotated[int, whole(1)] = 20) -> None:
        self.every = every
        self._before: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def before(self, model: nn.Module) -> None:
        self._before = {name: weight.clone() for name, weight in self._weights(model)}

    @torch.no_grad()
    def after(self, model: nn.Module, logits: torch.Tensor,  # noqa: ARG002
              y: torch.Tensor) -> Mapping[str, float]:  # noqa: ARG002
        found: dict[str, float] = {}
        for name, weight in self._weights(model):
            layer, old = name.removesuffix(".weight"), self._before[name]
            if weight.grad is not None:  # a layer that the batch did not reach has none
                found[f"gradient {layer}"] = float(weight.grad.norm())
            if old.any():
                found[f"update {layer}"] = float((weight - old).norm() / old.norm())
        self._before = {}  # a copy of all weights: gone until the next sampled step
        return found

    @staticmethod
    def _weights(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in model.named_parameters() if p.requires_grad and p.ndim > 1]
