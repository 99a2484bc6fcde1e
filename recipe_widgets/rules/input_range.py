"""The inputs have a size that a net can work with.

What it finds
    NaN or infinity, bytes that were never scaled, inputs with a standard deviation above 20 or
    below 0.03, inputs far from zero for their spread, and one column a hundred times as wide as the
    others, all as they enter the model.
Why it hurts
    Initial weights are scaled for inputs with mean 0 and standard deviation 1. Inputs of 0 to 255
    make the first outputs and gradients a hundred times too large; inputs scaled twice hide the
    differences behind the bias; an offset eats the digits of float32.
How to mend
    Scale to [0, 1], to [-1, 1], or to mean 0 and std 1 of the training set, once, in one function
    for training and evaluation.
When it stays silent
    For whole numbers stored as such (bytes, words, class numbers), about which it only notes; below
    16 samples it judges bytes only; columns that hardly vary, such as the border pixels of digits,
    count by a tenth of the spread of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

# Initial weights keep a standard deviation of about 1; at 20 the first logits of a net with default
# initialisation cost several nats more than a guess. Healthy tables that nobody scaled stay below
# it, bytes lie at 60 to 80.
LARGE = 20.0
SMALL = 0.03  # bytes divided by 255 twice have 0.001, by 255 once 0.2 to 0.4
NARROW = 0.1  # whole range of a column; one-hot and sparse columns vary little, but reach far
BYTES = 50.0  # pixels above this, and none below zero, were never divided by 255
FAR_IN_STDS = 30.0  # |mean| / std of a column: float32 keeps 7 digits, and 1.5 of them are lost
FAR_PICTURE, FAR_PICTURE_IN_STDS = 3.0, 5.0  # mean of all pixels, and the same over their std
WIDE = 100.0  # std of the widest column / of the median one
CONSTANT = 1e-12  # std of a column that does not vary, but for rounding
HIGHEST_BYTE = 255
LEAST_STD = 0.1  # of that of all: a column that hardly varies counts by the others
FEWEST_SAMPLES = 16  # below it a spread is a guess

_ADVICE = "Scale to [0, 1], to [-1, 1], or to mean 0 and std 1 of the training set, once."


@dataclass(frozen=True)
class InputStatistics:
    """Samples as they enter the model, per channel of images or column of tables.

    Attributes:
        mean, std, low, high: each (C,).
        broken: rows with NaN or infinity. samples: how many were looked at.
        whole: the inputs are whole numbers stored as such (bytes).
        image: C counts the channels of images, whose scales ought to be alike.
    """

    mean: npt.ArrayLike
    std: npt.ArrayLike
    low: npt.ArrayLike
    high: npt.ArrayLike
    broken: Sequence[int] = ()
    samples: int = FEWEST_SAMPLES
    whole: bool = False
    image: bool = False


@rule(worst="error",
      source="Y. Bengio, Practical Recommendations for Gradient-Based Training, 2012")
def input_range(rule: Rule[InputStatistics], seen: InputStatistics) -> CheckResult:
    mean, std, low, high = (np.asarray(values, float).ravel()
                            for values in (seen.mean, seen.std, seen.low, seen.high))
    details = {"mean": mean, "std": std, "low": low, "high": high}
    if len(seen.broken):
        return rule.fails(
            f"NaN or infinity in {len(seen.broken)} samples, the first is {seen.broken[0]}",
            measured=len(seen.broken), expected=0, unit="samples",
            advice="Drop these rows or fill the gaps.",
            details={**details, "rows": np.asarray(seen.broken)})
    spread = float(np.sqrt(np.mean(std**2)))
    centre = float(np.abs(mean).max(initial=0.0))
    rule = rule.about(measured=spread, expected="about 1", unit="std", details=details)
    if not (std > CONSTANT).any():
        return rule.warns("all inputs are the same",
                          advice="Look at one sample right before model(x).")
    if seen.whole:
        return rule.notes(f"whole numbers from {low.min():g} to {high.max():g}, not yet scaled",
                          advice=_ADVICE)
    if seen.image and high.max() > BYTES and low.min() >= 0:
        return rule.warns("the inputs are large: bytes that were never scaled?",
                          measured=float(high.max()), expected="about -2 to 3", unit="", advice=_ADVICE)
    if seen.samples < FEWEST_SAMPLES:
        return rule.cannot_tell(f"{seen.samples} samples are too few to judge their spread")
    if spread > LARGE:
        like_bytes = LARGE < high.max() <= HIGHEST_BYTE and low.min() >= 0
        what = ": bytes that were never scaled?" if like_bytes else ""
        return rule.warns(f"the inputs are large{what}", advice=_ADVICE)
    if spread < SMALL and (high - low).max() < NARROW:
        what = ": scaled twice, or by another data set's statistics?" if seen.image else ""
        return rule.warns(f"the inputs are nearly constant, {centre:.3g} ± {spread:.2g}{what}",
                          advice=_ADVICE)
    return _offset_and_widths(rule, mean[std > CONSTANT], std[std > CONSTANT], seen.image)


def _offset_and_widths(rule: Rule[InputStatistics], mean: npt.NDArray[np.float64],
                       std: npt.NDArray[np.float64], image: bool) -> CheckResult:
    """mean, std: (C,) of the columns that vary at all."""
    spread = float(np.sqrt(np.mean(std**2)))
    centre = float(np.abs(mean).max())
    far = float(np.max(np.abs(mean) / np.maximum(std, LEAST_STD * spread)))
    if far > FAR_IN_STDS or (image and centre > FAR_PICTURE and
                             centre > FAR_PICTURE_IN_STDS * spread):
        return rule.warns(
            f"inputs lie far from zero: up to {far:.3g} standard deviations", measured=far,
            expected="below 5" if image else "below 10", unit="|mean| / std",
            advice="Subtract the mean of the training set; float32 loses what is small beside "
            "something large.")
    widest = float(std.max() / np.median(std))
    if widest > WIDE:
        return rule.warns(f"one column is {widest:.3g} times as wide as the others",
                          measured=widest, expected="below 10", unit="largest / median std",
                          advice="Standardise each column by the training set.")
    return rule.passes("the inputs are in a sane range")
