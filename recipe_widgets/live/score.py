"""The numbers of a run that a panel speaks of: one for each quantity, wherever it is said."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from recipe_widgets.core import Run

# columns of the history with one number each: of the whole validation set, at the end of a live run
WHOLE_LOSS, WHOLE_ACCURACY = "whole_val_loss", "whole_val_accuracy"
LAST_LOSSES = 30  # batches whose median is the training loss of now


class Score(NamedTuple):
    """What a run came to on validation samples. loss: nats; NaN where a reader's own loop gives
    none. accuracy: share right. whole: of all of them, not of those that a run is looked at on its
    way; which ones a reader's own loop takes, nobody knows.
    """

    loss: float
    accuracy: float
    whole: bool


def score_of(run: Run | None, step: int | None = None) -> Score | None:
    """The newest score; step: that which stood when so many steps were done. None where there is
    none yet.
    """
    if run is None or "val_accuracy" not in run.history:
        return None
    history = run.history
    whole = not run.own and not run.settings.eval_samples
    if step is None or step >= run.steps_done:
        if WHOLE_ACCURACY in history and history.steps(WHOLE_ACCURACY)[-1] >= run.steps_done - 1:
            return Score(history.last(WHOLE_LOSS), history.last(WHOLE_ACCURACY), True)
        return Score(history.last("val_loss"), history.last("val_accuracy"), whole)
    loss, accuracy = (history.before(column, step) for column in ("val_loss", "val_accuracy"))
    if accuracy is None:
        return None
    return Score(math.nan if loss is None else loss, accuracy, whole)


def training_loss(run: Run | None, step: int | None = None) -> float | None:
    """The training loss when `step` steps were done, by default now: the median of the last batches,
    since single ones jump.
    """
    if run is None or not run.steps_done:
        return None
    done = run.steps_done if step is None else min(step, run.steps_done)
    _, losses = run.history.since("train_loss", max(0, done - LAST_LOSSES), done)
    return float(np.median(losses)) if len(losses) else None
