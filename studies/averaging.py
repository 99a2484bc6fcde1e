"""MNIST: averaged weights, with and without a falling learning rate."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mnist

EXPERIMENT = Experiment(
    name="averaging",
    title="MNIST, MLP of 128 units",
    asks="What is left of the gain of averaged weights where the learning rate falls to zero?",
    refuted_by="averages that gain as much on top of a cosine as on top of a constant rate",
    equal="2,000 steps of 64 images",
    page="10",
    data=mnist,
    base=Settings(model="mlp", width=128, batch_size=64, max_steps=2000, momentum=0.9),
    arms=[
        Arm("constant"),
        Arm("constant, averaged", {"ema": 0.99}),
        Arm("cosine", {"schedule": "cosine"}),
        Arm("cosine, averaged", {"schedule": "cosine", "ema": 0.99}),
    ],
    questions=[
        PairedQuestion("Averaging helps a constant rate", "constant, averaged", "constant"),
        PairedQuestion("Averaging helps a cosine, too", "cosine, averaged", "cosine"),
        PairedQuestion("A constant rate with averages is better than a cosine",
                 "constant, averaged", "cosine"),
    ],
    grid={"lr": (0.01, 0.03, 0.1, 0.3)},
    matters=0.002,
)
