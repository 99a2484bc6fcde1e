"""MNIST, 1,000 images: weight decay inside Adam's gradient, and beside it (AdamW)."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import first, mnist

RATES = (0.0003, 0.001, 0.003)

EXPERIMENT = Experiment(
    name="decay",
    title="MNIST, 1,000 images, MLP of 128 units",
    asks="Is decoupled weight decay better than coupled, when both are tuned?",
    refuted_by="coupled decay as good at its own strength",
    equal="1,500 steps of 64 images (96 epochs), nine trials each",
    page="08",
    data=mnist,
    base=Settings(model="mlp", width=128, batch_size=64, max_steps=1500, momentum=0.9,
                  schedule="cosine", eval_every=1500),
    arms=[
        Arm("Adam", {"optimizer": "adam"},
            {"lr": (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02)}, first(1000)),
        Arm("Adam, decay in the gradient", {"optimizer": "adam"},
            {"lr": RATES, "weight_decay": (0.0001, 0.001, 0.01)}, first(1000)),
        Arm("AdamW", {"optimizer": "adamw"}, {"lr": RATES, "weight_decay": (0.03, 0.3, 3.0)}, first(1000)),
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
