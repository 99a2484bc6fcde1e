"""MNIST: batches of 16 to 1,024 that see equally many samples, each at its own learning rate."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mnist

SAMPLES = 128_000
SIZES = (16, 64, 256, 1024)

EXPERIMENT = Experiment(
    name="batch_size",
    title="MNIST, MLP of 128 units",
    asks="Does a larger batch lose accuracy for the same number of samples?",
    refuted_by="batches of 1,024 as good as batches of 64, each at the rate that suits it",
    equal=f"{SAMPLES:,} samples",
    page="06",
    data=mnist,
    base=Settings(model="mlp", width=128, momentum=0.9, schedule="cosine"),
    arms=[Arm(f"{size:,}", {"batch_size": size, "max_steps": SAMPLES // size}) for size in SIZES],
    questions=[
        PairedQuestion("Batches of 64 are better than batches of 16", "64", "16"),
        PairedQuestion("Batches of 64 are better than batches of 256", "64", "256"),
        PairedQuestion("Batches of 64 are better than batches of 1,024", "64", "1,024"),
    ],
    grid={"lr": (0.003, 0.01, 0.03, 0.1, 0.3)},
    matters=0.002,
)
