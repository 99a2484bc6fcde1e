"""The output at a position depends on earlier inputs only, where the next input is the target.

What it finds
    Outputs before position t that change when the input at t is exchanged; targets that are not
    shifted, so that each is the very token that the model sees at its position.
Why it hurts
    A language model that sees the next token copies it: the loss falls to nothing and generation
    is noise.
How to mend
    Look at the causal mask and at every view and transpose around the heads. The input of a language
    model is tokens[:, :-1], its target tokens[:, 1:].
When it stays silent
    It only notes where the target of a position is not the next input: a model that reads its whole
    input, such as a tagger, may look ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE

ROUNDING = 1e-4  # relative change that float32 may bring


@dataclass(frozen=True)
class FutureLeak:
    """leak: (T,) largest relative change of the outputs before position t when the input at t was
    exchanged. next_token: is the target of each position the next input?
    """

    leak: npt.NDArray[np.float64]
    next_token: bool = True


@rule(worst="error", source=KARPATHY_RECIPE)
def causal_dependence(rule: Rule[FutureLeak], seen: FutureLeak) -> CheckResult:
    worst = float(seen.leak.max(initial=0.0))
    rule = rule.about(measured=worst, details={"leak": seen.leak})
    if worst <= ROUNDING:
        return rule.passes("outputs depend on earlier positions only", expected=0.0)
    if seen.next_token:
        return rule.fails(
            f"the model sees the future: input {int(seen.leak.argmax())} changes earlier outputs, "
            "although the target of each position is the next input", expected=0.0,
            advice="Look at the causal mask and at every view and transpose around the heads.")
    return rule.notes("outputs depend on later positions: right for a model that sees its whole "
                      "input")


@dataclass(frozen=True)
class CopiedInput:
    """The target of each position is the token there, and outputs depend on no later one. steps:
    number of positions.
    """

    steps: int


@causal_dependence.register
def copied_input(rule: Rule[FutureLeak], seen: CopiedInput) -> CheckResult:
    return rule.fails(
        "the targets are not shifted: each is the token that the model sees at its position, so it "
        "learns to copy", measured=seen.steps, unit="positions", expected=0,
        advice="Input tokens[:, :-1], target tokens[:, 1:].")
