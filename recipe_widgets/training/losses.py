"""The table of losses: one row holds all that the package knows of one.

To add a loss: put its name among the choices of `Settings.loss` and a row into `LOSSES`. Sliders,
scripts and the tests take it from there.

Every loss takes the output of the model (N, K), before any soft-max, and what it aims at: labels
(N,) int64, or probabilities (N, K) after mixup or cutmix. It gives the mean over the N samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from torch.nn import functional as F

from recipe_widgets.core import Settings
from recipe_widgets.core.choice_table import ChoiceTable
from recipe_widgets.core.validation import validated, whole

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # (output, y) -> mean loss


@dataclass(frozen=True)
class LossRow:
    """One loss.

    Attributes:
        name: its choice in `Settings.loss`.
        function: (output, y, label_smoothing) -> mean loss. An exported script holds its source
            and that of `probabilities`: so it uses torch, `F` and `probabilities` only.
        at_start: of the number of classes K: what a model gets whose outputs are all zero. A fresh
            model should begin near it.
        hint: what it asks of the outputs, in one sentence.
    """

    name: str
    function: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]
    at_start: Callable[[int], float]
    hint: str


def probabilities(output: torch.Tensor, y: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    """What the model should say, (N, K): one-hot labels or mixed targets, smoothed."""
    K = output.shape[1]
    targets = F.one_hot(y, K).to(output.dtype) if y.ndim == 1 else y.to(output.dtype)
    return targets * (1 - label_smoothing) + label_smoothing / K


def cross_entropy(output: torch.Tensor, y: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    return F.cross_entropy(output, y, label_smoothing=label_smoothing)


def focal(output: torch.Tensor, y: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    # (1 - p)² with the gamma of 2 of Lin et al. 2017: a sample at p = 0.9 counts a hundredth
    log_p = output.log_softmax(1)
    weight = (1 - log_p.exp()) ** 2  # (N, K)
    each = probabilities(output, y, label_smoothing) * weight * log_p
    return -each.sum(1).mean()


def hinge(output: torch.Tensor, y: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    if y.ndim == 1 and not label_smoothing:
        return F.multi_margin_loss(output, y)
    # the same for targets (N, K): each class as if it were the label, weighted by its share
    shortfall = (1 - output[:, :, None] + output[:, None, :]).clamp_min(0)  # (N, label, other)
    K = output.shape[1]
    each = (shortfall.sum(2) - 1) / K  # a label's margin over itself is 0, its shortfall 1
    return (probabilities(output, y, label_smoothing) * each).sum(1).mean()


def mse(output: torch.Tensor, y: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    # the mean over N · K numbers, as nn.MSELoss takes it
    return F.mse_loss(output, probabilities(output, y, label_smoothing))


def brier(output: torch.Tensor, y: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    error = output.softmax(1) - probabilities(output, y, label_smoothing)  # (N, K)
    return error.square().sum(1).mean()


LOSSES = ChoiceTable("loss", [
    LossRow("cross_entropy", cross_entropy, math.log,
            "Minus the log of the probability of the right class: the usual choice."),
    LossRow("focal", focal, lambda K: (1 - 1 / K) ** 2 * math.log(K),
            "Cross-entropy in which samples that are right already hardly count "
            "(Lin et al. 2017): for rare classes."),
    LossRow("hinge", hinge, lambda K: (K - 1) / K,
            "The right class should lead every other one by 1, then the sample is done with "
            "(Crammer & Singer 2001)."),
    LossRow("mse", mse, lambda K: 1 / K,
            "Squared distance of the outputs from one-hot labels: outputs far on the right side "
            "cost, too."),
    LossRow("brier", brier, lambda K: 1 - 1 / K,
            "Squared distance of the probabilities from one-hot labels (Brier 1950): a sample that "
            "is quite wrong has next to no gradient."),
])


def loss_function(settings: Settings) -> LossFunction:
    """`(output, y) -> mean loss` that `settings` name, with their label smoothing.

    Raises:
        RecipeError: `settings.loss` has no row in `LOSSES`; the message lists the names.
    """
    return _of_two(LOSSES[settings.loss], settings.label_smoothing)


def validation_loss(settings: Settings) -> LossFunction:
    """The loss that judges the validation set: that of `settings`, without label smoothing."""
    return _of_two(LOSSES[settings.loss], label_smoothing=0.0)


def _of_two(row: LossRow, label_smoothing: float) -> LossFunction:
    return lambda output, y: row.function(output, y, label_smoothing)


@validated
def loss_at_start(settings: Settings, num_classes: Annotated[int, whole(1)]) -> float:
    """The training loss of a model whose outputs are all zero, such as one before its first step.

    Label smoothing does not change it for cross-entropy, focal and hinge loss.
    """
    return LOSSES[settings.loss].at_start(num_classes)
