"""MNIST: error against the number of weights."""

from __future__ import annotations

import itertools

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mnist

WIDTHS = (8, 16, 32, 64, 128, 256)

EXPERIMENT = Experiment(
    name="weights_line",
    title="MNIST, MLP of one hidden layer",
    asks="How does the error fall as a net gets wider?",
    refuted_by="a doubling of the width that no longer helps",
    equal="2,500 steps of 64 images (4 epochs)",
    page="05",
    data=mnist,
    base=Settings(model="mlp", batch_size=64, max_steps=2500, momentum=0.9, schedule="cosine"),
    arms=[Arm(f"{width} units", {"width": width}) for width in WIDTHS],
    questions=[PairedQuestion(f"{large} units are better than {small}", f"{large} units", f"{small} units")
               for small, large in itertools.pairwise(WIDTHS)],
    grid={"lr": (0.01, 0.03, 0.1)},
    matters=0.001,
)
