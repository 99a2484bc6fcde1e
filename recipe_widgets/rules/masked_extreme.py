"""What is masked out of a search for the largest or smallest number is not what is found.

What it finds
    A maximum, minimum or top-k over numbers of which some were filled so as to be left out (inf,
    -inf, 1e9) that finds the filled ones alone, in every row and every time: the filler has the wrong
    sign for the search.
Why it hurts
    The result says nothing: a hardest negative that is infinitely far away makes a triplet loss of 0,
    whose gradient is 0, too.
How to mend
    Fill with -inf before a maximum, with inf before a minimum; or search in the other direction.
When it stays silent
    Where some rows find another number, where all of a row is masked, and of fillers below 1000.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST = 3  # calls


@dataclass(frozen=True)
class FoundFillers:
    """Searches of one line over numbers that were partly filled.

    Attributes:
        what: "max" or "min". filler: what they were filled with. calls: in all. only: of these, that
            found the filler in each row, though each row holds other numbers.
    """

    what: str
    filler: float
    calls: int
    only: int


@rule(worst="error", source="F. Schroff et al., FaceNet, 2015: hard negatives")
def masked_extreme(rule: Rule[FoundFillers], seen: FoundFillers) -> CheckResult:
    if seen.only < FEWEST or seen.only < seen.calls:
        return rule.passes("what is masked is not found")
    return rule.fails(
        f"{seen.what} finds what was masked: in all of {seen.calls} looks each row gives the filler "
        f"{seen.filler:g}, and none of the numbers beside it", measured=seen.filler,
        advice="Fill with -inf before a maximum and with inf before a minimum, or search in the other "
        "direction.")
