"""Learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

from recipe_widgets.core import Settings
from recipe_widgets.core.validation import measured, real, validated, whole

PER_EPOCH = 0.98  # of "epoch"
# of "onecycle": share of the run, lr / first lr, first lr / last lr
RISE, START, END = 0.3, 25.0, 1e4


@validated
def lr_at(step: Annotated[int, whole(0)], settings: Settings,
          steps_per_epoch: Annotated[int, whole(0)] = 0) -> float:
    """The learning rate of a step, counted from 0, for a run of `settings.max_steps` steps.

    step: a tenth after half of the run, a hundredth after three quarters. halve: half after each
    fifth of the run.
    exponential: down to a hundredth at the end. epoch: times 0.98 after each epoch of
    `steps_per_epoch` steps (0: never).
    inverse: lr / (1 + k·t), t in [0, 1) and k = 9, down to a tenth. cosine: half a wave down to
    zero (Loshchilov & Hutter 2017). linear: straight down to zero. onecycle: up from lr/25 in 30 %
    of the run, down to nearly zero, both by half a cosine wave (Smith & Topin 2018). plateau: see
    `Plateau`; here constant. The climb of `warmup` steps comes first and multiplies the schedule.
    """
    return learning_rate(step, settings, steps_per_epoch)


def learning_rate(step: int, settings: Settings, steps_per_epoch: int = 0) -> float:
    """`lr_at` without a look at its arguments: the loop calls it at every step."""
    climb = min(1.0, (step + 1) / (settings.warmup + 1))
    if settings.schedule == "onecycle":
        return settings.lr * _one_cycle(step, settings.max_steps) * climb
    if settings.schedule == "epoch":
        return settings.lr * math.pow(PER_EPOCH,
                                      step // steps_per_epoch if steps_per_epoch else 0) * climb
    done = min(step / settings.max_steps, 1.0) if settings.max_steps else 0.0
    return settings.lr * _FACTORS[settings.schedule](done) * climb


_FACTORS: dict[str, Callable[[float], float]] = {  # of the share of the run that is done, 0 to 1
    "constant": lambda _: 1.0,
    "plateau": lambda _: 1.0,
    "step": lambda done: 1.0 if done < 0.5 else (0.1 if done < 0.75 else 0.01),
    "halve": lambda done: math.pow(0.5, math.floor(5 * done + 1e-9)),
    "exponential": lambda done: math.pow(0.01, done),
    "inverse": lambda done: 1.0 / (1.0 + 9.0 * done),
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
    "linear": lambda done: 1.0 - done,
}


def _one_cycle(step: int, max_steps: int) -> float:
    peak, last = RISE * max_steps - 1, max_steps - 1
    first, end = 1.0 / START, 1.0 / (START * END)
    if step <= peak:
        return _wave(first, 1.0, step / peak if peak > 0 else 1.0)
    return _wave(1.0, end, min(1.0, (step - peak) / (last - peak)) if last > peak else 1.0)


def _wave(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a cosine wave."""
    return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * share))


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
        self.best, self.waited, self.factor = math.inf, 0, 1.0

    @validated
    def look(self, loss: Annotated[float, measured]) -> None:
        """One look at the validation set; `loss` in nats."""
        if loss < self.best * (1 - self.threshold):
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.factor, self.waited = self.factor * self.cut, 0

    def state_dict(self) -> dict[str, float]:
        return {"best": self.best, "waited": self.waited, "factor": self.factor}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.best, self.waited, self.factor = state["best"], int(state["waited"]), state["factor"]
