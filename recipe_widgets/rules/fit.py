"""Over- or underfitting, read from the training and the validation curve."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from recipe_widgets.core import CheckResult, Status
from recipe_widgets.rules.series import Array, first_level

LEAST_LOOKS = 4  # looks at the validation set below which its curve says nothing
Verdict = Literal["overfitting", "underfitting", "still improving", "good", "unknown"]
_ADVICE = {
    "overfitting":
    "Stop at the best step and keep its weights; then more data, augmentation, dropout, weight decay.",
    "underfitting":
    "A larger model, less regularisation, a higher learning rate; overfit_few says whether it is a bug.",
    "still improving": "Train longer.",
}


def fit_diagnosis(
    train_steps: npt.ArrayLike, train_loss: npt.ArrayLike, val_steps: npt.ArrayLike,
    val_loss: npt.ArrayLike, train_accuracy: float | None = None,
    val_accuracy: npt.ArrayLike = ()) -> CheckResult:
    """What the two curves say together, and at which step the validation loss was best.

    Args:
        train_steps, train_loss: (n,) losses of the batches, in training mode. val_steps, val_loss:
            (m,) of the validation set. val_accuracy: (m,) 0 to 1, or nothing. train_accuracy: share
            right in the last batches, or None.
    Returns:
        `details["verdict"]`: "overfitting" (the validation loss turned up while the training loss
        went on down), "underfitting" (both hang far above the floor), "still improving", "good" or
        "unknown"; `details["best_step"]`.
    """
    steps, train = _pair(train_steps, train_loss)
    looks, held = _pair(val_steps, val_loss)
    if len(train) < 10 or len(held) < LEAST_LOOKS:
        return _result(
            "unknown",
            f"needs 10 training losses and {LEAST_LOOKS} looks at the validation set, has "
            f"{len(train)} and {len(held)}", steps, train, looks, held)
    first, shown = first_level(train), _train_at(steps, train, looks)
    if first > 0 and float(np.median(train[-max(10, len(train) // 10):])) > 1.05 * first:
        return _result("unknown",
                       "the training loss itself has risen: see curve_shape and lr_verdict", steps,
                       train, looks, held)
    best, end = int(held.argmin()), float(np.median(held[-3:]))
    scale = max(first, float(held[0])) if min(train.min(), held.min()) >= 0 else float(
        np.ptp([*train, *held]))
    rise, gap = end - float(held[best]), end - float(shown[-1])
    where = f"validation loss was best at step {int(looks[best])} ({held[best]:.4g}) and ends at {end:.4g}"
    if best == len(held) - 1:
        where = f"validation loss is lowest at the end, step {int(looks[best])} ({held[best]:.4g})"
    # The validation loss itself wobbles: a rise counts beside that, and beside the whole scale.
    turned = rise > max(0.02 * scale, 0.1 * float(held[best]),
                        3 * _wobble(held)) and best < len(held) - 2
    if turned and gap > max(0.05 * scale, 0.15 * end):
        said = f"overfitting: {where}, the training loss at {shown[-1]:.4g}"
        return _result("overfitting", said, steps, train, looks, held, best=best, gap=gap)
    scores = np.asarray(val_accuracy, np.float64).ravel()
    # a little way up again
    back = rise > max(0.1 * float(held[best]), 3 * _wobble(held)) and best < len(held) - 2
    falls = not turned and not back and (_falls_on(train, scale) or
                                         (best >= len(held) - 2 and _falls_on(held, scale)))
    if train_accuracy is not None and len(
            scores) and train_accuracy - scores[-1] > 0.1 and gap > 0.05 * scale and not falls:
        verdict, said = "overfitting", f"overfitting: {train_accuracy:.0%} right in training, {scores[-1]:.0%} in validation"
    else:
        verdict, said = _others(falls, gap, end, scale, where)
    return _result(verdict, said, steps, train, looks, held, best=best,
                   gap=gap)  # type: ignore[arg-type]


def _others(falls: bool, gap: float, end: float, scale: float, where: str) -> tuple[Verdict, str]:
    """The verdict where the validation loss has not turned up."""
    if falls:
        return "still improving", f"still improving: {where}"
    if end > 0.33 * scale and gap < 0.15 * end:
        return "underfitting", f"underfitting: training and validation loss both hang at {end / scale:.0%} of the first loss"
    return "good", f"a good fit: {where}"


def _falls_on(curve: Array, scale: float) -> bool:
    """Does the last third of a curve lie below the one before, by a fiftieth of its level and
    beyond the wobble?
    """
    third = max(2, len(curve) // 3)
    before, after = float(np.median(curve[-2 * third:-third])), float(np.median(curve[-third:]))
    return bool(before - after > max(0.02 * abs(before), 0.002 * scale, 5 *
                                     _wobble(curve[-2 * third:]) / third**0.5))


def _wobble(held: Array) -> float:
    """Robust size of the wobble of the validation loss: second differences, so that a bend does
    not count.
    """
    if len(held) < 5:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(held, 2))) / np.sqrt(6))


def _train_at(steps: Array, train: Array, looks: Array) -> Array:
    """The level of the training loss around each look at the validation set."""
    width = max(3, len(train) // 20)
    ends = np.clip(np.searchsorted(steps, looks, side="right"), 1, len(train))
    return np.array([np.median(train[max(0, end - width):end]) for end in ends])


def _pair(steps: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Array, Array]:
    """Both as float64 (n,), up to the first number that is none."""
    x, y = np.asarray(steps, np.float64).ravel(), np.asarray(values, np.float64).ravel()
    wrong = np.flatnonzero(~np.isfinite(y))
    end = int(wrong[0]) if len(wrong) else len(y)
    return x[:end], y[:end]


def _result(verdict: Verdict, message: str, steps: Array, train: Array, looks: Array, held: Array,
            best: int | None = None, gap: float | None = None) -> CheckResult:
    status: dict[Verdict, Status] = {
        "overfitting": "warn", "underfitting": "warn", "still improving": "note", "good": "pass",
        "unknown": "skip"
    }
    details: dict[str, Any] = {
        "verdict": verdict, "train_steps": steps, "train_loss": train, "val_steps": looks,
        "val_loss": held, "best_step": None if best is None else int(looks[best])
    }
    return CheckResult(
        "fit_diagnosis", status[verdict], message, gap, None,
        "validation loss above training loss" if gap is not None else "", _ADVICE.get(verdict, ""),
        "A. Ng, Machine Learning Yearning; I. Goodfellow et al., Deep Learning, 2016, 5.2", details)
