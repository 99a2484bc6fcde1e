"""The labels go with the inputs.

What it finds
    Labels that have nothing to do with their inputs: no plain learner does better on samples it has
    not seen than a guess by the classes' shares.
Why it hurts
    Inputs and labels that were shuffled apart train without an error. The training loss may even
    fall, as a large net learns anything by heart.
How to mend
    Shuffle inputs and labels by the same order; look at some pairs right before the model.
When it stays silent
    Below 100 samples or 8 a class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE

SURE = 4.0  # standard errors above chance: one in 30 thousand shuffled data sets reaches it
FEWEST_SAMPLES, FEWEST_PER_CLASS = 100, 8


@dataclass(frozen=True)
class PredictionGain:
    """What a plain learner gains on samples that it has not seen.

    Attributes:
        gain: (N,) probability of the own label, less that of a label drawn at random by its share:
            its mean is 0 when the labels were shuffled.
        classes: K. accuracy: of the predictions. learner: what it was.
    """

    gain: npt.NDArray[Any]
    classes: int
    accuracy: float
    learner: str = ""


@rule(worst="error", source=KARPATHY_RECIPE)
def label_alignment(rule: Rule[PredictionGain], seen: PredictionGain) -> CheckResult:
    gain, samples = seen.gain, len(seen.gain)
    if samples < FEWEST_SAMPLES or samples < FEWEST_PER_CLASS * seen.classes:
        return rule.cannot_tell(f"{samples} samples of {seen.classes} classes are too few to tell")
    sigmas = float(gain.mean() / max(1e-9, gain.std() / math.sqrt(samples)))
    rule = rule.about(
        measured=sigmas, expected=f"above {SURE:g}", unit="standard errors above chance",
        details={"gain": gain, "accuracy": seen.accuracy, "learner": seen.learner})
    if sigmas < SURE:
        return rule.warns(
            "the labels have nothing to do with the inputs: no plain learner beats chance",
            advice="Shuffle inputs and labels by the same order; look at some pairs.")
    return rule.passes("the labels go with the inputs")
