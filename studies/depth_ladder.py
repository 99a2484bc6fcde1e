"""CIFAR-10: MLPs of one to five hidden layers, each at its own learning rate."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import cifar10

EXPERIMENT = Experiment(
    name="depth_ladder",
    title="CIFAR-10, MLP of 128 units a layer",
    asks="Do more hidden layers help an MLP, or harm it?",
    refuted_by="five layers as good as one, each at the rate that suits it",
    equal="2,000 steps of 64 images",
    page="02",
    data=cifar10,
    base=Settings(model="mlp", width=128, init="he", batch_size=64, max_steps=2000,
                  momentum=0.9, schedule="cosine"),
    arms=[Arm(f"{depth} hidden", {"depth": depth}) for depth in (1, 2, 3, 5)],
    questions=[
        PairedQuestion("Two hidden layers are better than one", "2 hidden", "1 hidden"),
        PairedQuestion("Three hidden layers are better than one", "3 hidden", "1 hidden"),
        PairedQuestion("Five hidden layers are better than one", "5 hidden", "1 hidden"),
    ],
    grid={"lr": (0.001, 0.003, 0.01, 0.03, 0.1)},
    matters=0.01,
)
