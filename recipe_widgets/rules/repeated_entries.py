"""What is stored again and again is stored as a copy.

What it finds
    A list, deque or replay buffer that grows while all of its entries are one and the same list,
    array or memory, whose content changes: each new entry overwrites all the older ones. Entries
    that are tuples count, too, by their parts, and state dicts that are the running weights.
Why it hurts
    A buffer of a thousand episodes holds the latest one a thousand times; a history of weights is a
    history of none.
How to mend
    Store a copy (list(x), x.copy(), x.clone(), copy.deepcopy), or begin a new list for each entry in
    place of clearing the old one.
When it stays silent
    Below three entries; when the entries differ, or their content does not change; when the list was
    made as a whole, as [x] * 3 is, and does not grow.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_TIMES = 2


@dataclass(frozen=True)
class RepeatedEntry:
    """A container of the script.

    Attributes:
        name: under which it was found. kind: of what all its entries are. entries: how many.
        times: that it had grown, or was full, and the one entry had changed since the look before.
    """

    name: str
    kind: str
    entries: int
    times: int


@rule(worst="error", source="Python FAQ: how do I create a multidimensional list? (one object, many names)")
def repeated_entries(rule: Rule[RepeatedEntry], seen: RepeatedEntry) -> CheckResult:
    if seen.times < FEWEST_TIMES:
        return rule.passes("entries are objects of their own")
    return rule.fails(
        f"the {seen.entries} entries of `{seen.name}` are one and the same {seen.kind}, which changes: "
        "what is stored last is all that it holds", measured=1, expected=seen.entries,
        unit="different entries", advice="Store a copy of it, or make a new one for each entry.")
