"""MNIST: random shifts of the training images, at three strengths, with few samples and with many."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import first, mnist

FEW = 1000
STRENGTHS = (0.25, 0.5, 1.0)


def shifted(strength: float) -> dict[str, object]:
    return {"augment": "crop", "augment_strength": strength}


ALL = {"max_steps": 3000}

EXPERIMENT = Experiment(
    name="shifted_images",
    title="MNIST, MLP of 128 units",
    asks="Do shifted images help, and does it depend on the strength and on how many images there are?",
    refuted_by="no strength that gains on few images",
    equal=f"2,000 steps on {FEW:,} images, 3,000 on all 40,000, of 64 each",
    page="07",
    data=mnist,
    base=Settings(model="mlp", width=128, batch_size=64, max_steps=2000, momentum=0.9,
                  schedule="cosine", eval_every=3000),
    arms=[
        Arm(f"none, {FEW:,}", {}, prepare=first(FEW)),
        *(Arm(f"shift {strength:g}, {FEW:,}", shifted(strength), prepare=first(FEW))
          for strength in STRENGTHS),
        Arm("none, all", ALL),
        Arm("shift 0.5, all", {**ALL, **shifted(0.5)}),
    ],
    questions=[
        *(PairedQuestion(f"Shifts of strength {strength:g} help with {FEW:,} images",
                         f"shift {strength:g}, {FEW:,}", f"none, {FEW:,}") for strength in STRENGTHS),
        PairedQuestion("Shifts of strength 0.5 help with 40,000 images", "shift 0.5, all", "none, all"),
    ],
    grid={"lr": (0.01, 0.03, 0.1)},
    matters=0.003,
)
