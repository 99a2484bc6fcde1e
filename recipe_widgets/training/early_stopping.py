"""The best look at the validation set, and when to stop waiting for a better one."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
import torch
from torch import nn

from recipe_widgets.core import Run, Settings
from recipe_widgets.core.validation import measured, validated, whole


class BestEvaluation:
    """The look with the lowest validation loss so far; with its weights, when the settings want
    them back at the end.

    Attributes:
        step: the step it was taken after; -1 before the first. loss: its mean validation loss
            (nats).
        looks_since: how many looks have come since without a lower loss. weights: a copy of the
            state dict, or None.
    """

    @validated
    def __init__(self, settings: Settings) -> None:
        self.wanted = keeps_best(settings)
        self.patience = settings.patience
        self.step, self.loss, self.looks_since = -1, math.inf, 0  # before the first look
        self.weights: dict[str, torch.Tensor] | None = None

    @validated
    def note(self, step: Annotated[int, whole(-1)], loss: Annotated[float, measured],
             model: nn.Module) -> None:
        """One more look."""
        if loss < self.loss:  # never true of NaN
            self.step, self.loss, self.looks_since = step, loss, 0
            self.weights = weights_of(model) if self.wanted else None
        else:
            self.looks_since += 1

    @property
    def exhausted(self) -> bool:
        """Whether patience is at its end."""
        return self.patience is not None and self.looks_since >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """Without the weights: they lie in the checkpoint of `step`."""
        return {"step": self.step, "loss": self.loss, "looks_since": self.looks_since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.loss, self.looks_since = state["step"], state["loss"], state["looks_since"]


def keeps_best(settings: Settings) -> bool:
    """Whether a run ends with the weights of its best look."""
    return settings.final == "best" or settings.patience is not None


def final_accuracy(run: Run) -> float:
    """The validation accuracy, at its look, of the weights that an ended run keeps. NaN for a
    run without a look.
    """
    losses = run.history.arrays("val_loss")[1]
    # where no loss was a number there is no best look: the last weights stay
    if not keeps_best(run.settings) or not np.isfinite(losses).any():
        return run.history.last("val_accuracy")
    return run.history.series("val_accuracy")[int(np.nanargmin(losses))]


def weights_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the state dict, on the same device."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
