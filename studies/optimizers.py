"""MNIST and the rate of each: SGD, momentum, Adam, AdamW, RMSprop."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mnist

SLOW = (0.01, 0.03, 0.1, 0.3, 1.0)
ADAPTIVE = (0.0001, 0.0003, 0.001, 0.003, 0.01)

EXPERIMENT = Experiment(
    name="optimizers",
    title="MNIST, MLP of 128 units",
    asks="Which optimiser is best when each is tuned with the same effort?",
    refuted_by="intervals that hold zero between every pair",
    equal="1,000 steps of 64 images under a cosine, five learning rates tried",
    page="06",
    data=mnist,
    base=Settings(model="mlp", width=128, batch_size=64, max_steps=1000, schedule="cosine"),
    arms=[
        Arm("SGD", {"momentum": 0.0}, {"lr": SLOW}),
        Arm("SGD with momentum", {"momentum": 0.9}, {"lr": tuple(rate / 10 for rate in SLOW)}),
        Arm("Nesterov", {"optimizer": "nesterov", "momentum": 0.9},
            {"lr": tuple(rate / 10 for rate in SLOW)}),
        Arm("RMSprop", {"optimizer": "rmsprop", "momentum": 0.0}, {"lr": ADAPTIVE}),
        Arm("Adam", {"optimizer": "adam", "momentum": 0.9}, {"lr": ADAPTIVE}),
        Arm("AdamW", {"optimizer": "adamw", "momentum": 0.9, "weight_decay": 0.01},
            {"lr": ADAPTIVE}),
    ],
    questions=[
        PairedQuestion("Momentum is better than plain SGD", "SGD with momentum", "SGD"),
        PairedQuestion("Adam is better than SGD with momentum", "Adam", "SGD with momentum"),
        PairedQuestion("Adam is better than plain SGD", "Adam", "SGD"),
        PairedQuestion("Nesterov's momentum is better than plain momentum",
                 "Nesterov", "SGD with momentum"),
        PairedQuestion("AdamW is better than Adam", "AdamW", "Adam"),
    ],
    grid={},
    matters=0.003,
)
