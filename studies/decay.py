"""MNIST, 1,000 images: weight decay inside Adam's gradient, and beside it (AdamW)."""

from __future__ import annotations

from recipe_widgets import Data, Settings, load
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion


def few(data: Data) -> Data:
    return data.subset(1000)


RATES = (0.0003, 0.001, 0.003)

EXPERIMENT = Experiment(
    name="decay",
    title="MNIST, 1,000 images, MLP of 256 units",
    asks="Is decoupled weight decay better than coupled, when both are tuned?",
    refuted_by="coupled decay as good at its own strength",
    equal="2,000 steps of 64 images, nine trials each",
    page="08",
    data=lambda: load("mnist"),
    base=Settings(model="mlp", width=256, batch_size=64, max_steps=2000, momentum=0.9,
                  schedule="cosine"),
    arms=[
        Arm("Adam", {"optimizer": "adam"},
            {"lr": (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02)}, few),
        Arm("Adam, decay in the gradient", {"optimizer": "adam"},
            {"lr": RATES, "weight_decay": (0.0001, 0.001, 0.01)}, few),
        Arm("AdamW", {"optimizer": "adamw"}, {"lr": RATES, "weight_decay": (0.03, 0.3, 3.0)}, few),
    ],
    questions=[
        PairedQuestion("Decoupled decay is better than decay in the gradient",
                 "AdamW", "Adam, decay in the gradient"),
        PairedQuestion("Decay in the gradient is better than none", "Adam, decay in the gradient", "Adam"),
        PairedQuestion("Decoupled decay is better than none", "AdamW", "Adam"),
    ],
    grid={},
    matters=0.003,
)
