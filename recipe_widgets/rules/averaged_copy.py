"""An averaged copy of a model (EMA, SWA, a mean teacher) follows the model, with all that it needs.

What it finds
    A copy that gets the averaged weights but never the running statistics of its BatchNorm layers,
    and is evaluated with them; a copy whose decay is so near to 1 that it still is what it was at
    the start; a copy that is evaluated again and again and does not follow at all; an average that is
    put into a model for each evaluation and still is, to the bit, what it was at the start. An average whose
    updates go away from the weights (a wrong sign), or nearly all the way to them (the decay and what
    it leaves are swapped, or it is none).
Why it hurts
    The copy is what is evaluated, saved and published: with statistics of another network, or with
    the weights of the start, it says nothing about the training.
How to mend
    Copy the buffers at each update, too, or run torch.optim.swa_utils.update_bn before evaluating;
    a decay whose time, 1 / (1 - decay) steps, is much shorter than the run, or one that warms up.
When it stays silent
    When the copy's statistics are renewed in any way (copied, or by passes in training mode), when
    the model's own stand still, for copies used in each step (teachers, targets, references), and
    in runs of fewer than fifty steps. Of updates: for plain copies, and for a decay that grows.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_STEPS = 50  # before the pace of a copy is judged
LAGS = 0.1  # of the model's way from the start: so little is another network
FEWEST_EVALUATIONS = 3  # of a copy that does not move
FEWEST_WRITTEN = 2  # times that the weights of the start are put anew into a model
FEWEST_AWAY, FEWEST_WHOLE, LATE_STEP = 5, 10, 20
WHOLE, SPREAD = 0.89, 0.02  # of the way; a decay of 0.11 forgets everything in two steps


@dataclass(frozen=True)
class AveragedCopy:
    """A copy of a model that is evaluated and not trained itself.

    Attributes:
        name: of its class. norms: layers whose running statistics stood still although the weights
            moved and the model's own statistics did. steps: of the model, at the last evaluation.
        moved: the copy's way from the start as a share of the model's.
        evaluations: in so many different steps. only_one: is the model itself never evaluated?
        follows: do its weights change between evaluations? If not it may be a snapshot.
    """

    name: str
    norms: int
    steps: int
    moved: float
    evaluations: int
    only_one: bool = False
    follows: bool = False


@rule(worst="error", source="B. Polyak, A. Juditsky, 1992; PyTorch, torch.optim.swa_utils")
def averaged_copy(rule: Rule[AveragedCopy], copy: AveragedCopy) -> CheckResult:
    if copy.norms:
        return rule.fails(
            f"the averaged copy of {copy.name} gets weights, but the running statistics of its "
            f"{copy.norms} norm layers stay those of the start, and it is evaluated with them",
            measured=copy.norms, expected=0, unit="layers",
            advice="Copy the buffers, too, or call update_bn before the evaluation.")
    if copy.steps < FEWEST_STEPS:
        return rule.cannot_tell("too few steps")
    if copy.moved == 0:
        if copy.evaluations >= FEWEST_EVALUATIONS and copy.only_one:
            return rule.warns(
                f"what is evaluated is a copy of {copy.name} that never changes, while the model "
                "itself trains", measured=0, expected=copy.steps, unit="updates",
                advice="Update the copy after each step, or evaluate the model.")
    elif copy.moved < LAGS and copy.follows:
        return rule.warns(
            f"after {copy.steps} steps the averaged copy of {copy.name} has gone {copy.moved:.1%} "
            "of the model's way: it still is what it was at the start",
            measured=copy.moved, expected=1, unit="of the way",
            advice="A smaller decay, or one that grows during the first steps.")
    return rule.passes(f"the copy has gone {copy.moved:.0%} of the model's way")


@dataclass(frozen=True)
class AverageUpdates:
    """rates: share of the way to the weights that an update of their average goes: 1 - decay. last:
    step of the last one. in_a_row: updates that came one step after another.
    """

    rates: Sequence[float]
    last: int
    in_a_row: int


@averaged_copy.register
def average_updates(rule: Rule[Any], seen: AverageUpdates) -> CheckResult:
    rates, usual = seen.rates, statistics.median(seen.rates)
    if len(rates) >= FEWEST_AWAY and max(rates) < 0:
        return rule.fails(
            f"the average of the weights runs away from them: each update goes {-usual:.2g} of the way in "
            "the other direction", measured=usual, expected="1 - decay", unit="of the way",
            advice="average += (1 - decay) * (weight - average).")
    # a target network may be set to the weights now and then
    if min(len(rates), seen.in_a_row) >= FEWEST_WHOLE and seen.last >= LATE_STEP and min(rates) >= WHOLE \
            and max(rates) - min(rates) < SPREAD and max(rates) < 1 + SPREAD:
        return rule.warns(
            f"the average of the weights is none: each update goes {usual:.1%} of the way to the "
            "weights, as though the decay were used the wrong way round", measured=usual,
            expected="1 - decay", unit="of the way",
            advice="average = decay * average + (1 - decay) * weight.")
    return rule.passes(f"each update goes {usual:.2g} of the way")


@dataclass(frozen=True)
class StaleAverage:
    """Evaluations with exactly the weights that a model had before its first step.

    Attributes:
        name: of the model's class. evaluations: in so many different steps, the last at `steps`.
        written: times that those weights were put anew into what is evaluated.
        named: does a line that leads to an evaluation speak of an average? own: was it the model
            itself, which then trained on?
    """

    name: str
    evaluations: int
    written: int
    named: bool
    steps: int
    own: bool = False


@averaged_copy.register
def stale_average(rule: Rule[Any], seen: StaleAverage) -> CheckResult:
    meant = seen.written >= FEWEST_WRITTEN or (seen.named and not seen.own)
    if seen.evaluations < FEWEST_EVALUATIONS or seen.steps < FEWEST_STEPS or not meant:
        return rule.passes("the weights of the start are not evaluated again and again")
    return rule.warns(
        f"what is evaluated as an average of {seen.name} is, to the bit, its weights before the first "
        f"step, still after {seen.steps} steps: the updates reach none of them", measured=0,
        expected=seen.steps, unit="updates",
        advice="Look at which names the update finds: a prefix, as of a wrapper, hides all of them.")
