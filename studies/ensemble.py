"""MNIST, 3,000 images: five averaged models, one of as many weights, one that learns from the five."""

from __future__ import annotations

from collections.abc import Sequence

from recipe_widgets import Data, Run, Settings
from recipe_widgets.ensembles import Ensemble, distill
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion
from recipe_widgets.training import train_many

from .own_training import model_of
from .samples import first, mnist

MEMBERS = 5


def averaged(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
    """An ensemble a seed; its members' seeds are no other arm's."""
    members = [seed * 100 + 10_000 + number for seed in seeds for number in range(MEMBERS)]
    runs = train_many(data, settings, members)
    made = []
    for place in range(0, len(runs), MEMBERS):
        own = runs[place:place + MEMBERS]
        diverged = any(run.status == "diverged" for run in own)
        made.append(Run(settings, own[0].history, Ensemble([model_of(run) for run in own]),
                        "diverged" if diverged else "done"))
    return made


def distilled(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
    """A student of each such ensemble, as large as one member."""
    teachers = averaged(data, settings, seeds)
    return [distill(model_of(teacher), data, settings.replace(seed=seed))
            for seed, teacher in zip(seeds, teachers, strict=True)]


EXPERIMENT = Experiment(
    name="ensemble",
    title="MNIST, 3,000 images, MLPs of 64 units",
    asks="What do five averaged models gain, and how much of it fits into one?",
    refuted_by="one model of five times the width as good as the five",
    equal="800 steps of 64 images for each model",
    page="10",
    data=mnist,
    base=Settings(model="mlp", width=64, batch_size=64, max_steps=800, momentum=0.9,
                  schedule="cosine", eval_every=800),
    arms=[
        Arm("one", prepare=first(3000)),
        Arm("five averaged", prepare=first(3000), train=averaged),
        Arm("one, five times as wide", {"width": 64 * MEMBERS}, prepare=first(3000)),
        Arm("one, five times as long", {"max_steps": 800 * MEMBERS}, prepare=first(3000)),
        Arm("one, taught by five", prepare=first(3000), train=distilled),
    ],
    questions=[
        PairedQuestion("Five averaged models are better than one", "five averaged", "one"),
        PairedQuestion("Five averaged models are better than one of as many weights",
                       "five averaged", "one, five times as wide"),
        PairedQuestion("Five averaged models are better than one trained as long as all of them",
                       "five averaged", "one, five times as long"),
        PairedQuestion("A model taught by five is better than one taught by labels alone",
                       "one, taught by five", "one"),
    ],
    grid={"lr": (0.01, 0.03, 0.1)},
    matters=0.002,
)
