"""MNIST: non-linearities from the sigmoid to GELU, each at its own learning rate."""

from __future__ import annotations

from recipe_widgets import Settings, load
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

KINDS = ("relu", "gelu", "silu", "leaky_relu", "tanh", "sigmoid", "identity")

EXPERIMENT = Experiment(
    name="activations",
    title="MNIST, MLP of three hidden layers of 64 units",
    asks="Which non-linearity learns best in the same time?",
    refuted_by="a sigmoid as good as a ReLU at the rate that suits it",
    equal="1,000 steps of 64 images",
    page="04",
    data=lambda: load("mnist"),
    base=Settings(model="mlp", width=64, depth=3, init="xavier", batch_size=64, max_steps=1000,
                  momentum=0.9),
    arms=[Arm(kind, {"activation": kind}) for kind in KINDS],
    questions=[
        PairedQuestion("ReLU is better than the sigmoid", "relu", "sigmoid"),
        PairedQuestion("ReLU is better than tanh", "relu", "tanh"),
        PairedQuestion("tanh is better than the sigmoid", "tanh", "sigmoid"),
        PairedQuestion("GELU is better than ReLU", "gelu", "relu"),
        PairedQuestion("ReLU is better than no non-linearity", "relu", "identity"),
    ],
    grid={"lr": (0.003, 0.01, 0.03, 0.1, 0.3)},
    matters=0.005,
)
