"""A training that goes on from a file takes over all that the file holds.

What it finds
    A file with the states of model, optimiser and scheduler, of which the model's alone is loaded,
    or the model's and the optimiser's, before the training goes on. A file without the scheduler's
    state, after which a scheduler of the same plan begins anew on the optimiser's state. A file with
    model and scheduler but no optimiser, whose averages begin anew in the midst of the schedule.
Why it hurts
    Adam's averages, the momentum and the place in the schedule are lost: the loss jumps after each
    resume, and the learning rate begins at its start again.
How to mend
    optimizer.load_state_dict(file["optimizer"]), scheduler.load_state_dict(file["scheduler"]).
When it stays silent
    When the state in the file does not fit the optimiser (another model is fine-tuned), when no
    training follows (the best weights are restored for an evaluation), and where the file holds
    weights alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_STEPS = 5


@dataclass(frozen=True)
class ResumedFile:
    """A file of which the model's weights were loaded.

    Attributes:
        loaded, left: what else it holds and the run could use: "the optimiser", "the scheduler".
        steps: after that.
    """

    left: Sequence[str]
    loaded: Sequence[str] = ()
    steps: int = 0


@rule(worst="warning", source="PyTorch, Saving and loading a general checkpoint")
def resume(rule: Rule[ResumedFile], seen: ResumedFile) -> CheckResult:
    if seen.steps < FEWEST_STEPS or not seen.left:
        return rule.passes("all that the file holds is loaded, or no training follows")
    also = " and ".join(("the model", *seen.loaded))
    return rule.warns(
        f"the training goes on from a file of which {also} is loaded, but not the state of "
        f"{' and '.join(seen.left)}, which it holds", measured=len(seen.left), expected=0,
        unit="states", advice="Call load_state_dict of each with its part of the file.")


@dataclass(frozen=True)
class LostSchedule:
    """An optimiser's state of a file, and a scheduler that begins anew on it.

    Attributes:
        kind: name of the scheduler's class. rate: of the file. planned: the rate that the schedule
            of the file, and this one, are multiples of. steps: after that.
    """

    kind: str
    rate: float
    planned: float
    steps: int


@resume.register
def lost_schedule(rule: Rule[Any], seen: LostSchedule) -> CheckResult:
    if seen.steps < FEWEST_STEPS:
        return rule.passes("no training follows")
    return rule.warns(
        f"the training goes on from a file with the optimiser's state, at a learning rate of "
        f"{seen.rate:.3g} of {seen.planned:.3g}, but {seen.kind} begins anew: the file holds no state "
        "of a scheduler", measured=seen.rate, unit="learning rate",
        advice="Save scheduler.state_dict(), too, and load it.")


@dataclass(frozen=True)
class LostOptimizer:
    """A file with the states of model and scheduler, after which the optimiser begins anew.

    Attributes:
        kind: name of the optimiser's class. parts: what it keeps beside a weight; none: nothing is
            lost. place: of the scheduler in its schedule. steps: of the optimiser after that.
    """

    kind: str
    parts: Sequence[str]
    place: int
    steps: int


@resume.register
def lost_optimizer(rule: Rule[Any], seen: LostOptimizer) -> CheckResult:
    if seen.steps < FEWEST_STEPS or not seen.parts:
        return rule.passes("no training follows, or nothing is lost")
    return rule.warns(
        f"the training goes on at place {seen.place} of its schedule from a file that holds no state "
        f"of the optimiser: {seen.kind} begins anew, and its {' and '.join(seen.parts)} are lost",
        measured=0, expected=len(seen.parts), unit="states kept",
        advice="Save optimizer.state_dict(), too, and load it.")
