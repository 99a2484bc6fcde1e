"""A recurrent network that reads an image row by row, from the top."""

from __future__ import annotations

import torch
from torch import nn

from recipe_widgets.core import RecipeError, Settings, generator
from recipe_widgets.models.layers import Dropout, norm_layer


class RecurrentClassifier(nn.Module):
    """An RNN (Elman 1990) or GRU (Cho et al. 2014) over the H rows of an image, C·W numbers each;
    its last state makes the logits.

    `depth` layers of `width` units; an RNN's non-linearity is `activation` (relu or tanh), a GRU
    has its own. `norm` and dropout act on the last state; weight normalisation leaves the recurrent
    weights alone. Parameters for D = C·W inputs and G gates (RNN 1, GRU 3): G·(D·width + width² +
    2·width), in further layers with D = width, and K·(width + 1).
    """

    def __init__(self, settings: Settings, shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        channels, _, width = shape
        self.rnn = _recurrent(settings, channels * width)
        self.norm = norm_layer(settings.norm, settings.width, spatial=False) or nn.Identity()
        self.dropout = Dropout(settings.dropout, generator(settings.seed, "dropout"))
        self.head = nn.Linear(settings.width, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, C, H, W); returns logits (N, K)."""
        rows = x.permute(0, 2, 1, 3).flatten(2)  # (N, H, C·W)
        states, _ = self.rnn(rows)  # (N, H, width)
        logits: torch.Tensor = self.head(self.dropout(self.norm(states[:, -1])))
        return logits


def _recurrent(settings: Settings, inputs: int) -> nn.RNNBase:
    if settings.model == "gru":
        return nn.GRU(inputs, settings.width, settings.depth, batch_first=True)
    if settings.activation not in ("relu", "tanh"):
        raise RecipeError("Settings.activation", found=f"{settings.activation!r} in an RNN",
                          expected="relu or tanh",
                          mend="Use activation='tanh', or model='gru', which has its own.")
    return nn.RNN(inputs, settings.width, settings.depth, settings.activation, batch_first=True)
