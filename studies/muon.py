"""MNIST: updates that are made orthogonal (Muon) beside AdamW and SGD."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .own_training import with_optimizer
from .samples import mnist


class MuonAndAdamW:
    """Muon (Jordan et al. 2024) for hidden matrices, AdamW for the output layer and the biases, as
    its authors advise; one learning rate for both, in the scale of Liu et al. 2025.
    """

    def __init__(self, model: nn.Module, settings: Settings) -> None:
        *hidden, last = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
        matrices = [layer.weight for layer in hidden]
        others = [last.weight, *(layer.bias for layer in (*hidden, last))]
        self.parts = [
            torch.optim.Muon(matrices, lr=settings.lr, weight_decay=settings.weight_decay,
                             momentum=0.95, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=settings.lr, weight_decay=settings.weight_decay),
        ]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]

    def zero_grad(self) -> None:
        for part in self.parts:
            part.zero_grad()

    def step(self) -> None:
        for part in self.parts:
            part.step()


EXPERIMENT = Experiment(
    name="muon",
    title="MNIST, MLP of two hidden layers of 128 units",
    asks="Are orthogonal updates better than Adam's, when both are tuned?",
    refuted_by="Muon no better than AdamW after as many steps",
    equal="800 steps of 64 images, five learning rates tried; a step of Muon takes longer",
    page="06",
    data=mnist,
    base=Settings(model="mlp", width=128, depth=2, batch_size=64, max_steps=800, momentum=0.9,
                  schedule="cosine"),
    arms=[
        Arm("SGD with momentum", {}, {"lr": (0.003, 0.01, 0.03, 0.1, 0.3)}),
        Arm("AdamW", {"optimizer": "adamw", "weight_decay": 0.01}),
        Arm("Muon", {"optimizer": "adamw", "weight_decay": 0.01}, train=with_optimizer(MuonAndAdamW)),
    ],
    questions=[
        PairedQuestion("AdamW is better than SGD with momentum", "AdamW", "SGD with momentum"),
        PairedQuestion("Muon is better than AdamW", "Muon", "AdamW"),
        PairedQuestion("Muon is better than SGD with momentum", "Muon", "SGD with momentum"),
    ],
    grid={"lr": (0.0003, 0.001, 0.003, 0.01, 0.03)},
    matters=0.002,
)
