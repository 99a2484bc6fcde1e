"""A target network, a teacher or an average is an object of its own.

What it finds
    One model under two names, of which one says that it should lag behind the other (target,
    teacher, ema, momentum, frozen, reference), that trains and is also called without a gradient.
Why it hurts
    The targets move with every step of what is trained towards them: bootstrapped values run away,
    and a distillation or a penalty against a reference is zero by construction.
How to mend
    target = copy.deepcopy(model). model.to(device) and a second name give the same object.
When it stays silent
    Names that say nothing of the kind, and a method that computes its targets with the model itself
    on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

LAGGING = ("target", "teacher", "ema", "momentum", "frozen", "reference", "ref", "old", "avg",
           "shadow", "slow")


@dataclass(frozen=True)
class SharedTarget:
    """names: of one model in one object, or in one function."""

    names: Sequence[str]


def _lags(name: str) -> bool:
    return not set(LAGGING).isdisjoint(name.lower().split("_"))


@rule(worst="warning", source="V. Mnih et al., Human-level control, 2015")
def target_network(rule: Rule[SharedTarget], shared: SharedTarget) -> CheckResult:
    lagging = [name for name in shared.names if _lags(name)]
    if not lagging or len(lagging) == len(shared.names):
        return rule.passes("one model under several names")
    leading = next(name for name in shared.names if not _lags(name))
    return rule.warns(
        f"{lagging[0]} and {leading} are one and the same object: what should lag behind moves with "
        "every step", measured=1, expected=2, unit="models",
        advice=f"{lagging[0]} = copy.deepcopy({leading})")
