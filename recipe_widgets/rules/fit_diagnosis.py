"""The training and the validation curve end well together.

What it finds
    Overfitting (the validation loss turned up while the training loss went on down, or the training
    set is answered far better), underfitting (both hang far above the floor), and runs that are
    still improving. `details["best_step"]` is the step of the lowest validation loss.
Why it hurts
    An overfitted run ends with worse weights than it had; an underfitted one wastes what the data
    could teach; the two ask for opposite changes.
How to mend
    Overfitting: keep the weights of the best step, then more data, augmentation, dropout, weight
    decay. Underfitting: a larger model, less regularisation, a higher learning rate.
When it stays silent
    Below 10 training losses or 4 looks at the validation set, and when the training loss itself has
    risen: curve_shape and lr_verdict speak then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.statistics import ROBUST, Array, first_level

FEWEST_LOOKS = 4  # looks at the validation set below which its curve says nothing
FEWEST_LOSSES = 10  # training losses, for the same reason
ACCURACY_GAP = 0.1  # training above validation accuracy from which on it is overfitting
# Shares of the first loss (scale), of the lowest or of the last validation loss: a rise below them
# is no turn, and a gap below them no overfitting. Set on the small nets of the notebooks.
RISE_OF_SCALE, RISE_OF_LOWEST, WOBBLES = 0.02, 0.1, 3  # and beyond the curve's own wobble
GAP_OF_SCALE, GAP_OF_END = 0.05, 0.15
HANGS = 0.33  # of the scale, at which both losses stay
FALL_OF_LEVEL, FALL_OF_SCALE, FALL_WOBBLES = 0.02, 0.002, 5  # of a curve that still falls
TRAINING_ROSE = 1.05  # last / first training loss: another rule's case
Verdict = Literal["overfitting", "underfitting", "still improving", "good", "unknown"]
ADVICE: dict[Verdict, str] = {
    "overfitting":
    "Stop at the best step and keep its weights; then more data, augmentation, dropout, weight decay.",
    "underfitting":
    "A larger model, less regularisation, a higher learning rate; overfit_few says whether it is a bug.",
    "still improving": "Train longer.",
}


@dataclass(frozen=True)
class TrainAndValidation:
    """The two curves of a run.

    Attributes:
        train_steps, train_loss: (n,) losses of the batches, in training mode.
        val_steps, val_loss: (m,) of the validation set. val_accuracy: (m,) 0 to 1, or nothing.
        train_accuracy: share right in the last batches, or None.
    """

    train_steps: npt.ArrayLike
    train_loss: npt.ArrayLike
    val_steps: npt.ArrayLike
    val_loss: npt.ArrayLike
    train_accuracy: float | None = None
    val_accuracy: npt.ArrayLike = ()


@rule(worst="warning",
      source="A. Ng, Machine Learning Yearning; I. Goodfellow et al., Deep Learning, 2016, 5.2")
def fit_diagnosis(rule: Rule[TrainAndValidation], run: TrainAndValidation) -> CheckResult:
    """`details["verdict"]`: "overfitting", "underfitting", "still improving", "good" or "unknown"."""
    steps, train = _until_no_number(run.train_steps, run.train_loss)
    looks, validation = _until_no_number(run.val_steps, run.val_loss)
    details: dict[str, Any] = {
        "verdict": "unknown", "train_steps": steps, "train_loss": train, "val_steps": looks,
        "val_loss": validation, "best_step": None
    }
    if len(train) < FEWEST_LOSSES or len(validation) < FEWEST_LOOKS:
        return rule.cannot_tell(
            f"needs {FEWEST_LOSSES} training losses and {FEWEST_LOOKS} looks at the validation "
            f"set, has {len(train)} and {len(validation)}", details=details)
    first = first_level(train)
    if first > 0 and float(np.median(train[-max(10, len(train) // 10):])) > TRAINING_ROSE * first:
        return rule.cannot_tell("the training loss itself has risen: see curve_shape and lr_verdict",
                                details=details)
    verdict, message, gap = _verdict(run, steps, train, looks, validation)
    details |= {"verdict": verdict, "best_step": int(looks[validation.argmin()])}
    say = {"good": rule.passes, "still improving": rule.notes}.get(verdict, rule.warns)
    return say(message, measured=gap, unit="validation loss above training loss",
               advice=ADVICE.get(verdict, ""), details=details)


def _verdict(run: TrainAndValidation, steps: Array, train: Array, looks: Array,
             validation: Array) -> tuple[Verdict, str, float]:
    """Verdict, message, and how far the validation loss ends above the training loss."""
    first = first_level(train)
    train_level = _train_level_at(steps, train, looks)
    best, end = int(validation.argmin()), float(np.median(validation[-3:]))
    lowest = float(validation[best])
    nonnegative = min(train.min(), validation.min()) >= 0
    scale = max(first, float(validation[0])) if nonnegative else float(np.ptp([*train, *validation]))
    rise, gap = end - lowest, end - float(train_level[-1])
    where = f"validation loss was best at step {int(looks[best])} ({lowest:.4g}) and ends at {end:.4g}"
    if best == len(validation) - 1:
        where = f"validation loss is lowest at the end, step {int(looks[best])} ({lowest:.4g})"
    # The validation loss itself wobbles: a rise counts beside that, and beside the whole scale.
    wobble, late = WOBBLES * _wobble(validation), best < len(validation) - 2
    turned = late and rise > max(RISE_OF_SCALE * scale, RISE_OF_LOWEST * lowest, wobble)
    if turned and gap > max(GAP_OF_SCALE * scale, GAP_OF_END * end):
        said = f"overfitting: {where}, the training loss at {train_level[-1]:.4g}"
        return "overfitting", said, gap
    scores = np.asarray(run.val_accuracy, np.float64).ravel()
    a_little_up = late and rise > max(RISE_OF_LOWEST * lowest, wobble)
    falls = not turned and not a_little_up and (_falls_on(train, scale) or
                                                (not late and _falls_on(validation, scale)))
    known = run.train_accuracy if len(scores) and not falls else None
    if known is not None and known - scores[-1] > ACCURACY_GAP \
            and gap > GAP_OF_SCALE * scale:
        return ("overfitting", f"overfitting: {known:.0%} right in training, {scores[-1]:.0%} in "
                "validation", gap)
    if falls:
        return "still improving", f"still improving: {where}", gap
    if end > HANGS * scale and gap < GAP_OF_END * end:
        return ("underfitting", "underfitting: training and validation loss both hang at "
                f"{end / scale:.0%} of the first loss", gap)
    return "good", f"a good fit: {where}", gap


def _falls_on(curve: Array, scale: float) -> bool:
    """Does the last third of a curve lie below the one before, by a fiftieth of its level and
    beyond the wobble?
    """
    third = max(2, len(curve) // 3)
    before, after = float(np.median(curve[-2 * third:-third])), float(np.median(curve[-third:]))
    noise = FALL_WOBBLES * _wobble(curve[-2 * third:]) / third**0.5
    return bool(before - after > max(FALL_OF_LEVEL * abs(before), FALL_OF_SCALE * scale,
                                     noise))


def _wobble(curve: Array) -> float:
    """Robust size of a curve's wobble: second differences, so that a bend does not count."""
    if len(curve) < 5:
        return 0.0
    # second differences of independent noise have six times its variance
    return float(ROBUST * np.median(np.abs(np.diff(curve, 2))) / np.sqrt(6))


def _train_level_at(steps: Array, train: Array, looks: Array) -> Array:
    """The level of the training loss around each look at the validation set, (m,)."""
    width = max(3, len(train) // 20)
    ends = np.clip(np.searchsorted(steps, looks, side="right"), 1, len(train))
    return np.array([np.median(train[max(0, end - width):end]) for end in ends])


def _until_no_number(steps: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Array, Array]:
    """Both as float64 (n,), up to the first number that is none."""
    x, y = np.asarray(steps, np.float64).ravel(), np.asarray(values, np.float64).ravel()
    wrong = np.flatnonzero(~np.isfinite(y))
    end = int(wrong[0]) if len(wrong) else len(y)
    return x[:end], y[:end]
