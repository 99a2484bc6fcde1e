"""MNIST, 40,000 images, two epochs: no time to overfit."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mnist

RATES = (0.025, 0.05, 0.1)  # around the rate that suits the plain net
PLAIN = (0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)  # nine trials, as for the others

EXPERIMENT = Experiment(
    name="regularise_many",
    title="MNIST, 40,000 images, two epochs, MLP of 128 units",
    asks="And where it cannot: two epochs of 40,000 images?",
    refuted_by="a regulariser that gains although each image was hardly seen twice",
    equal="1,500 steps of 64 images (2 epochs), nine trials each",
    page="08",
    data=mnist,
    base=Settings(model="mlp", width=128, batch_size=64, max_steps=1500, momentum=0.9,
                  schedule="cosine", eval_every=1500),
    arms=[
        Arm("none", {}, {"lr": PLAIN}),
        Arm("dropout", {}, {"lr": RATES, "dropout": (0.1, 0.3, 0.5)}),
        Arm("weight decay", {}, {"lr": RATES, "weight_decay": (0.0003, 0.001, 0.003)}),
        Arm("label smoothing", {}, {"lr": RATES, "label_smoothing": (0.05, 0.1, 0.2)}),
        Arm("mixup", {"augment": "mixup"}, {"lr": RATES, "augment_strength": (0.25, 0.5, 1.0)}),
        Arm("best step kept", {"final": "best", "eval_every": 100}, {"lr": PLAIN}),
    ],
    questions=[PairedQuestion(f"{name.capitalize()} helps with 40,000 images and two epochs", name, "none")
               for name in ("dropout", "weight decay", "label smoothing", "mixup", "best step kept")],
    grid={},
    matters=0.003,
)
