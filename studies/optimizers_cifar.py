"""CIFAR-10, a small ConvNet: SGD with momentum beside Adam and AdamW."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import cifar10

EXPERIMENT = Experiment(
    name="optimizers_cifar",
    title="CIFAR-10, ConvNet",
    asks="Adam's rule of thumb, 3e-4: how far is it from tuned Adam, and tuned Adam from tuned SGD?",
    refuted_by="Adam at 3e-4 as good as tuned SGD",
    equal="500 steps of 64 images",
    page="06",
    data=cifar10,
    base=Settings(model="convnet", width=64, batch_size=64, max_steps=500, momentum=0.9,
                  precision="float32"),
    arms=[
        Arm("SGD with momentum", {}, {"lr": (0.003, 0.01, 0.03, 0.1)}),
        Arm("Adam", {"optimizer": "adam"}, {"lr": (0.0003, 0.001, 0.003, 0.01)}),
        Arm("Adam at 3e-4", {"optimizer": "adam", "lr": 0.0003}, untuned=True),
    ],
    questions=[
        PairedQuestion("Adam is better than SGD with momentum", "Adam", "SGD with momentum"),
        PairedQuestion("Tuned Adam is better than Adam at 3e-4", "Adam", "Adam at 3e-4"),
        PairedQuestion("Adam at 3e-4 is better than tuned SGD", "Adam at 3e-4", "SGD with momentum"),
    ],
    grid={},
    matters=0.01,
)
