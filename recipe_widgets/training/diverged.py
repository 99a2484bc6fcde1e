"""Why a loss stopped being a number."""

from __future__ import annotations

import math

from recipe_widgets.core import History, Settings
from recipe_widgets.core.validation import validated

# Learning rates that are sound to fall back to, by optimiser: where most small nets train without
# trouble.
SOUND_LR = {"sgd": 0.1, "nesterov": 0.1, "adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3,
            "adagrad": 0.01, "adadelta": 1.0, "normalized": 0.01}


@validated
def first_bad_step(history: History) -> int | None:
    """The first step whose training loss is NaN or infinite, or None."""
    pairs = zip(history.steps("train_loss"), history.series("train_loss"),
                strict=True) if len(history) else ()
    return next((step for step, loss in pairs if not math.isfinite(loss)), None)


@validated
def why_diverged(history: History, settings: Settings, inputs_finite: bool = True) -> str:
    """One sentence: what became of the loss, at which step, the likely cause and what to try.

    Args:
        inputs_finite: whether the batch of that step held only numbers.
    """
    step = first_bad_step(history)
    if step is None:
        return ""
    losses = history.series("train_loss")
    bad = losses[history.steps("train_loss").index(step)]
    what = f"The loss became {'NaN' if math.isnan(bad) else 'infinite'} at step {step}"
    if not inputs_finite:
        return f"{what}: the inputs hold NaN or infinity. Look at the data, not at the learning rate."
    if step == 0:
        return f"{what}, before any update: the inputs or the initial weights (init={settings.init!r}) are far too large."
    lr, sound = settings.lr, SOUND_LR[settings.optimizer]
    if settings.momentum > 0.97 and settings.optimizer in ("sgd", "nesterov", "rmsprop",
                                                           "normalized") and lr <= sound:
        return f"{what}: momentum {settings.momentum:g} makes each push count " \
               f"{1 / max(1 - settings.momentum, 1e-3):.0f}-fold. Try 0.9."
    if settings.weight_decay * lr > 1:
        return f"{what}: weight decay {settings.weight_decay:g} times learning rate {lr:g} overshoots zero. Try 0.0001."
    return f"{what}: learning rate {lr:g} is too high. Try {_lower(lr, sound):g}."


def _lower(lr: float, sound: float) -> float:
    """A tenth of `lr` to one digit, or a sound one where even that is too high."""
    tenth = float(f"{lr / 10:.0e}")
    return min(tenth, sound) if lr > 10 * sound else tenth
