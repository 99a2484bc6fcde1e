"""Every term of a loss that is built takes part in a backward pass.

What it finds
    A sum of losses of which one part alone is trained on, and a loss that reaches parameters which
    an optimiser holds and no backward pass ever reaches.
Why it hurts
    The term is printed, looks like it is at work, and changes nothing: a regulariser that does not
    regularise, a head that never learns.
How to mend
    Call backward on the whole sum, and return that from the function that computes it. `+=` where
    a second loss overwrites the first.
When it stays silent
    Terms with a backward pass of their own, terms that come in later (a warm-up), sums of numbers
    (.item()), metrics that are no part of a sum, and parts that the loss of another optimiser trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import few

FEWEST_LOOKS = 3


@dataclass(frozen=True)
class DroppedTerm:
    """A sum of losses that is trained on in part only.

    Attributes:
        times: looks at which it was so. terms: of the sum that no backward pass reached.
        whole: looks at which all of it was trained on.
    """

    times: int
    terms: int
    whole: int = 0


@dataclass(frozen=True)
class UntrainedTerm:
    """names: of parameters that a loss reaches and no backward pass ever does."""

    names: Sequence[str]


@rule(worst="error", source="PyTorch, torch.Tensor.backward")
def loss_terms(rule: Rule[DroppedTerm], dropped: DroppedTerm) -> CheckResult:
    if dropped.times < FEWEST_LOOKS or dropped.whole:
        return rule.passes("all terms of the loss are trained on")
    return rule.fails(
        f"a sum of losses is built here, but backward is called on a part of it: {dropped.terms} of "
        "its terms never enter a backward pass", measured=dropped.terms, expected=0, unit="terms",
        advice="Call backward on the whole sum; return it, and not one of its terms.")


@loss_terms.register
def untrained_term(rule: Rule[Any], term: UntrainedTerm) -> CheckResult:
    return rule.warns(
        f"this loss reaches {few(term.names)}, which no backward pass ever does: it is built, and "
        "not trained on", measured=len(term.names), expected=0, unit="parameters",
        advice="Add it to the loss that backward is called on.")
