"""MNIST: what a falling learning rate brings, with and without momentum."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mnist


def arms() -> list[Arm]:
    made = []
    for momentum, rates in ((0.0, (0.03, 0.1, 0.3, 1.0, 3.0)), (0.9, (0.003, 0.01, 0.03, 0.1, 0.3))):
        name = "momentum" if momentum else "no momentum"
        schedules = ("constant", "cosine", "linear", "onecycle") if momentum else ("constant", "cosine")
        made += [Arm(f"{schedule}, {name}", {"schedule": schedule, "momentum": momentum},
                     {"lr": rates}) for schedule in schedules]
    return made


EXPERIMENT = Experiment(
    name="cool_down",
    title="MNIST, MLP of 128 units",
    asks="Does it help to let the learning rate fall to zero?",
    refuted_by="a constant rate that ends as high as a falling one, each at its own height",
    equal="2,000 steps of 64 images",
    page="06",
    data=mnist,
    base=Settings(model="mlp", width=128, batch_size=64, max_steps=2000),
    arms=arms(),
    questions=[
        PairedQuestion("A cosine is better than a constant rate, with momentum",
                 "cosine, momentum", "constant, momentum"),
        PairedQuestion("A cosine is better than a constant rate, without momentum",
                 "cosine, no momentum", "constant, no momentum"),
        PairedQuestion("A cosine is better than a straight line",
                 "cosine, momentum", "linear, momentum"),
        PairedQuestion("One cycle is better than a cosine", "onecycle, momentum", "cosine, momentum"),
    ],
    grid={},
    matters=0.002,
)
