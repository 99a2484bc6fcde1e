"""Weights that the model ties stay one parameter.

What it finds
    Two names that were given the same parameter, and that hold two of them by the time both train:
    after to_empty, a load by assignment, or a copy of each by itself.
Why it hurts
    The two drift apart. A file that leaves one of them out, as files of tied models do, gives it
    the other's values when it is loaded: the training goes on from a model that never existed.
How to mend
    Tie again after to_empty, after load_state_dict(assign=True) and after replacing or copying a layer;
    or copy both in one call of deepcopy.
When it stays silent
    Where the script itself puts another parameter there, or a copy in the place of one of the two, and
    where only one of the two trains.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule


@dataclass(frozen=True)
class BrokenTie:
    """Names of two parameters that were one, and train apart."""

    first: str
    second: str


@rule(worst="error", source="PyTorch, torch.nn.Module.to_empty and load_state_dict(assign=True)")
def tied_weights(rule: Rule[BrokenTie], tie: BrokenTie) -> CheckResult:
    return rule.fails(
        f"the tie is broken: {tie.first} and {tie.second} were one parameter, and are two that "
        "train apart", measured=2, expected=1, unit="parameters",
        advice="Tie again after to_empty, load_state_dict(assign=True) or a copy of each, before the "
        "optimiser is made.")
