"""A hidden state is handed on only to what continues the same sequence.

What it finds
    A recurrent layer that starts a batch from the state that another batch left, although the
    samples come in random order.
Why it hurts
    Each sample starts from what a stranger left, and its answer depends on the batch before.
How to mend
    No state (zeros) for samples of their own.
When it stays silent
    Batches in order, which may continue one another, pieces of one loaded batch, states that are
    learnt or drawn at random, and those of an encoder.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule


@dataclass(frozen=True)
class CarriedState:
    """A recurrent layer began a shuffled batch with the state that the one before left. times: that
    this was seen.
    """

    times: int


@rule(worst="warning", source="PyTorch examples, word_language_model: init_hidden")
def carried_state(rule: Rule[CarriedState], seen: CarriedState) -> CheckResult:
    return rule.warns(
        "a recurrent layer starts from the state that another batch left, although the samples "
        "come in random order", measured=seen.times, unit="times",
        advice="Start each batch of unrelated samples without a state.")
