"""CIFAR-10: what one hidden layer is worth, when the linear model has a learning rate of its own."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import cifar10

EXPERIMENT = Experiment(
    name="linear_or_hidden",
    title="CIFAR-10",
    asks="Is one hidden layer a big step over a linear model?",
    refuted_by="a linear model within three points of the hidden layer's at its own best rate",
    equal="1,500 steps of 64 images",
    page="02",
    data=cifar10,
    base=Settings(batch_size=64, max_steps=1500, momentum=0.9, schedule="cosine"),
    arms=[
        Arm("linear", {"model": "linear"}, {"lr": (0.0001, 0.0003, 0.001, 0.003, 0.01)}),
        Arm("one hidden layer", {"model": "mlp", "width": 128},
            {"lr": (0.001, 0.003, 0.01, 0.03, 0.1)}),
        Arm("linear at the MLP's rate", {"model": "linear", "lr": 0.01}, untuned=True),
    ],
    questions=[
        PairedQuestion("One hidden layer is better than a linear model", "one hidden layer", "linear"),
        PairedQuestion("A linear model is better at its own rate than at one that suits the MLP",
                 "linear", "linear at the MLP's rate"),
    ],
    grid={},
    matters=0.01,
)
