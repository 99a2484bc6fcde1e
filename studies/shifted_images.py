"""MNIST: random shifts of the training images, at four strengths, with few samples and with many."""

from __future__ import annotations

from recipe_widgets import Data, Settings, load
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

FEW = 1000


def few(data: Data) -> Data:
    return data.subset(FEW)


def arms() -> list[Arm]:
    made = [Arm(f"none, {FEW:,}", {}, prepare=few), Arm("none, all", {"max_steps": 4000})]
    for strength in (0.25, 0.5, 1.0):
        change = {"augment": "crop", "augment_strength": strength}
        made += [Arm(f"shift {strength:g}, {FEW:,}", change, prepare=few),
                 Arm(f"shift {strength:g}, all", {**change, "max_steps": 4000})]
    return made


EXPERIMENT = Experiment(
    name="shifted_images",
    title="MNIST, MLP of 256 units",
    asks="Do shifted images help, and does it depend on the strength and on how many images there are?",
    refuted_by="no strength that gains on few images",
    equal=f"2,000 steps on {FEW:,} images, 4,000 on all 50,000, of 64 each",
    page="07",
    data=lambda: load("mnist"),
    base=Settings(model="mlp", width=256, batch_size=64, max_steps=2000, momentum=0.9,
                  schedule="cosine"),
    arms=arms(),
    questions=[
        *(PairedQuestion(f"Shifts of strength {strength:g} help with {FEW:,} images",
                   f"shift {strength:g}, {FEW:,}", f"none, {FEW:,}") for strength in (0.25, 0.5, 1.0)),
        *(PairedQuestion(f"Shifts of strength {strength:g} help with 50,000 images",
                   f"shift {strength:g}, all", "none, all") for strength in (0.25, 0.5, 1.0)),
    ],
    grid={"lr": (0.01, 0.03, 0.1, 0.3)},
    matters=0.003,
)
