"""The value after the end of an episode is zero.

What it finds
    Targets reward + discount · value of the next state for every transition of a batch, also for
    those whose next state is never acted from, while the flags that mark them are read from the
    memory and used nowhere.
Why it hurts
    The last step of an episode promises a future that never comes. Good and bad ends get the value of
    what a net makes of a state it was never trained on, and the errors spread to all states before.
How to mend
    reward + discount * (1 - done) * value. Ends by a time limit alone keep the value: store them
    apart (terminated and truncated).
When it stays silent
    When the flags enter the target, the loss or any other computation, and when a state that a flag
    marks is acted from later.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_LOOKS, FEWEST_ENDS, FEWEST_OTHERS = 5, 8, 3
MOST_BY_CHANCE = 1e-3


@dataclass(frozen=True)
class BootstrapTargets:
    """Targets of a batch and the flags beside them.

    Attributes:
        looks: batches. ends, others: different next states that are flagged, and that are not.
        ends_left, others_left: of these, how many are a state that something follows.
    """

    looks: int
    ends: int
    ends_left: int
    others: int
    others_left: int


@rule(worst="warning", source="R. Sutton and A. Barto, Reinforcement Learning, 2018, section 6.1")
def bootstrap_target(rule: Rule[BootstrapTargets], seen: BootstrapTargets) -> CheckResult:
    left = seen.others_left / max(1, seen.others)
    few = seen.looks < FEWEST_LOOKS or seen.others < FEWEST_OTHERS or not seen.ends
    unsure = seen.ends < FEWEST_ENDS and left < 1
    if few or unsure or seen.ends_left or (1 - left)**seen.ends > MOST_BY_CHANCE:
        return rule.passes("no flag is left out that marks the ends of episodes")
    return rule.warns(
        "the target takes the value of the next state also where an episode ends: the flags of the ends "
        "are read and not used", measured=seen.ends, expected=0, unit="ends that are bootstrapped from",
        advice="reward + discount * (1 - done) * value")
