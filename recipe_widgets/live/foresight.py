"""Foresight: what neighbouring learning rates would come to, by short runs on time that nobody else
wants.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from recipe_widgets.core import Settings
from recipe_widgets.data import Data
from recipe_widgets.live.active_run import LIVE_EVAL_SAMPLES
from recipe_widgets.live.pacing import TRAIN_SLICE
from recipe_widgets.training import MultiSeedTraining

STEPS, SEEDS = 200, 3  # of a short run, and runs of a rate
# powers of ten between two rates, and how many of them to each side of where the knob stands
SPACING, TO_EACH_SIDE = 0.3, 4
LOWEST, HIGHEST = -4, 1  # powers of ten
# share of its time that the thread gets a core, below which the machine is taken to be busy; seconds
# that are looked at, and that it then rests
BUSY_SHARE, LOOKED_AT, REST = 0.7, 0.3, 5.0


@dataclass(frozen=True)
class RateOutcome:
    """What a learning rate comes to. scores: validation accuracy of each seed after `STEPS` steps."""

    lr: float
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.scores) / len(self.scores)


class Foresight:
    """The outcomes for one recipe; `moment` trains a little more. Used on the trainer thread, read
    on any.

    Attributes:
        on: whether a reader wants it; off at first.
        busy: the machine is, so this rests.
    """

    def __init__(self) -> None:
        self.on = self.busy = False
        self._known: dict[Settings, dict[float, RateOutcome]] = {}  # recipe -> rate -> outcome
        self._going: tuple[Settings, float, MultiSeedTraining] | None = None
        self._wall = self._computed = 0.0  # seconds of the newest moments

    def outcomes(self, settings: Settings) -> list[RateOutcome]:
        """What is known for this recipe, by learning rate."""
        known = dict(self._known.get(_recipe(settings), {}))
        return [known[lr] for lr in sorted(known)]

    def missing(self, settings: Settings) -> list[float]:
        """The rates near the knob that are not known yet, the nearest first."""
        known = self._known.get(_recipe(settings), {})
        return [lr for lr in rates(settings.lr) if lr not in known]

    def moment(self, data: Data, settings: Settings) -> float | None:
        """Train for a moment. Returns the seconds to rest, None where there is no more to do."""
        missing = self.missing(settings)
        if not self.on or not missing or not len(data.validation.y):
            self._going = None
            return None
        recipe, wall, computed = _recipe(settings), time.perf_counter(), time.thread_time()
        if self._going is None or self._going[:2] != (recipe, missing[0]):
            wanted = settings.replace(lr=missing[0], max_steps=STEPS, eval_every=STEPS,
                                      eval_samples=LIVE_EVAL_SAMPLES, patience=None)
            self._going = recipe, missing[0], MultiSeedTraining(data, wanted, range(SEEDS))
        training = self._going[2]
        while training.running and time.perf_counter() < wall + TRAIN_SLICE:
            training.step()
        if not training.running:
            self._keep(data, recipe, missing[0], training)
        return self._rest(time.perf_counter() - wall, time.thread_time() - computed)

    def _keep(self, data: Data, recipe: Settings, lr: float, training: MultiSeedTraining) -> None:
        chance = 1 / max(1, data.num_classes)
        last = [run.history.last("val_accuracy") for run in training.runs]
        scores = tuple(chance if math.isnan(score) else score for score in last)  # it diverged
        self._known.setdefault(recipe, {})[lr] = RateOutcome(lr, scores)
        self._going = None

    def _rest(self, wall: float, computed: float) -> float:
        """Seconds to rest: none, but for some where others want the core."""
        self._wall, self._computed = self._wall + wall, self._computed + computed
        if self._wall < LOOKED_AT:
            return 0.0
        self.busy = self._computed < BUSY_SHARE * self._wall
        self._wall = self._computed = 0.0
        return REST if self.busy else 0.0


def rates(lr: float) -> list[float]:
    """Learning rates around this one, the nearest first; always of the same grid."""
    middle = round(math.log10(max(lr, 10**LOWEST)) / SPACING)
    order = sorted(range(-TO_EACH_SIDE, TO_EACH_SIDE + 1), key=abs)
    powers = [(middle + number) * SPACING for number in order]
    return [float(f"{10**power:.2g}") for power in powers if LOWEST <= power <= HIGHEST]


def _recipe(settings: Settings) -> Settings:
    """The settings without what foresight chooses by itself."""
    return settings.replace(lr=0.1, max_steps=STEPS, seed=0, eval_every=None, eval_samples=None,
                            patience=None)
