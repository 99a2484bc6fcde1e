"""MNIST: batches of 16 to 1,024 in equal time, each at its own learning rate."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mnist

# Milliseconds a step of one model, measured on one thread of an AVX-512 server core. Larger batches
# use it better; another machine has other numbers, and so another answer.
MILLISECONDS = {16: 0.54, 64: 0.66, 256: 1.33, 1024: 3.9}
BUDGET = 1320  # milliseconds: 2,000 steps of 64

EXPERIMENT = Experiment(
    name="batch_time",
    title="MNIST, MLP of 128 units",
    asks="Which batch gets furthest in the same time?",
    refuted_by="batches of 1,024 as good as batches of 64 once they may use the time that they save",
    equal=f"{BUDGET / 1000:.2f} seconds of training on one core",
    page="06",
    data=mnist,
    base=Settings(model="mlp", width=128, momentum=0.9, schedule="cosine"),
    arms=[Arm(f"{size:,}", {"batch_size": size, "max_steps": round(BUDGET / step)})
          for size, step in MILLISECONDS.items()],
    questions=[
        PairedQuestion("In equal time, batches of 64 are better than batches of 16", "64", "16"),
        PairedQuestion("In equal time, batches of 64 are better than batches of 256", "64", "256"),
        PairedQuestion("In equal time, batches of 64 are better than batches of 1,024", "64", "1,024"),
    ],
    grid={"lr": (0.003, 0.01, 0.03, 0.1, 0.3)},
    matters=0.002,
)
