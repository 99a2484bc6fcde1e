"""MNIST, 1,000 images, trained far beyond the point where training loss is zero."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import first, mnist

RATES = (0.01, 0.03, 0.1)
PLAIN = (0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)  # nine trials, as for the others

EXPERIMENT = Experiment(
    name="regularise_few",
    title="MNIST, 1,000 images, MLP of 128 units",
    asks="Which regularisers help where a model can overfit?",
    refuted_by="none of them gains where 1,000 images are learnt by heart",
    equal="1,500 steps of 64 images (96 epochs), nine trials each",
    page="08",
    data=mnist,
    base=Settings(model="mlp", width=128, batch_size=64, max_steps=1500, momentum=0.9,
                  schedule="cosine", eval_every=1500),
    arms=[
        Arm("none", {}, {"lr": PLAIN}, prepare=first(1000)),
        Arm("dropout", {}, {"lr": RATES, "dropout": (0.1, 0.3, 0.5)}, prepare=first(1000)),
        Arm("weight decay", {}, {"lr": RATES, "weight_decay": (0.0003, 0.001, 0.003)}, prepare=first(1000)),
        Arm("label smoothing", {}, {"lr": RATES, "label_smoothing": (0.05, 0.1, 0.2)}, prepare=first(1000)),
        Arm("mixup", {"augment": "mixup"}, {"lr": RATES, "augment_strength": (0.25, 0.5, 1.0)}, prepare=first(1000)),
        Arm("best step kept", {"final": "best", "eval_every": 50}, {"lr": PLAIN}, prepare=first(1000)),
    ],
    questions=[PairedQuestion(f"{name.capitalize()} helps with 1,000 images", name, "none")
               for name in ("dropout", "weight decay", "label smoothing", "mixup", "best step kept")],
    grid={},
    matters=0.003,
)
