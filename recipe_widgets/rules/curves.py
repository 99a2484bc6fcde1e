"""Judgements on loss curves: from plain arrays, the same for checks, for the live panel and for a
watched script.

They speak of levels (medians of stretches) relative to the curve's own first level. Only a loss
that is no number is an exact fact; all else warns at most. Losses that need not fall (a GAN's, a
policy's) are left alone: say `falls=False`.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from recipe_widgets.core import CheckResult, Status
from recipe_widgets.rules.series import Array, Facts, facts, jumps

LEAST = 30  # steps below which a curve says nothing yet, but NaN
# steps below which a falling curve does not tell that the rate is low, with update ratios and
# without
LEAST_LOW = 100, 250
NO_FALL = 0.93  # a curve whose last level is above this share of the first does not fall
Verdict = Literal["too high", "high", "good", "low", "unknown"]
_CS231N = "CS231n, Neural Networks Part 3: babysitting the learning process"


def curve_shape(loss: npt.ArrayLike, *, falls: bool = True) -> CheckResult:
    """What does the curve do: fall, stand still, rise, explode, jump, drown in noise, stop being a
    number?

    Args:
        loss: (n,) training loss of each step, any unit. falls: whether it should; False for GANs
            and policies, of which only NaN and explosions are told.
    Returns:
        `details["shape"]`: "not a number", "exploding", "flat", "rising", "jumps", "noisy",
        "falling" or "too short".
    """
    seen = facts(loss)
    if seen.bad is not None:
        return _shape(
            "fail", "not a number", f"the loss is no number from step {seen.bad} on", loss, seen,
            seen.bad,
            advice="A lower learning rate, or look for log(0), 0/0 and NaN in the inputs.")
    if seen.n < LEAST:
        return _shape("skip", "too short", f"{seen.n} steps are too few to judge a curve", loss,
                      seen, seen.n)
    if seen.left > 3 and seen.left - 1 > 8 * seen.noise:
        return _shape("warn", "exploding",
                      f"the loss explodes: it ends {seen.left:.3g} times as high as it began", loss,
                      seen, advice="A lower learning rate; clip the gradient's norm.")
    if not falls:
        return _shape("pass", "not asked to fall", "the loss stays finite", loss, seen)
    if seen.left > 1.05 + 3 * _first_error(seen):
        return _shape("warn", "rising", "the loss ends above where it began", loss, seen,
                      advice="Look at the sign of the loss, and lower the learning rate.")
    if seen.left > NO_FALL:
        return _shape(
            "warn", "flat", f"the loss does not fall in {seen.n} steps", loss, seen, advice=
            "Learning rate far too low, or so high that units died at once; update_ratio tells which. "
            "Or gradients that do not arrive.")
    return _fallen(loss, seen)


def _fallen(loss: npt.ArrayLike, seen: Facts) -> CheckResult:
    """A curve that ends lower than it began."""
    back = seen.left - seen.lowest
    if seen.jumps and (back > 0.15 or seen.jumps > 2):
        return _shape(
            "warn", "jumps", f"the loss jumps up {seen.jumps} time{'s' if seen.jumps > 1 else ''}",
            loss, seen,
            advice="A lower learning rate, gradient clipping, or look for a few broken batches.")
    if back > 0.25 and back > 3 * _error(seen):
        return _shape("warn", "rising", "the loss fell and rises again", loss, seen,
                      advice="A lower learning rate.")
    if _error(seen) * 3 > 1 - seen.left:
        return _shape("warn", "noisy", "the noise of single batches drowns the fall", loss, seen,
                      advice="Larger batches, or a lower learning rate.")
    return _shape("pass", "falling", f"the loss falls to {seen.left:.0%} of where it began", loss,
                  seen)


def _error(seen: Facts) -> float:
    """Standard error of a fifth's level (a median's is 1.25 times a mean's), relative to the
    first level.
    """
    return 1.25 * seen.noise * math.sqrt(2 / max(1, seen.n // 5))


def _first_error(seen: Facts) -> float:
    """Standard error of the first level, the median of five steps."""
    return 1.25 * seen.noise / math.sqrt(5)


def _shape(status: Status, shape: str, message: str, loss: npt.ArrayLike, seen: Facts,
           measured: Any = None, advice: str = "") -> CheckResult:
    unit = "" if measured is not None else "of the first level"
    expected = {"not a number": "finite", "too short": f"{LEAST} steps"}.get(shape)
    level = seen.left if np.isfinite(seen.left) and measured is None else measured
    values = np.asarray(loss, np.float64).ravel()
    details = {"train_loss": values, "shape": shape, "jumps": jumps(values[:seen.bad])}
    return CheckResult("curve_shape", status, message, level, expected, unit, advice, _CS231N,
                       details)


def noise_level(loss: npt.ArrayLike, batch_size: int | None = None) -> CheckResult:
    """How much do neighbouring steps differ, relative to the level of the last half of the curve?

    The noise of a mean over a batch falls with the root of its size (S. McCandlish et al., An
    Empirical Model of Large-Batch Training, 2018). It warns where neighbouring steps differ by more
    than the loss has fallen in all.

    Args:
        loss: (n,) training loss of each step. batch_size: samples per step, for the advice.
    """
    name, source = "noise_level", "S. McCandlish et al., An Empirical Model of Large-Batch Training, 2018"
    values = np.asarray(loss, np.float64).ravel()
    seen = facts(values)
    if seen.bad is not None or seen.n < LEAST:
        why = f"the loss is no number from step {seen.bad} on" if seen.bad is not None else f"{seen.n} steps are too few"
        return CheckResult(name, "skip", why, source=source)
    level = max(abs(seen.left), 1e-12)
    share = seen.noise / level
    details = {
        "train_loss": values, "noise": seen.noise * seen.start if seen.bounded else seen.noise,
        "share": share
    }
    more = f" ({4 * batch_size} samples)" if batch_size else ""
    extra: dict[str, Any] = {
        "source": source, "details": details, "unit": "of the level, from step to step", "expected":
        "below 1"
    }
    advice = f"Batches of four times the size{more} halve the noise; or judge on a running mean."
    if seen.noise > max(0.5, 1 - seen.left):
        return CheckResult(name, "warn", "single batches differ by more than the loss has fallen",
                           share, advice=advice, **extra)
    if share > 1:
        return CheckResult(name, "note", "single batches differ by as much as the loss itself",
                           share, advice=advice, **extra)
    return CheckResult(name, "pass", f"neighbouring steps differ by {share:.0%} of the level",
                       share, **extra)


def lr_verdict(loss: npt.ArrayLike, ratio: npt.ArrayLike = (), *, lr: float | None = None,
               falls: bool = True) -> CheckResult:
    """Is the learning rate too high, high, good or low, by the curve and, where known, by the size
    of the updates?

    Args:
        loss: (n,) training loss of each step.
        ratio: (m,) ‖change of the weights in one step‖ / ‖weights‖ at any steps of the same
            stretch, oldest first.
        lr: the learning rate itself, for the advice. falls: whether the loss should fall; without
            it only NaN counts.
    Returns:
        `details["verdict"]`: "too high", "high", "good", "low" or "unknown". A good one is not the
        best one: the curve alone does not know what another rate would have done.
    """
    seen = facts(loss)
    moved = np.asarray(ratio, np.float64).ravel()
    moved = moved[np.isfinite(moved)]
    verdict, why = _verdict(seen, moved, falls)
    status: Status = {"good": "pass", "unknown": "skip"}.get(verdict,
                                                             "warn")  # type: ignore[assignment]
    factor = {"too high": 0.1, "high": 1 / 3, "low":
              10.0 if seen.left > NO_FALL else 3.0}.get(verdict)
    advice = ""
    if factor is not None:
        advice = f"Try {lr * factor:.2g}." if lr else f"Try {'a tenth' if factor == 0.1 else _times(factor)} of it."
    details = {
        "verdict": verdict, "train_loss": np.asarray(loss, np.float64).ravel(), "ratio": moved,
        "lr": lr
    }
    measured = float(np.median(moved)) if len(moved) else None
    word = {"good": "suits", "unknown": "cannot be judged"}.get(verdict, f"is {verdict}")
    return CheckResult("lr_verdict", status, f"the learning rate {word}: {why}", measured,
                       "about 1e-3" if measured is not None else None,
                       "of the weights per step" if measured is not None else "", advice, _CS231N,
                       details)


def _times(factor: float) -> str:
    return "a third" if factor < 1 else f"{factor:.0f} times"


def _verdict(seen: Facts, ratio: Array, falls: bool) -> tuple[Verdict, str]:
    if seen.bad is not None:
        if seen.bad == 0:
            return "unknown", "the loss is no number before any update, so the rate is not to blame"
        return "too high", f"the loss is no number from step {seen.bad} on"
    if seen.n < LEAST:
        return "unknown", f"{seen.n} steps are too few"
    if not falls:
        return "unknown", "this loss need not fall"
    early = float(ratio[:max(1, len(ratio) // 5)].max()) if len(ratio) else 0.0
    middle = float(np.median(ratio)) if len(ratio) else None
    if seen.left > NO_FALL:
        return _of_flat(seen, early, middle)
    return _of_fallen(seen, seen.peak > max(0.3, 6 * seen.noise), middle)


def _of_flat(seen: Facts, early: float, ratio: float | None) -> tuple[Verdict, str]:
    """The verdict on a curve that does not fall. early: largest update of the first fifth."""
    if seen.peak > max(0.05, 6 * seen.noise) or seen.left > 1.05 + 3 * _first_error(seen):
        return "too high", "the loss leapt up and never came down"
    if early > 0.03:
        return "too high", "large steps, and the loss does not fall"
    if ratio is not None and ratio > 1e-3:
        return "unknown", "steps are of a healthy size, but the loss does not fall: look for a bug"
    doubt = "" if ratio is not None else " (or the rate is so high that all units died at once; update_ratio tells)"
    return "low", f"the loss does not fall in {seen.n} steps{doubt}"


def _of_fallen(seen: Facts, leaps: bool, ratio: float | None) -> tuple[Verdict, str]:
    """The verdict on a curve that ends below where it began."""
    back = seen.left - seen.lowest
    if leaps and seen.peak > 0.6 and seen.left > 0.55:
        return "too high", "the loss leapt up and hangs far above the floor"
    if leaps and seen.peak > 0.8 and seen.left > 0.2:
        return "high", "the loss leapt up at first and falls slowly since"
    if back > 0.12 and back > 3 * _error(seen):
        return "high", "the loss fell and rises again"
    slow = seen.n >= LEAST_LOW[ratio is None] and seen.late > 0.42 and seen.left > 0.15
    if slow and (ratio < 2e-3 if ratio is not None else seen.late > 0.46) and not leaps:
        return "low", "the loss falls along a straight line and has far to go"
    return "good", f"the loss falls to {seen.left:.0%} of where it began"
