"""Programs that are wrong and still train: what is seen of them from outside. (Notebook 03, sections
1 and 6.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from tqdm import tqdm

from recipe_widgets.checks import curve_shape
from recipe_widgets.core import Run, Settings
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.comparison import RunComparison, compare
from recipe_widgets.lessons.common.guarded import train, train_many
from recipe_widgets.lessons.nb03_check_the_machinery.numeric_gradients import Swish, small_net

WAYS: Mapping[str, Mapping[str, float | str]] = {
    "as it should be": {},
    "learning rate 5": {"lr": 5.0},
    "momentum 0.99": {"momentum": 0.99},
    "init normal": {"init": "normal"},  # std 1, whatever the layer's width
    "init zeros": {"init": "zeros"},
    "weight decay 0.1": {"weight_decay": 0.1},
}


@dataclass(frozen=True)
class BothTrain(RunComparison[str]):
    """Runs named "right" and "wrong", by their backward pass."""

    name: str = ""

    def __str__(self) -> str:
        words = [f"{self.mean(kind):.1%} ({self.worst(kind):.1%} to {self.best(kind):.1%})"
                 for kind in ("right", "wrong")]
        if self.best("wrong") < self.worst("right"):  # the ranges of the seeds do not meet
            said = "every seed with the right one is better"
        elif self.worst("wrong") > self.best("right"):
            said = "every seed with the wrong one is better"
        else:
            said = "the seeds of both overlap: the accuracy does not tell"
        return (f"{self.name}, {self.seeds} seeds: {words[0]} with the right backward pass, "
                f"{words[1]} with the wrong one; {said}.")


@validated
def train_with_both(data: Data, seeds: Annotated[int, whole(1, 1000)] = 3,
                    steps: Annotated[int, whole(1, 10**6)] = 150) -> BothTrain:
    """The same network trained with a right and with a wrong backward pass: validation accuracy,
    0 to 1.
    """
    def run(seed: int, right: bool) -> Run:
        chosen = Settings(seed=seed, lr=0.02, max_steps=steps, eval_every=steps, eval_samples=1000)
        # the same first weights for both
        return train(data, chosen, small_net(data, Swish(right), 64, seed))

    made = compare({"right": lambda seed: run(seed, True), "wrong": lambda seed: run(seed, False)},
                   seeds)
    return BothTrain(made.runs, data.name)


@dataclass(frozen=True)
class Broken(RunComparison[str]):
    """Runs by what was done to them; their curves in words."""

    name: str = ""

    def shapes(self, label: str) -> str:
        """The kinds of curve that `curve_shape` sees, such as "flat" or "falling 2, noisy 1"."""
        kinds = Counter(str(curve_shape(run).details["shape"]) for run in self.runs[label])
        if len(kinds) == 1:
            return next(iter(kinds))
        return ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())

    def ends(self, label: str) -> tuple[float, float]:
        """First loss, and the median of the last tenth (nats; means of the seeds)."""
        losses = [run.history.series("train_loss") for run in self.runs[label]]
        # the median, as one batch of a run that falls apart can have any loss
        lasts = [np.median(one[-max(1, len(one) // 10):]) for one in losses]
        return float(np.mean([one[0] for one in losses])), float(np.mean(lasts))

    def __str__(self) -> str:
        rows = [f"{self.name:<16} {'first loss':>10} {'last loss':>10}   {'curve':<22} "
                f"validation accuracy, {self.seeds} seeds"]
        for label in self.runs:
            first, last = self.ends(label)
            lost = sum(run.status == "diverged" for run in self.runs[label])
            rows.append(f"{label:<16} {first:>10.3g} {last:>10.3g}   {self.shapes(label):<22} "
                        f"{self.mean(label):.1%} ({self.worst(label):.1%} to {self.best(label):.1%})"
                        + (f", {lost} diverged (counted as 0)" if lost else ""))
        return "\n".join(rows)


@validated
def ways_to_break(data: Data, settings: Settings,
                  seeds: Annotated[int, whole(1, 1000)] = 3) -> Broken:
    """The same network with one knob turned far too far; losses in nats."""
    bar = tqdm(WAYS.items(), desc=data.name, unit="way", leave=False)
    runs = {name: train_many(data, settings.replace(**changes), range(seeds))
            for name, changes in bar}
    return Broken(runs, data.name)
