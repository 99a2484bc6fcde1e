"""MNIST: BatchNorm, LayerNorm and none in a deep MLP."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mnist

EXPERIMENT = Experiment(
    name="norms",
    title="MNIST, ReLU MLP of six hidden layers of 64 units, He's init",
    asks="Does a normalisation help a deep net that begins well and has its own learning rate?",
    refuted_by="no norm as good as one",
    equal="1,000 steps of 64 images",
    page="04",
    data=mnist,
    base=Settings(model="mlp", width=64, depth=6, init="he", batch_size=64, max_steps=1000,
                  momentum=0.9, schedule="cosine"),
    arms=[Arm("none"), Arm("BatchNorm", {"norm": "batch"}), Arm("LayerNorm", {"norm": "layer"})],
    questions=[
        PairedQuestion("BatchNorm is better than none", "BatchNorm", "none"),
        PairedQuestion("LayerNorm is better than none", "LayerNorm", "none"),
        PairedQuestion("BatchNorm is better than LayerNorm", "BatchNorm", "LayerNorm"),
    ],
    grid={"lr": (0.003, 0.01, 0.03, 0.1, 0.3)},
    matters=0.005,
)
