"""MNIST, 1,000 images: AdamW's weight decay on all weights, or on matrices alone."""

from __future__ import annotations

import torch
from torch import nn

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .own_training import with_optimizer
from .samples import first, mnist


def matrices_alone(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """AdamW that leaves biases and the scale and shift of norms out of the decay."""
    weights = list(model.parameters())
    return torch.optim.AdamW([
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
    ], lr=settings.lr, betas=(settings.momentum, 0.999))


EXPERIMENT = Experiment(
    name="decay_parts",
    title="MNIST, 1,000 images, MLP of 2 x 128 units with BatchNorm",
    asks="Does it matter that norms and biases are left out of weight decay?",
    refuted_by="no difference although the decay is strong enough to help",
    equal="1,000 steps of 64 images (64 epochs), six trials each",
    page="08",
    data=mnist,
    base=Settings(model="mlp", width=128, depth=2, norm="batch", optimizer="adamw", batch_size=64,
                  max_steps=1000, momentum=0.9, schedule="cosine", eval_every=1000),
    arms=[
        Arm("no decay", {}, {"lr": (0.0003, 0.001, 0.002, 0.003, 0.005, 0.01)}, prepare=first(1000)),
        Arm("decay of all", prepare=first(1000)),
        Arm("norms and biases left out", prepare=first(1000), train=with_optimizer(matrices_alone)),
    ],
    questions=[
        PairedQuestion("Weight decay with norms and biases left out is better than decay of all",
                       "norms and biases left out", "decay of all"),
        PairedQuestion("Decoupled decay of all weights is better than none", "decay of all", "no decay"),
    ],
    grid={"lr": (0.001, 0.003), "weight_decay": (0.1, 0.5, 2.0)},
    matters=0.003,
)
