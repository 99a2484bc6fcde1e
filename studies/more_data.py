"""MNIST: more images, trained long enough to use them."""

from __future__ import annotations

from recipe_widgets import Settings, load
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import first

SIZES = (3_000, 10_000, 30_000)


EXPERIMENT = Experiment(
    name="more_data",
    title="MNIST, MLP of 128 units",
    asks="Has the curve of error against data flattened at 50,000 images?",
    refuted_by="30,000 images as good as 50,000 after 5,000 steps",
    equal="5,000 steps of 64 images",
    page="07",
    data=lambda: load("mnist"),
    base=Settings(model="mlp", width=128, batch_size=64, max_steps=5000, momentum=0.9,
                  schedule="cosine", eval_every=5000),
    arms=[*(Arm(f"{size:,}", {}, prepare=first(size)) for size in SIZES), Arm("50,000")],
    questions=[
        PairedQuestion("10,000 images are better than 3,000", "10,000", "3,000"),
        PairedQuestion("30,000 images are better than 10,000", "30,000", "10,000"),
        PairedQuestion("50,000 images are better than 30,000", "50,000", "30,000"),
    ],
    grid={"lr": (0.01, 0.03, 0.1)},
    matters=0.001,
)
