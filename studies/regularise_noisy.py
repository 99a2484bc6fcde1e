"""MNIST, 1,000 images of which three in ten carry a wrong label, trained until those are learnt, too."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mislabelled, mnist

NOISY = mislabelled(1000, 0.3)
RATES = (0.01, 0.03, 0.1)
PLAIN = (0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)  # nine trials, as for the others

EXPERIMENT = Experiment(
    name="regularise_noisy",
    title="MNIST, 1,000 images, 300 of them with a wrong label, MLP of 128 units",
    asks="Which regularisers help where learning by heart does harm?",
    refuted_by="none of them gains although 300 wrong labels are there to be learnt by heart",
    equal="1,500 steps of 64 images (96 epochs), nine trials each",
    page="08",
    data=mnist,
    base=Settings(model="mlp", width=128, batch_size=64, max_steps=1500, momentum=0.9,
                  schedule="cosine", eval_every=1500),
    arms=[
        Arm("none", {}, {"lr": PLAIN}, prepare=NOISY),
        Arm("dropout", {}, {"lr": RATES, "dropout": (0.3, 0.5, 0.7)}, prepare=NOISY),
        Arm("weight decay", {}, {"lr": RATES, "weight_decay": (0.003, 0.01, 0.03)}, prepare=NOISY),
        Arm("label smoothing", {}, {"lr": RATES, "label_smoothing": (0.1, 0.3, 0.5)}, prepare=NOISY),
        Arm("mixup", {"augment": "mixup"}, {"lr": RATES, "augment_strength": (0.5, 1.0, 2.0)},
            prepare=NOISY),
        Arm("best step kept", {"final": "best", "eval_every": 25}, {"lr": PLAIN}, prepare=NOISY),
    ],
    questions=[PairedQuestion(f"{name.capitalize()} helps with wrong labels among 1,000 images", name, "none")
               for name in ("dropout", "weight decay", "label smoothing", "mixup", "best step kept")],
    grid={},
    matters=0.01,
)
