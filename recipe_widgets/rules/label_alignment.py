"""The labels go with the inputs.

What it finds
    Labels that have nothing to do with their inputs: no plain learner does better on samples it has
    not seen than a guess by the classes' shares. In a script that is watched, also the same input
    with other labels in other epochs, a flip over the batch axis, and a teacher's outputs that were
    kept and are looked up for other samples.
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
from recipe_widgets.rules.training_evidence import ProbeAccuracies

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


# In a script that is watched

FEWEST_SEEN_AGAIN, FEWEST_CONTRADICTIONS, CONTRADICTION_SHARE = 50, 10, 0.05
COPIES_IN_BATCH = 0.05  # more: few different inputs exist at all, and may well have several labels


@dataclass(frozen=True)
class RepeatedLabels:
    """repeated: samples seen again in a later pass. contradicting: those that had another label
    then. copies_in_batch: largest share of copies within a batch.
    """

    repeated: int
    contradicting: int
    copies_in_batch: float = 0.0


@label_alignment.register
def labels_repeat(rule: Rule[Any], seen: RepeatedLabels) -> CheckResult:
    few_seen = seen.repeated < FEWEST_SEEN_AGAIN or seen.copies_in_batch > COPIES_IN_BATCH
    if few_seen or seen.contradicting < max(FEWEST_CONTRADICTIONS,
                                            CONTRADICTION_SHARE * seen.repeated):
        return rule.passes("the same input comes with the same label")
    return rule.fails(
        f"the same input comes with other labels in other epochs: {seen.contradicting} of "
        f"{seen.repeated} samples", measured=seen.contradicting, expected=0,
        unit=f"of {seen.repeated}", source=KARPATHY_RECIPE,
        advice="Inputs and labels are reordered apart from one another: look at shuffles and flips "
        "over the batch axis.")


FEWEST_HELD_OUT = 100
CHANCE_ERRORS, LUCK = 3, 0.02  # standard errors of a share; what the probe's own luck adds
WEAK_MODEL = 0.7  # accuracy below which the script's model is in question, too


@label_alignment.register
def labels_told_by_probe(rule: Rule[Any], probe: ProbeAccuracies) -> CheckResult:
    """Do labels have to do with their inputs, as far as a small probe can tell?"""
    error = math.sqrt(probe.chance * (1 - probe.chance) / max(1, probe.held_out))
    noise = CHANCE_ERRORS * error + LUCK
    if probe.model is not None and probe.held_out >= FEWEST_HELD_OUT and max(
            probe.train, probe.model) <= probe.chance + noise:
        return rule.warns(
            "the labels have nothing to do with the inputs, as far as a probe and the script's own "
            "accuracy can tell", measured=probe.train, expected=probe.chance,
            unit="accuracy of a probe", source=KARPATHY_RECIPE,
            advice="Are inputs and labels shuffled apart from one another?")
    if probe.repeats and probe.training_says_less:
        return rule.warns(
            "the training inputs say much less about their labels than those of the evaluation: "
            "they seem not to belong together", measured=probe.train, expected=probe.evaluation,
            unit="accuracy of a probe", source=KARPATHY_RECIPE,
            advice="Shuffle inputs and labels with the same permutation.")
    return rule.passes("inputs tell their labels", measured=probe.train)


@dataclass(frozen=True)
class BatchFlip:
    """A flip of pictures whose axes include the batch."""

    axes: tuple[int, ...]


@label_alignment.register
def flip_over_batch(rule: Rule[Any], flip: BatchFlip) -> CheckResult:
    return rule.warns(
        "the flip runs over the batch axis: the pictures change places, their labels do not",
        measured=str(flip.axes), expected="(2,) or (3,)", unit="axes",
        advice="Flip the last axis.", source="")


FEWEST_TEACHER_STEPS, TEACHER_SHARE = 3, 0.9


@dataclass(frozen=True)
class TeacherRows:
    """Training steps whose loss holds outputs that another model gave at an earlier step, all of them
    to samples of which that model has seen each one of the batch.

    Attributes:
        steps: looked at. apart: of these, in which the rows belong to other samples of the batch's.
    """

    steps: int
    apart: int


@label_alignment.register
def teacher_rows(rule: Rule[Any], seen: TeacherRows) -> CheckResult:
    if seen.apart < max(FEWEST_TEACHER_STEPS, TEACHER_SHARE * seen.steps):
        return rule.passes("kept outputs belong to the samples of the batch")
    return rule.fails(
        f"kept outputs of a model (a teacher) are used as targets of other samples: in {seen.apart} of "
        f"{seen.steps} steps the rows are not those of the batch", measured=seen.apart, expected=0,
        unit="steps", source="G. Hinton et al., Distilling the Knowledge in a Neural Network, 2015",
        advice="Run the teacher on the batch, or look its outputs up by the samples' own numbers.")
