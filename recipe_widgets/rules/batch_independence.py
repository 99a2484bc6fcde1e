"""The output of a sample does not depend on the other samples of its batch.

What it finds
    A model in which exchanging one sample of a batch changes the outputs of others, or in which a
    sample's output depends on its place in the batch.
Why it hurts
    A view where permute was meant, or a soft-max over the batch axis, mixes samples without an
    error. The net trains, worse, and its answer changes with its neighbours. A positional encoding
    along the batch tells samples apart, and no steps.
How to mend
    Look for view where permute is meant, a softmax or norm over the batch axis, an RNN without
    batch_first=True, pe[:x.size(0)] on (batch, length, dim).
When it stays silent
    Norm layers are looked at with running statistics, so batch norm is not accused.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE

ROUNDING = 1e-4  # relative change that float32 products of another batch may bring


@dataclass(frozen=True)
class MixedSamples:
    """One sample of a batch was exchanged.

    Attributes:
        moved: largest change of the outputs of the other samples. spread: standard deviation of the
            outputs. own: largest change of the exchanged sample's own output.
    """

    moved: float
    spread: float
    own: float


@rule(worst="error", source=KARPATHY_RECIPE)
def batch_independence(rule: Rule[MixedSamples], seen: MixedSamples) -> CheckResult:
    share = seen.moved / max(seen.spread, seen.own, 1e-12)
    rule = rule.about(measured=share, expected=0.0)
    if share > ROUNDING:
        return rule.fails(
            "samples of a batch are mixed: exchanging one sample changes the outputs of others",
            advice="Look for view where permute is meant, a softmax or norm over the batch axis, "
            "an RNN without batch_first.")
    return rule.passes("each output depends on its own sample only")


@dataclass(frozen=True)
class PlacedSamples:
    """The samples of a batch changed places.

    Attributes:
        moved: largest change of an output, held against the output of the same sample. spread:
            standard deviation of the outputs.
    """

    moved: float
    spread: float


@batch_independence.register
def placed_samples(rule: Rule[MixedSamples], seen: PlacedSamples) -> CheckResult:
    share = seen.moved / max(seen.spread, 1e-12)
    rule = rule.about(measured=share, expected=0.0)
    if share > ROUNDING:
        return rule.fails(
            "the output of a sample depends on its place in the batch",
            advice="Look for a positional encoding that is added along the batch axis, such as "
            "pe[:x.size(0)] on (batch, length, dim): there it is pe[:, :x.size(1)].")
    return rule.passes("the place of a sample in its batch does not matter")
