"""No sample occurs more than once.

What it finds
    Exact and near copies within and across splits, and equal samples whose labels differ.
Why it hurts
    A copy across splits lets memory pass for understanding; a sample with two labels cannot be
    answered right; copies within a split weigh their sample more than was meant.
How to mend
    Keep one of each, and decide before splitting; look at the pairs in `details`.
When it stays silent
    Copies inside one split are only noted (rare samples may be taken more often on purpose), and so
    are copies of samples with so few possible values that chance makes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import BARZ

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class CopiedSamples:
    """Pairs of samples that are equal or nearly so.

    Attributes:
        exact, near: (n, 4) of whole numbers: split and row of one sample, of the other.
        sizes: samples per split, in the order in which the pairs count them.
        similarity: (n,) of the near pairs.
        by_chance: samples have so few possible values that copies are to be expected.
        clash: pairs of equal samples whose labels differ. only_exact: near ones were not looked
            for.
    """

    exact: Array
    near: Array
    sizes: Mapping[str, int]
    similarity: Array | None = None
    by_chance: bool = False
    clash: int = 0
    only_exact: bool = False


@rule(worst="warning", source=BARZ)
def duplicates(rule: Rule[CopiedSamples], seen: CopiedSamples) -> CheckResult:
    both = (seen.exact, seen.near)
    across = sum(int((pairs[:, 0] != pairs[:, 2]).sum()) for pairs in both if len(pairs))
    copies, alike = (len({(split, row) for split, row in pairs[:, 2:].tolist()}) if len(pairs) else 0
                     for pairs in both)
    parts = [(copies, "exact copies"), (alike, "near copies"), (across, "copies across splits"),
             (seen.clash, "pairs have different labels")]
    said = [f"{count} {words}" for count, words in parts if count]
    rule = rule.about(
        measured=copies + alike, expected=0, unit="copies",
        advice="Keep one of each; decide before splitting, and look at the pairs in details.",
        details={
            "exact": seen.exact, "near": seen.near, "similarity": seen.similarity, "splits":
            tuple(seen.sizes), "sizes": dict(seen.sizes)
        })
    if not said:
        return rule.passes("no exact copies" if seen.only_exact else "no copies")
    text = ", ".join(said) + f" among {max(1, sum(seen.sizes.values()))} samples"
    if seen.by_chance:
        text += "; the samples have few possible values, so copies are to be expected"
    # Copies inside a split may be meant (rare samples taken more often); across splits they never
    # are.
    serious = bool(across or seen.clash) and not seen.by_chance
    return rule.warns(text) if serious else rule.notes(text)
