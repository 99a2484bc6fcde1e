"""Where several layers are meant, there are several.

What it finds
    One module with weights that stands under several names of its container (n * [Block()]), and
    is called several times in a forward pass: on what it made itself, or on the very same input. And
    a batch norm that stands in several parts of a model.
Why it hurts
    n blocks have the weights of one: the net is smaller than it looks, and its gradient is the sum
    over all places. Heads that share their weights all say the same.
How to mend
    Make one each: [Block() for _ in range(n)], or copy.deepcopy(block).
When it stays silent
    A module under one name that is called in a loop, names that are never called twice in a pass,
    and a head that is shared between different inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import few


@dataclass(frozen=True)
class SharedModule:
    """One module under several names of its container.

    Attributes:
        kind, container: their classes. names: in the model.
        calls: at most so many in a forward pass.
        chained: passes in which a call got what an earlier one had made. same_input: passes in
            which two calls got the very same tensor.
    """

    kind: str
    container: str
    names: Sequence[str]
    calls: int
    chained: int = 0
    same_input: int = 0


@rule(worst="warning", source="PyTorch, torch.nn.ModuleList; Python FAQ, lists of lists")
def shared_modules(rule: Rule[SharedModule], seen: SharedModule) -> CheckResult:
    count = len(seen.names)
    if seen.calls < 2 or not (seen.chained or seen.same_input):
        return rule.passes(f"{seen.kind} is called {seen.calls} times in a pass")
    why = ("one after the other: they have the weights of one" if seen.chained else
           "on the same input: they all give the same output")
    return rule.warns(
        f"{few(seen.names)} are one and the same {seen.kind} ({count} names in one {seen.container}), "
        f"called {why}", measured=1, expected=count, unit="modules",
        advice=f"Make one each: [{seen.kind}(...) for _ in range({count})]. If the weights are "
        "shared on purpose, call one name in a loop.")
