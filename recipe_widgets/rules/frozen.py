"""Only weights that know something are frozen, and those are.

What it finds
    Weights that do not learn and still have the values that an initialisation drew, in front of
    layers that learn. And a freezing that does nothing: module.requires_grad = False, or a
    misspelt attribute of a parameter; or one that a later line undoes for every parameter.
Why it hurts
    The layers behind learn from random features. As a rule the pretrained weights were never
    loaded, or the wrong part was frozen.
How to mend
    Load before freezing; freeze pretrained layers only, with module.requires_grad_(False).
When it stays silent
    When the weights learn at another time (a GAN's discriminator), and when nothing behind them
    learns. A model with low-rank adapters beside its frozen weights gets a note: all layers learn
    through them, whatever they stand beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import few


@dataclass(frozen=True)
class FrozenAtRandom:
    """names: of weights that never learn and are at random values. adapted: do low-rank adapters learn
    beside some of them?
    """

    names: Sequence[str]
    adapted: bool = False


@rule(worst="warning", source="J. Yosinski et al., How transferable are features, 2014")
def frozen(rule: Rule[FrozenAtRandom], weights: FrozenAtRandom) -> CheckResult:
    if not weights.names:
        return rule.passes("no weights are frozen at random values")
    say = rule.notes if weights.adapted else rule.warns
    return say(
        f"{few(weights.names)} is frozen at its random initial values, below layers that learn",
        measured=len(weights.names), expected=0, unit="tensors",
        advice="Freeze pretrained layers only.")


@dataclass(frozen=True)
class IdleFreezing:
    """names: modules and parameters with an attribute that should have frozen them, and does not.
    attribute: its name.
    """

    names: Sequence[str]
    attribute: str


@frozen.register
def idle_freezing(rule: Rule[Any], idle: IdleFreezing) -> CheckResult:
    if not idle.names:
        return rule.passes("nothing is frozen in name only")
    return rule.warns(
        f"{few(idle.names)}.{idle.attribute} = False freezes nothing: torch does not read this "
        "attribute there, and the weights learn", measured=len(idle.names), expected=0,
        unit="attributes", advice="module.requires_grad_(False), or p.requires_grad = False for "
        "each of its parameters.")


@dataclass(frozen=True)
class UndoneFreezing:
    """count: parameters that were frozen, and wanted a gradient again before a model was called, which
    has no others that are frozen. line: where they were frozen.
    """

    count: int
    line: str


@frozen.register
def undone_freezing(rule: Rule[Any], seen: UndoneFreezing) -> CheckResult:
    if not seen.count:
        return rule.passes("what was frozen stays so until something has been trained")
    return rule.warns(
        f"all {seen.count} parameters that are frozen at {seen.line} want a gradient again before anything "
        "is trained: the freezing has no effect",
        measured=seen.count,
        expected=0,
        unit="parameters",
        advice="Freeze after everything that sets requires_grad = True, or leave that line out.",
    )
