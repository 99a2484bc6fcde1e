"""MNIST: forward passes in bfloat16 beside float32."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mnist

EXPERIMENT = Experiment(
    name="bfloat16",
    title="MNIST, MLP of two hidden layers of 128 units",
    asks="Does training lose accuracy when its products have eight bits instead of 24?",
    refuted_by="bfloat16 further behind float32 than the seeds are apart",
    equal="600 steps of 64 images",
    page="10",
    data=mnist,
    base=Settings(model="mlp", width=128, depth=2, batch_size=64, max_steps=600, momentum=0.9,
                  schedule="cosine"),
    arms=[Arm("float32"), Arm("bfloat16", {"precision": "bf16"})],
    questions=[PairedQuestion("float32 is better than bfloat16", "float32", "bfloat16")],
    grid={"lr": (0.01, 0.03, 0.1, 0.3)},
    matters=0.002,
)
