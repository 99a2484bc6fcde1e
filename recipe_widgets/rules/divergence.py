"""A training loss became NaN or infinite: why, and what to try."""

from __future__ import annotations

import math

# Momentum above this makes each push count more than 30-fold: too much, even at a sound rate.
HIGH_MOMENTUM = 0.97
USUAL_MOMENTUM, USUAL_WEIGHT_DECAY = 0.9, 0.0001


def no_number_from(step: int) -> str:
    """How rules and pictures of a curve say it, in mid-sentence. step: the first without one."""
    return f"no number from step {step} on"


def what_happened(loss: float, step: int) -> str:
    """What became of the loss: the beginning of every message about it."""
    return f"The loss became {'NaN' if math.isnan(loss) else 'infinite'} at step {step}"


def why_diverged(loss: float, step: int, *, lr: float, sound_lr: float, momentum: float = 0.0,
                 weight_decay: float = 0.0, init: str = "default",
                 inputs_finite: bool = True) -> str:
    """One sentence: what became of the loss, at which step, the likely cause and what to try.

    Args:
        loss: the first that was no number, at `step` (counted from 0).
        sound_lr: a rate at which most small nets train without trouble, for this optimiser.
        momentum: 0 for an optimiser whose momentum does not add up pushes.
        init: how the weights began, as `Settings.init` names it.
        inputs_finite: whether the batch of that step held only numbers.
    """
    what = what_happened(loss, step)
    if not inputs_finite:
        return (f"{what}: the inputs hold NaN or infinity. Look at the data, not at the learning "
                "rate.")
    if step == 0:
        return (f"{what}, before any update: the inputs or the initial weights (init={init!r}) are "
                "far too large.")
    if momentum > HIGH_MOMENTUM and lr <= sound_lr:
        # a constant push g adds up to g / (1 - momentum)
        times = 1 / max(1 - momentum, 1e-3)
        return (f"{what}: momentum {momentum:g} makes each push count {times:.0f}-fold. "
                f"Try {USUAL_MOMENTUM:g}.")
    if weight_decay * lr > 1:
        # w ← w - lr · decay · w changes its sign, and grows when the product is above 2
        return (f"{what}: weight decay {weight_decay:g} times learning rate {lr:g} overshoots "
                f"zero. Try {USUAL_WEIGHT_DECAY:g}.")
    return f"{what}: learning rate {lr:g} is too high. Try {lower_rate(lr, sound_lr):g}."


def lower_rate(lr: float, sound_lr: float) -> float:
    """A tenth of `lr` to one digit, or the sound rate where even that is too high."""
    tenth = float(f"{lr / 10:.0e}")
    return min(tenth, sound_lr) if lr > 10 * sound_lr else tenth
