"""MNIST: an MLP of ten layers, by how its weights begin."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mnist

EXPERIMENT = Experiment(
    name="deep_init",
    title="MNIST, ReLU MLP of 64 units a layer",
    asks="Do ten layers fail because they are deep, or because of how they begin?",
    refuted_by="ten layers that stay far behind two with He's init at their own rate",
    equal="1,000 steps of 64 images",
    page="05",
    data=mnist,
    base=Settings(model="mlp", width=64, batch_size=64, max_steps=1000, momentum=0.9),
    arms=[
        Arm("2 layers, default", {"depth": 2}),
        Arm("2 layers, He", {"depth": 2, "init": "he"}),
        Arm("10 layers, default", {"depth": 10}),
        Arm("10 layers, He", {"depth": 10, "init": "he"}),
        Arm("10 layers, Xavier", {"depth": 10, "init": "xavier"}),
    ],
    questions=[
        PairedQuestion("Ten layers learn better from He's init than from PyTorch's default",
                 "10 layers, He", "10 layers, default"),
        PairedQuestion("Ten layers learn better from He's init than from Xavier's",
                 "10 layers, He", "10 layers, Xavier"),
        PairedQuestion("Two layers learn better from He's init than from PyTorch's default",
                 "2 layers, He", "2 layers, default"),
        PairedQuestion("Two layers are better than ten, both from He's init",
                 "2 layers, He", "10 layers, He"),
    ],
    grid={"lr": (0.001, 0.003, 0.01, 0.03, 0.1)},
    matters=0.005,
)
