"""A recurrent layer begins in the same state each time.

What it finds
    Hidden states of an LSTM, a GRU or an RNN that are drawn at random in every call, in evaluation,
    too.
Why it hurts
    The same input gets another answer each time, and the layer must learn to forget its start. Short
    sequences suffer most.
How to mend
    Zeros, which is the default: leave the state out. Or a parameter that is learnt.
When it stays silent
    When only training draws, as a regulariser, when the state is carried on, and where several
    networks train against each other (noise for a generator).
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST, SHARE = 3, 0.9  # calls; of all calls


@dataclass(frozen=True)
class InitialStates:
    """Calls of recurrent layers by one line. drawn: those whose state was drawn for them.
    in_evaluation: of these, the ones without gradients. several: do several networks train?
    """

    layer: str
    calls: int
    drawn: int
    in_evaluation: int
    several: bool = False


@rule(worst="warning", source="torch.nn.LSTM: h_0 defaults to zeros")
def random_states(rule: Rule[InitialStates], seen: InitialStates) -> CheckResult:
    if seen.drawn >= max(FEWEST, SHARE * seen.calls) and seen.in_evaluation and not seen.several:
        return rule.warns(
            f"the state that the {seen.layer} begins in is drawn at random in every call, in evaluation, "
            "too: the same input gets another answer each time",
            measured=seen.drawn,
            expected=0,
            unit="calls",
            advice="Leave the state out: zeros are the default.",
        )
    return rule.passes("recurrent layers begin in the same state each time")
