"""The table of learning-rate schedules: one row holds all that the package knows of one.

To add a schedule: put its name among the choices of `Settings.schedule` and a row into
`SCHEDULES`. Sliders, scripts and the tests take it from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from recipe_widgets.core import Settings
from recipe_widgets.core.choice_table import ChoiceTable
from recipe_widgets.core.validation import measured, real, validated, whole


@dataclass(frozen=True)
class Progress:
    """How far a run has come. step: counted from 0. steps_per_epoch: 0 where nobody knows it."""

    step: int
    max_steps: int
    steps_per_epoch: int = 0

    @property
    def share(self) -> float:
        """The share of the run that is done, 0 to 1."""
        return min(self.step / self.max_steps, 1.0) if self.max_steps else 0.0


@dataclass(frozen=True)
class ScheduleRow:
    """One schedule.

    Attributes:
        name: its choice in `Settings.schedule`.
        factor: what `Settings.lr` is multiplied by at a moment of the run. An exported script holds
            the function's source: so it uses its argument, `math` and builtins only.
        hint: what it does to the learning rate, in one sentence.
        needs_length: whether its numbers depend on `max_steps`, so that a longer run is another
            run.
        needs_validation: whether looks at the validation set steer it: see `Plateau`.
    """

    name: str
    factor: Callable[[Progress], float]
    hint: str
    needs_length: bool = True
    needs_validation: bool = False


def constant(at: Progress) -> float:  # noqa: ARG001  the same at every moment
    return 1.0


def step_decay(at: Progress) -> float:
    return 1.0 if at.share < 0.5 else (0.1 if at.share < 0.75 else 0.01)


def halving(at: Progress) -> float:
    # 1e-9: 5 · 0.6 is a little less than 3 in floats
    return math.pow(0.5, math.floor(5 * at.share + 1e-9))


def exponential_decay(at: Progress) -> float:
    return math.pow(0.01, at.share)  # 0.01 ** share


def epoch_decay(at: Progress) -> float:
    return math.pow(0.98, at.step // at.steps_per_epoch if at.steps_per_epoch else 0)


def inverse_decay(at: Progress) -> float:
    return 1.0 / (1.0 + 9.0 * at.share)


def cosine_decay(at: Progress) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * at.share))


def linear_decay(at: Progress) -> float:
    return 1.0 - at.share


def stable_decay(at: Progress) -> float:
    return min(1.0, 5.0 * (1.0 - at.share))


def one_cycle(at: Progress) -> float:
    # the numbers of torch.optim.lr_scheduler.OneCycleLR: 30 % of the run up, from 1/25,
    # then down to 1/25 · 1e-4, each along half a cosine wave
    first, last = 1.0 / 25.0, 1.0 / (25.0 * 1e4)
    peak, end = 0.3 * at.max_steps - 1, at.max_steps - 1  # steps, counted from 0
    if at.step <= peak:
        start, stop, share = first, 1.0, at.step / peak if peak > 0 else 1.0
    else:
        start, stop = 1.0, last
        share = min(1.0, (at.step - peak) / (end - peak)) if end > peak else 1.0
    return stop + (start - stop) / 2.0 * (1.0 + math.cos(math.pi * share))


SCHEDULES = ChoiceTable("schedule", [
    ScheduleRow("constant", constant, "The same rate from the first step to the last.",
                needs_length=False),
    ScheduleRow("step", step_decay, "A tenth after half of the run, a hundredth after three "
                "quarters."),
    ScheduleRow("halve", halving, "Half after each fifth of the run."),
    ScheduleRow("exponential", exponential_decay, "Down to a hundredth at the end, by the same "
                "share at every step."),
    ScheduleRow("epoch", epoch_decay, "Times 0.98 after each epoch.", needs_length=False),
    ScheduleRow("inverse", inverse_decay, "lr / (1 + 9t), t from 0 to 1: down to a tenth."),
    # a run looks at the validation set at its end, too: so its length counts here
    ScheduleRow("plateau", constant, "A tenth whenever the validation loss has stopped getting "
                "better.", needs_validation=True),
    ScheduleRow("cosine", cosine_decay, "Half a cosine wave down to zero "
                "(Loshchilov & Hutter 2017)."),
    ScheduleRow("linear", linear_decay, "Straight down to zero."),
    ScheduleRow("onecycle", one_cycle, "Up from lr/25 in 30 % of the run, then down to nearly zero "
                "(Smith & Topin 2018)."),
    ScheduleRow("wsd", stable_decay, "The same rate for 80 % of the run, then straight down to zero: "
                "with a warm-up it is warm-up, stable, decay (Hu et al. 2024)."),
])


@validated
def lr_at(step: Annotated[int, whole(0)], settings: Settings,
          steps_per_epoch: Annotated[int, whole(0)] = 0) -> float:
    """The learning rate of a step, counted from 0, for a run of `settings.max_steps` steps.

    `SCHEDULES` tells what each schedule does. The climb of `warmup` steps comes first and
    multiplies the schedule.

    Args:
        steps_per_epoch: for schedule="epoch" only; 0: no epoch ever ends.
    Raises:
        RecipeError: `settings.schedule` has no row in `SCHEDULES`; the message lists the names.
    """
    return learning_rate(step, settings, steps_per_epoch)


def learning_rate(step: int, settings: Settings, steps_per_epoch: int = 0) -> float:
    """`lr_at` without a look at its arguments: the loop calls it at every step."""
    progress = Progress(step, settings.max_steps, steps_per_epoch)
    # of 3 steps of warm-up the first has a quarter of the rate, the fourth all of it
    climb = min(1.0, (step + 1) / (settings.warmup + 1))
    return settings.lr * SCHEDULES[settings.schedule].factor(progress) * climb


def varies(settings: Settings) -> bool:
    """Whether the learning rate changes on its own during a run."""
    return settings.schedule != "constant" or settings.warmup > 0


class Plateau:
    """Divides the learning rate by ten when the validation loss has not got better for `patience`
    looks.

    The rule of `torch.optim.lr_scheduler.ReduceLROnPlateau` with its defaults but for the patience:
    better means lower by a share of 1e-4 than the best so far. `factor` is what the learning rate
    is multiplied by now.
    """

    @validated
    def __init__(self, patience: Annotated[int, whole(0)] = 3,
                 cut: Annotated[float, real(0, 1)] = 0.1,
                 threshold: Annotated[float, real(0, 1)] = 1e-4) -> None:
        self.patience, self.cut, self.threshold = patience, cut, threshold
        self.best, self.waited, self.factor = math.inf, 0, 1.0  # waited: looks since the best

    @validated
    def look(self, loss: Annotated[float, measured]) -> None:
        """One look at the validation set and its mean loss."""
        if loss < self.best * (1 - self.threshold):
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        if self.waited > self.patience:  # as torch counts: the look after `patience` bad ones
            self.factor, self.waited = self.factor * self.cut, 0

    def state_dict(self) -> dict[str, float]:
        return {"best": self.best, "waited": self.waited, "factor": self.factor}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.best, self.waited, self.factor = state["best"], int(state["waited"]), state["factor"]


def plateau_of(settings: Settings) -> Plateau | None:
    """What follows the validation loss, where the schedule wants that."""
    return Plateau() if SCHEDULES[settings.schedule].needs_validation else None
