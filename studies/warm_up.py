"""MNIST: a warm-up in a shallow and in a deep net, and a rate that falls only at the end."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mnist

DEEP = {"depth": 8, "width": 64}
CLIMB = {"warmup": 100}

EXPERIMENT = Experiment(
    name="warm_up",
    title="MNIST, ReLU MLPs from He's init: 1 layer of 128 units, 8 layers of 64",
    asks="When does a warm-up help, and does it matter how the rate falls?",
    refuted_by="a deep net without norms that learns as well without a warm-up, at its own rate",
    equal="1,000 steps of 64 images",
    page="06",
    data=mnist,
    base=Settings(model="mlp", width=128, depth=1, init="he", batch_size=64, max_steps=1000,
                  momentum=0.9, schedule="cosine"),
    arms=[
        Arm("1 layer"),
        Arm("1 layer, warm-up", CLIMB),
        Arm("1 layer, WSD", {**CLIMB, "schedule": "wsd"}),
        Arm("8 layers", DEEP),
        Arm("8 layers, warm-up", {**DEEP, **CLIMB}),
        Arm("8 layers, WSD", {**DEEP, **CLIMB, "schedule": "wsd"}),
    ],
    questions=[
        PairedQuestion("A warm-up helps one layer", "1 layer, warm-up", "1 layer"),
        PairedQuestion("A warm-up helps eight layers without norms", "8 layers, warm-up", "8 layers"),
        PairedQuestion("Warm-up, stable, decay is better than warm-up and cosine in one layer",
                       "1 layer, WSD", "1 layer, warm-up"),
        PairedQuestion("Warm-up, stable, decay is better than warm-up and cosine in eight layers",
                       "8 layers, WSD", "8 layers, warm-up"),
    ],
    grid={"lr": (0.003, 0.01, 0.03, 0.1, 0.3)},
    matters=0.003,
    seeds=tuple(range(16)),  # what a warm-up changes is little beside the seeds
    again=tuple(range(1000, 1016)),
)
