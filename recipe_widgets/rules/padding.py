"""Padding changes nothing.

What it finds
    The last step of a padded batch, which is padding in all but the longest sequences; a step
    behind the end of its sequence; a mean over padded steps; a mask that hides the sequence and
    shows the padding; a model whose answer to a sample changes with the padding behind it, or in
    front of it though it is given a mask.
Why it hurts
    Most samples are judged by zeros, or each by the longest of its batch. Training goes on, on
    what little is left.
How to mend
    out[torch.arange(len(out)), lengths - 1], or h_n of the packed call, is the last true step.
    A mean divides by the sequence's own length. nn.MultiheadAttention ignores where
    key_padding_mask is True; scaled_dot_product_attention looks where attn_mask is True.
When it stays silent
    Sequences of one length, padding in front that nobody tells the model of, loops over all steps,
    and convolutions, whose borders always see a little of the padding.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

_LARGE = 0.1  # of the outputs' standard deviation: more than noise of training
ROUNDING = 1e-3  # a shorter product in float32 rounds in another way
_LAST = "out[torch.arange(len(out)), lengths - 1] is each sequence's own last step; so is h_n."


@dataclass(frozen=True)
class PaddedSteps:
    """A step was taken out of a padded output.

    Attributes:
        padding: of how many rows it is padding. rows: in all. per_row: each row at a step of its
            own, else all rows at the last one.
    """

    padding: int
    rows: int
    per_row: bool = False


@rule(worst="error", source="torch.nn.utils.rnn.pad_packed_sequence; "
      "torch.nn.MultiheadAttention, argument key_padding_mask")
def padding(rule: Rule[PaddedSteps], seen: PaddedSteps) -> CheckResult:
    rule = rule.about(measured=seen.padding, unit=f"of {seen.rows} rows", expected=0)
    if seen.per_row:
        return rule.fails(
            "the step that is taken lies behind the end of its sequence: it is padding",
            advice="The last step is lengths - 1. " + _LAST)
    return rule.fails(
        "the last step of a padded batch is taken: in shorter sequences that is padding, not the "
        "last true step", advice=_LAST)


@dataclass(frozen=True)
class PaddedMean:
    """A mean over the steps of a padded output. shortest, longest: sequence of the batch."""

    shortest: int
    longest: int


@padding.register
def padded_mean(rule: Rule[PaddedSteps], seen: PaddedMean) -> CheckResult:
    return rule.warns(
        f"a mean over time counts the padding: a sequence of {seen.shortest} steps is divided by "
        f"{seen.longest}, the longest of its batch", measured=seen.longest,
        expected=seen.shortest,
        advice="Divide the sum over time by each sequence's own length.")


@dataclass(frozen=True)
class InvertedMask:
    """An attention mask that is the opposite of where the padding is. call: whose mask."""

    call: str


@padding.register
def inverted_mask(rule: Rule[PaddedSteps], seen: InvertedMask) -> CheckResult:
    return rule.fails(
        f"the mask of {seen.call} is inverted: it hides every token and shows the padding",
        advice="key_padding_mask and masked_fill hide where the mask is True; the attn_mask of "
        "scaled_dot_product_attention shows where it is True.")


@dataclass(frozen=True)
class PaddingEffect:
    """The padding of a sample was cut off, and nothing else was changed.

    Attributes:
        change: of its output, in standard deviations of all outputs.
        told: does the model know where the padding is (mask, lengths, padding_idx)?
        varies: is the padded length another one in other batches?
        in_front: was the padding before the sample, and not behind it?
    """

    change: float
    told: bool
    varies: bool
    in_front: bool = False


@padding.register
def padding_effect(rule: Rule[PaddedSteps], seen: PaddingEffect) -> CheckResult:
    rule = rule.about(measured=seen.change, expected=0.0)
    if seen.change <= (ROUNDING if seen.told else _LARGE):
        return rule.passes("the padding of a sample does not change its output")
    if seen.in_front:
        return _padding_in_front(rule, seen)
    message = "the output of a sample changes with the padding behind it"
    advice = ("Pack the sequences, give the attention a key_padding_mask, and take means and last "
              "steps over true steps only.")
    if seen.change > _LARGE and (seen.told or seen.varies):
        why = (", though the model is told where the padding is"
               if seen.told else ", and so with the longest sample of its batch")
        return rule.warns(message + why, advice=advice)
    return rule.notes(message + ": it is the same in every batch, so the model can learn it",
                      advice=advice)


def _padding_in_front(rule: Rule[PaddedSteps], seen: PaddingEffect) -> CheckResult:
    if seen.change > _LARGE and seen.told:
        return rule.warns(
            "the output of a sample changes with the padding in front of it, though the model is "
            "given a mask: as a rule the positions are counted from the padding on",
            advice="Positions of the tokens themselves: (mask.cumsum(1) - 1).clamp(min=0).",
        )
    return rule.passes("nobody tells the model where the padding in front is")
