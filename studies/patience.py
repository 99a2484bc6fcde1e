"""MNIST, 1,000 images with wrong labels among them: when to stop waiting for a lower validation loss."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion

from .samples import mislabelled, mnist

NOISY = mislabelled(1000, 0.3)

EXPERIMENT = Experiment(
    name="patience",
    title="MNIST, 1,000 images, 300 of them with a wrong label, MLP of 128 units",
    asks="How much patience does early stopping need?",
    refuted_by="a patience of 1 look as good as one of 30",
    equal="1,500 steps of 64 images at most, a look each 20 steps",
    page="08",
    data=mnist,
    base=Settings(model="mlp", width=128, batch_size=64, max_steps=1500, momentum=0.9, eval_every=20),
    arms=[
        Arm("to the end", prepare=NOISY),
        *(Arm(f"patience {looks}", {"patience": looks}, prepare=NOISY) for looks in (1, 10, 30)),
        Arm("best step of the whole run", {"final": "best"}, prepare=NOISY),
        Arm("to the end at rate 0.03", {"lr": 0.03}, prepare=NOISY, untuned=True),
        Arm("patience 10 at rate 0.03", {"lr": 0.03, "patience": 10}, prepare=NOISY, untuned=True),
    ],
    questions=[
        PairedQuestion("A patience of 10 looks is better than training to the end", "patience 10", "to the end"),
        PairedQuestion("A patience of 10 looks is better than one of 1", "patience 10", "patience 1"),
        PairedQuestion("A patience of 30 looks is better than one of 10", "patience 30", "patience 10"),
        PairedQuestion("The best step of the whole run is better than a patience of 10",
                       "best step of the whole run", "patience 10"),
        PairedQuestion("At a rate that learns the wrong labels by heart, a patience of 10 helps",
                       "patience 10 at rate 0.03", "to the end at rate 0.03"),
        PairedQuestion("A rate that suits wrong labels is better than early stopping at a higher one",
                       "to the end", "patience 10 at rate 0.03"),
    ],
    grid={"lr": (0.0003, 0.001, 0.003)},
    matters=0.01,
)
