"""Axes are moved by permute or transpose, not by a view.

What it finds
    A view or reshape of three axes or more whose new shape is the old one in another order.
Why it hurts
    A view keeps the numbers in their order and only names them anew: what was one picture or one
    position becomes pieces of several.
How to mend
    x.permute(0, 2, 1) where x.view(n, c, t) was meant.
When it stays silent
    When axes are merged or split, and when the axes that change places are of equal length.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_MISTAKES


@dataclass(frozen=True)
class TornAxes:
    """The shape before and after a view."""

    old: tuple[int, ...]
    new: tuple[int, ...]


@rule(worst="error", source=KARPATHY_MISTAKES)
def axes(rule: Rule[TornAxes], view: TornAxes) -> CheckResult:
    return rule.fails(
        f"a view turns {view.old} into {view.new}: it does not move axes but scrambles the numbers",
        measured=str(view.new), advice="Use permute or transpose to move axes.")
