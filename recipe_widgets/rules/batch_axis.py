"""Each layer takes for time what is time, and for the batch what is the batch.

What it finds
    Recurrent and attention layers that read the samples of a batch as steps of one sequence: fed
    (batch, length, dim) without batch_first=True, (length, batch, dim) with it, or a table (batch,
    dim) as if it were one sequence. `out[-1]` on an output whose first axis is the batch: the last
    sample in place of the last step.
Why it hurts
    No shape is wrong, so nothing fails. Information flows between samples that have nothing to do
    with one another, and never from step to step.
How to mend
    batch_first=True in the layer, or a transpose in front of it; x.unsqueeze(1) before a recurrent
    layer with batch_first=True for a table; out[:, -1] for the last step.
When it stays silent
    Where it is not known which axis the batch is: neither the loader's batch size nor labels, one
    a sample, tell it. A single sequence whose steps are a batch in order (no shuffling), and
    models whose samples turn out to be independent.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

_TORCH_RNN = "torch.nn.LSTM and torch.nn.MultiheadAttention, argument batch_first"


@dataclass(frozen=True)
class BatchAsTime:
    """A layer whose time axis holds the samples of a batch.

    Attributes:
        layer: its class. batch_first: as it was made.
        samples: of a batch. other: length of the axis that it takes for the batch.
        recurrent: reads step by step; another one attends.
    """

    layer: str
    batch_first: bool
    samples: int
    other: int
    recurrent: bool


@rule(worst="error", source=_TORCH_RNN)
def batch_axis(rule: Rule[BatchAsTime], seen: BatchAsTime) -> CheckResult:
    rule = rule.about(measured=seen.samples, unit="samples as steps", expected=0)
    if seen.other == 1:
        message = (f"{seen.layer} reads the {seen.samples} samples of a batch as one sequence of "
                   f"{seen.samples} steps")
        advice = ("A layer with batch_first=True wants (batch, length, dim): x.unsqueeze(1) makes "
                  "each row a sequence of one step.")
        # attention between the rows of a table is a known design
        return (rule.fails if seen.recurrent else rule.warns)(message, advice=advice)
    if seen.batch_first:
        return rule.fails(
            f"{seen.layer} with batch_first=True gets (length {seen.other}, batch {seen.samples}, "
            "...): it takes the samples of a batch for time steps",
            advice="Leave out the transpose in front of it, or batch_first=True.")
    return rule.fails(
        f"{seen.layer} has batch_first=False, so it wants (length, batch, dim), and gets (batch "
        f"{seen.samples}, length {seen.other}, ...): it takes the samples of a batch for time "
        "steps", advice="Give the layer batch_first=True, or transpose its input.")


@dataclass(frozen=True)
class LastSample:
    """index: into the first axis, the batch, of a recurrent layer's output of this shape."""

    index: int
    shape: tuple[int, ...]


@batch_axis.register
def last_sample(rule: Rule[BatchAsTime], seen: LastSample) -> CheckResult:
    return rule.fails(
        f"out[{seen.index}] of a recurrent layer with batch_first=True is the last sample of the "
        f"batch, not the last step: its output is (batch, length, dim) = {seen.shape}",
        measured=seen.index, advice="out[:, -1] is the last step.")
