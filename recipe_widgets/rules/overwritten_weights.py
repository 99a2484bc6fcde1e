"""Weights that were loaded are those that training starts from.

What it finds
    Weights that are loaded, and then initialised once more before the model is first called.
Why it hurts
    The training starts at random, while everybody believes in the pretrained start. It works, and
    learns more slowly and less.
How to mend
    Initialise first and load last; initialise new layers only, and not with self.apply(init).
When it stays silent
    When most of what was loaded is still there (a new head, a few layers on purpose), when it was
    scaled, pruned or averaged, and when other weights are loaded on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import few

INITIALISED, REPLACED = 0.5, 0.9  # shares of the weights that were loaded


@dataclass(frozen=True)
class WeightsAfterLoad:
    """Matrices and filters between a load and the first call of the model.

    Attributes:
        loaded: their number. initialised: names of those that an init has filled since.
        replaced: names of those that hold quite other numbers, by whatever hand.
        load_line: where they were loaded.
    """

    loaded: int
    initialised: Sequence[str]
    replaced: Sequence[str] = ()
    load_line: str = ""


@rule(worst="error", source="PyTorch, torch.nn.Module.apply; torch.nn.init")
def overwritten_weights(rule: Rule[WeightsAfterLoad], seen: WeightsAfterLoad) -> CheckResult:
    gone = [*seen.initialised, *seen.replaced]
    rule = rule.about(
        measured=len(gone), expected=0, unit="tensors",
        advice="Initialise first and load last; initialise only what is new.")
    where = f" in {seen.load_line}" if seen.load_line else ""
    if seen.initialised and len(gone) >= INITIALISED * seen.loaded:
        return rule.fails(
            f"{len(gone)} of {seen.loaded} weights that were loaded{where} are initialised again "
            f"before the model is first called ({few(gone, 2)}): what was loaded is lost")
    if len(gone) >= max(2, REPLACED * seen.loaded):
        return rule.warns(
            f"{len(gone)} of {seen.loaded} weights that were loaded{where} hold quite other numbers "
            "when the model is first called: what was loaded is lost")
    return rule.passes(f"{seen.loaded - len(gone)} of {seen.loaded} loaded weights are used")
