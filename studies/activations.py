"""MNIST: non-linearities from the sigmoid to GELU, each at its own learning rate."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mnist

# each begins as its inventors advise: variance 2/n behind a rectifier, 1/n elsewhere
INITS = {"relu": "he", "gelu": "he", "silu": "he", "tanh": "xavier", "sigmoid": "xavier",
         "identity": "xavier"}

EXPERIMENT = Experiment(
    name="activations",
    title="MNIST, MLP of three hidden layers of 64 units",
    asks="Which non-linearity learns best in the same time?",
    refuted_by="a sigmoid as good as a ReLU at the rate that suits it",
    equal="1,000 steps of 64 images under a cosine",
    page="04",
    data=mnist,
    base=Settings(model="mlp", width=64, depth=3, batch_size=64, max_steps=1000,
                  momentum=0.9, schedule="cosine"),
    arms=[Arm(kind, {"activation": kind, "init": init}) for kind, init in INITS.items()],
    questions=[
        PairedQuestion("ReLU is better than the sigmoid", "relu", "sigmoid"),
        PairedQuestion("ReLU is better than tanh", "relu", "tanh"),
        PairedQuestion("tanh is better than the sigmoid", "tanh", "sigmoid"),
        PairedQuestion("GELU is better than ReLU", "gelu", "relu"),
        PairedQuestion("SiLU is better than ReLU", "silu", "relu"),
        PairedQuestion("ReLU is better than no non-linearity", "relu", "identity"),
    ],
    grid={"lr": (0.003, 0.01, 0.03, 0.1, 0.3)},
    matters=0.005,
)
