"""Every token counts the same, however many stand in its micro-batch.

What it finds
    Accumulated micro-batches that each give the mean over their own targets, where the numbers of
    targets differ: a token of a short batch then weighs many times one of a long batch. A loss mask
    that leaves out the first token of each answer, with which every generation begins.
Why it hurts
    The step is not that of one large batch. Short answers dominate, long ones are hardly learnt,
    and the printed loss is a mean of means.
How to mend
    Sum the losses (reduction="sum") and divide the gradients once, by the number of targets of all
    micro-batches of the step.
When it stays silent
    Where each target counts the same in a step, where the numbers of targets differ by less than
    half, without accumulation, and where each target has a weight of its own. Of masks: where no text
    is generated token by token, or the prompts do not all end with the same token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

UNEVEN = 1.5  # most / fewest targets of a step's micro-batches, in the median; padding to a common
# length in large micro-batches stays below it
FEWEST_STEPS = 3


@dataclass(frozen=True)
class MicroBatchMeans:
    """Attributes:
        spreads: of each step: most / fewest targets in one of its micro-batches where each of
            these counts the same; 1 where each target does. micro_batches: of a step.
    """

    spreads: Sequence[float]
    micro_batches: int


@rule(worst="warning", source="Unsloth and Hugging Face, Fixing Gradient Accumulation, 2024")
def token_weights(rule: Rule[MicroBatchMeans], seen: MicroBatchMeans) -> CheckResult:
    typical = float(np.median(seen.spreads)) if seen.spreads else 1.0
    if len(seen.spreads) >= FEWEST_STEPS and typical >= UNEVEN:
        return rule.warns(
            f"{seen.micro_batches} micro-batches with unequal numbers of targets are averaged one by "
            f"one: a target of the shortest weighs {typical:.3g} times one of the longest",
            measured=typical, expected=1.0, unit="times the weight of another target",
            advice="Use reduction=\"sum\", and divide once by the number of targets of the whole step.")
    return rule.passes("each target counts the same")


FEWEST_STARTS, FEWEST_GENERATED = 20, 8


@dataclass(frozen=True)
class AnswerStarts:
    """What follows the token with which all prompts end.

    Attributes:
        token: its number. generated: texts that began behind it. seen: places in training texts whose
            input is that token and that have a trained place behind them. trained: of these, themselves.
    """

    token: int
    generated: int
    seen: int
    trained: int


@token_weights.register
def answer_starts(rule: Rule[Any], found: AnswerStarts) -> CheckResult:
    if found.generated < FEWEST_GENERATED or found.seen < FEWEST_STARTS or found.trained:
        return rule.passes("the first token of an answer is trained")
    return rule.warns(
        f"texts are generated from prompts that end with token {found.token}, but what follows it is never "
        f"trained: the loss mask leaves out the first token of all {found.seen} answers",
        measured=0, expected=found.seen, unit="first tokens",
        advice="The place that predicts a token is the one before it: the mask is one place off.")
