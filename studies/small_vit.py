"""MNIST: a Vision Transformer beside a ConvNet of about its size, with few images and with many."""

from __future__ import annotations

import torch
from torch import nn

from recipe_widgets import Data, Settings
from recipe_widgets.core import generator
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .own_training import with_model
from .samples import first, mnist

PATCH, WIDTH, HEADS, BLOCKS = 7, 32, 4, 2


class VisionTransformer(nn.Module):
    """16 patches of 7 x 7 pixels, learnt positions, two blocks with the norm first, the mean of all
    tokens (after Dosovitskiy et al. 2021, without a class token as in Beyer et al. 2022).
    """

    def __init__(self, side: int, classes: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, WIDTH, PATCH, PATCH)
        self.position = nn.Parameter(torch.zeros(1, (side // PATCH)**2, WIDTH))
        block = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, dropout=0.0, activation="gelu",
                                           batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, BLOCKS, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.position  # (N, 16, WIDTH)
        out: torch.Tensor = self.head(self.norm(self.blocks(tokens).mean(1)))
        return out


def vision_transformer(settings: Settings, data: Data) -> nn.Module:
    """All weights from the run's own generator: the global one is nobody's here."""
    with torch.random.fork_rng():
        model = VisionTransformer(data.shape[1], data.num_classes)
    draw = generator(settings.seed, "init")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("bias"):
                weight.zero_()
            elif weight.ndim > 1:  # the norms' scales stay 1
                weight.normal_(0.0, 0.02 if weight is model.position else weight[0].numel()**-0.5,
                               generator=draw)
    return model


FEW = 2000

EXPERIMENT = Experiment(
    name="small_vit",
    title="MNIST, Vision Transformer and ConvNet of about 20,000 weights",
    asks="Is a small Vision Transformer as good as a ConvNet of its size?",
    refuted_by="a Vision Transformer as good as the ConvNet with 2,000 images",
    equal="500 steps of 64 images, Adam",
    page="05",
    data=mnist,
    base=Settings(model="convnet", width=40, optimizer="adam", batch_size=64, max_steps=500, momentum=0.9,
                  schedule="cosine", warmup=50, eval_every=500),
    arms=[
        Arm(f"ConvNet, {FEW:,}", prepare=first(FEW)),
        Arm(f"ViT, {FEW:,}", prepare=first(FEW), train=with_model(vision_transformer)),
        Arm("ConvNet, all"),
        Arm("ViT, all", train=with_model(vision_transformer)),
    ],
    questions=[
        PairedQuestion(f"A ConvNet is better than a Vision Transformer with {FEW:,} images",
                       f"ConvNet, {FEW:,}", f"ViT, {FEW:,}"),
        PairedQuestion("A ConvNet is better than a Vision Transformer with 32,000 images seen once",
                       "ConvNet, all", "ViT, all"),
    ],
    grid={"lr": (0.001, 0.003, 0.01)},
    matters=0.005,
)
