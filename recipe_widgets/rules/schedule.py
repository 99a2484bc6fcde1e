"""A learning-rate schedule fits the run, and is stepped at the pace at which it counts.

What it finds
    A scheduler that is never stepped, or that belongs to an optimiser which takes no step; one that
    was planned in batches and is stepped once per epoch, or the other way round (OneCycleLR,
    CosineAnnealingLR, functions of a LambdaLR); a warm-up that is longer than the run; a rate that
    has all but gone long before the end, also one that is set by hand; one that moves at each
    micro-batch while its length counts steps of the optimiser; a function of LambdaLR that returns a rate where a factor
    is meant; a schedule whose first rate is skipped. A warm-up, set by hand, that begins anew again
    and again; a scheduler that is made anew in each epoch, so that it never leaves its beginning.
Why it hurts
    The rate that the run really used is another one than the plan says.
How to mend
    Call scheduler.step() once per unit of its plan: after each batch for OneCycleLR, after each
    epoch for StepLR and CosineAnnealingLR(T_max=epochs).
When it stays silent
    In runs of fewer than ten steps, in a script that was stopped, and for schedulers that are part
    of another one (SequentialLR steps them when their turn comes), and for cyclic schedules, by
    hand (the rate jumps up, or goes up and down) or as a scheduler. A run that is merely shorter
    than its schedule, and fits none of its counts, gets a note: it may have been stopped early.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_STEPS = 10
PER_BATCH = 0.9  # calls per step from which on it is stepped once per batch
PLANNED_SHARE = 0.25  # of the planned calls, below which it was planned in another unit
STEPS_A_CALL = 2  # of the optimiser; from here on it is not stepped with each batch
SWINGS = 2.5  # half periods of a cosine; up to two are a warm restart on purpose
# The rate has gone: below 1 % of its peak after 30 % of the steps, and below 2 % ever after.
EARLY_SHARE, GONE_EARLY, GONE_LATER = 0.3, 0.01, 0.02
NOTHING, IDLE_SHARE = 1e-4, 0.3  # of the peak; of the steps, that the last of them waste
FALLS_ON_PURPOSE = ("OneCycleLR", "CyclicLR", "ReduceLROnPlateau")
REACHED = 0.5  # of the planned peak, below which a warm-up was cut off
FEWEST_WARM_STEPS = 100  # where it is stepped with each batch; a shorter run is a trial
SHORT, FEWEST_CALLS = 0.67, 3  # of the schedule's length; calls, before a pace can be told
NOTED_SHARE, FEWEST_NOTED = 0.34, 5  # of the schedule's length; calls: one third is hardly begun
SKIPPED = 0.67  # of the first rate, that the first step uses
# Of an accumulation: passes per step; two counts that are one, relative.
FEWEST_PASSES, MICRO_NEAR = 1.5, 0.05
FEWEST_MOVES, WITHIN = 10, 0.5  # of a rate by hand; share of them without a step since the pass before
FALLEN = 0.5  # of the peak, below which a rate that stands still has come to its end


@dataclass(frozen=True)
class ScheduleUse:
    """One learning-rate scheduler.

    Attributes:
        kind: name of its class. calls: of its step(). steps: of its optimiser.
        plan: total_steps, T_max and others, as it was made.
        rates: (step, learning rate) whenever it changed.
        finished: did the script come to its own end?
        other_steps: of all other optimisers. position: in its own count, at the end.
        length: calls until it has come to its end; 0 where that is not known.
        unit: in which other count of the run that length was taken, in words; "" for none.
        warm_up: calls until its highest rate. reached: highest factor that the run came to, of the
            highest there is.
        is_rate: does its function return the learning rate itself?
        first: (rate as it was made, rate of the first step) where it was stepped before that.
        backwards: passes that reached its optimiser.
    """

    kind: str
    calls: int
    steps: int
    plan: Mapping[str, float]
    rates: Sequence[tuple[int, float]] = ()
    finished: bool = True
    other_steps: int = 0
    position: int = 0
    length: int = 0
    unit: str = ""
    warm_up: int = 0
    reached: float = 1.0
    is_rate: bool = False
    first: tuple[float, float] | None = None
    backwards: int = 0

    @property
    def per_batch(self) -> bool:
        return self.calls >= PER_BATCH * self.steps

    @property
    def gone_early(self) -> bool:
        """Has the rate all but gone in the first third, for good?"""
        peak = max((rate for _, rate in self.rates), default=0.0)
        early = [rate for step, rate in self.rates if step <= EARLY_SHARE * self.steps]
        later = [rate for step, rate in self.rates if step >= EARLY_SHARE * self.steps - 1]
        return bool(early) and peak > 0 and early[-1] < GONE_EARLY * peak and max(
            later, default=0.0) < GONE_LATER * peak

    @property
    def idle_share(self) -> float:
        """Share of the steps, the last ones, at a rate of nothing."""
        peak = max((rate for _, rate in self.rates), default=0.0)
        gone = self.steps
        for step, rate in reversed(self.rates):
            if rate >= NOTHING * peak:
                break
            gone = step
        return 1 - gone / max(1, self.steps)


@rule(worst="error", source="PyTorch, torch.optim.lr_scheduler")
def schedule(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult:
    if max(use.steps, use.other_steps) < FEWEST_STEPS or not use.finished:
        return rule.cannot_tell("too few steps")
    if use.steps == 0 and use.calls:
        return rule.fails(
            f"{use.kind} is stepped, but its optimiser takes no step: another one trains, whose "
            "learning rate stays where it starts", measured=0, expected=use.other_steps,
            unit="steps", advice="Make the scheduler from the optimiser that steps.")
    if use.steps < FEWEST_STEPS:
        return rule.cannot_tell("too few steps")
    if use.calls == 0:
        return rule.fails(
            f"{use.kind} is made but never stepped: the learning rate stays where it starts",
            measured=0, expected=use.steps, unit="calls",
            advice="Call scheduler.step() once per epoch (or per batch).")
    # what is surest comes first: a cause, then the course of the rate, which may have several
    looks = (_returned_rate, _planned_in_batches, _stepped_at_micro_batches, _unfinished_warm_up, _counted_in_another_unit,
             _swinging, _gone_early, _idle_end, _skipped_first_rate, _hardly_begun)
    found = next((result for look in looks if (result := look(rule, use)) is not None), None)
    return found or rule.passes(f"{use.kind} is stepped {use.calls} times")


# the factor


def _returned_rate(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult | None:
    if not use.is_rate:
        return None
    return rule.warns(
        "the function of LambdaLR returns learning rates, but its value is multiplied by the "
        "optimiser's own: the rate is the square of what was meant",
        measured=use.rates[-1][1] if use.rates else None, unit="learning rate",
        advice="Return a factor, such as 1.0 for the full rate.")


# the unit in which it counts


def _planned_in_batches(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult | None:
    total = use.plan.get("total_steps", 0)
    if not total or use.calls >= PLANNED_SHARE * total or use.steps <= STEPS_A_CALL * use.calls:
        return None
    return rule.warns(
        f"{use.kind} is planned for {total:.0f} calls and got {use.calls}: it is stepped once "
        "per epoch, but was planned in batches", measured=use.calls, expected=total,
        unit="calls", advice="Step it after each batch.")


def _stepped_at_micro_batches(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult | None:
    passes = use.backwards / use.steps
    ended = abs(use.length - use.steps) <= MICRO_NEAR * use.steps + passes
    if passes < FEWEST_PASSES or not ended or use.calls < PER_BATCH * use.backwards \
            or use.position < FEWEST_PASSES * use.length:
        return None
    return _at_micro_batches(rule, use.kind, use.length, use.steps, passes)


def _at_micro_batches(rule: Rule[Any], kind: str, length: int, steps: int,
                      passes: float) -> CheckResult:
    return rule.warns(
        f"{kind} moves with each of the {passes:.3g} backward passes of a step, but its length of "
        f"{length} counts the {steps} steps of the optimiser: it comes to its end after "
        f"{1 / passes:.0%} of the run", measured=passes, expected=1, unit="moves per step",
        advice="Step it right after optimizer.step().")


def _counted_in_another_unit(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult | None:
    if not use.unit or not FEWEST_CALLS <= use.position < SHORT * use.length:
        return None
    return rule.warns(
        f"{use.kind} comes to its end after {use.length} calls, as many as {use.unit}, but it "
        f"was stepped {use.position} times: the learning rate ends far from its end",
        measured=use.position, expected=use.length, unit="calls",
        advice="Give it the number of times that scheduler.step() is called in the whole run.")


def _swinging(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult | None:
    half_period = use.plan.get("T_max", use.calls)
    if use.kind != "CosineAnnealingLR" or not use.per_batch or use.calls <= SWINGS * half_period:
        return None
    return rule.warns(
        f"CosineAnnealingLR(T_max={half_period:.0f}) is stepped {use.calls} times, once per "
        "batch: the learning rate swings up and down", measured=use.calls, expected=half_period,
        unit="calls", advice="Step it once per epoch, or set T_max to the number of batches.")


def _gone_early(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult | None:
    if not use.per_batch or use.kind in FALLS_ON_PURPOSE or not use.gone_early:
        return None
    rates = [rate for _, rate in use.rates]
    return rule.warns(
        f"{use.kind} is stepped once per batch: after a third of the steps the learning rate "
        "has all but gone", measured=min(rates), expected=max(rates), unit="learning rate",
        advice="Step it once per epoch.", details={"final": rates[-1]})


# its beginning


def _unfinished_warm_up(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult | None:
    a_trial = use.per_batch and use.steps < FEWEST_WARM_STEPS
    if use.warm_up <= use.position or use.reached >= REACHED or a_trial:
        return None
    return rule.warns(
        f"the warm-up of {use.kind} takes {use.warm_up} calls, and the run made "
        f"{use.position}: the learning rate never came above {use.reached:.1%} of its peak",
        measured=use.position, expected=use.warm_up, unit="calls",
        advice="Shorten the warm-up, or step the scheduler at the pace in which it counts.")


def _skipped_first_rate(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult | None:
    if use.first is None or use.first[1] >= SKIPPED * use.first[0]:
        return None
    return rule.warns(
        f"{use.kind} is stepped before the optimiser's first step: the first learning rate of "
        "the schedule is skipped", measured=use.first[1], expected=use.first[0],
        unit="learning rate", advice="Call scheduler.step() after optimizer.step().")


# its end


def _idle_end(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult | None:
    if use.kind in FALLS_ON_PURPOSE or use.idle_share <= IDLE_SHARE:
        return None
    rates = [rate for _, rate in use.rates]
    return rule.warns(
        f"{use.kind} has taken the learning rate to {rates[-1]:.2g}, nothing beside its peak "
        f"of {max(rates):.2g}: the last {use.idle_share:.0%} of the steps change nothing",
        measured=use.idle_share, expected=0, unit="of the steps",
        advice="Stretch the schedule over the whole run.")


def _hardly_begun(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult | None:
    if not FEWEST_NOTED <= use.position < NOTED_SHARE * use.length:
        return None
    return rule.notes(
        f"{use.kind} would come to its end after {use.length} calls and was stepped "
        f"{use.position} times: the learning rate has hardly begun to fall",
        measured=use.position, expected=use.length, unit="calls",
        advice="If the run was not stopped early, give it the number of calls of the run.")


@dataclass(frozen=True)
class HandSchedule:
    """A learning rate that the script sets by itself, as backward passes find it.

    Attributes:
        steps: of the optimiser. passes: backward passes per step. moves: times that the rate had
            changed. within: of these, without a step since the pass before.
        still_since: step from which on it stands still. peak, last: rates.
    """

    steps: int
    passes: int
    moves: int
    within: int
    still_since: int
    peak: float
    last: float


@schedule.register
def hand_schedule(rule: Rule[Any], seen: HandSchedule) -> CheckResult:
    idle = 1 - seen.still_since / max(1, seen.steps)
    if seen.steps < FEWEST_STEPS or not seen.moves:
        return rule.cannot_tell("too few steps, or a constant rate")
    fell = seen.last < FALLEN * seen.peak and seen.moves >= FEWEST_MOVES
    share = seen.still_since * seen.passes / seen.steps
    if fell and seen.passes > 1 and seen.within >= WITHIN * seen.moves \
            and abs(share - 1) <= MICRO_NEAR + seen.passes / seen.steps:
        return _at_micro_batches(rule, "the learning rate, set by hand,", seen.steps, seen.steps,
                                 seen.passes)
    if seen.last <= NOTHING * seen.peak and idle > IDLE_SHARE:
        return rule.warns(
            f"the learning rate has come to {seen.last:.2g}, nothing beside its peak of "
            f"{seen.peak:.2g}: the last {idle:.0%} of the steps change nothing", measured=idle,
            expected=0, unit="of the steps", advice="Stretch the schedule over the whole run.")
    return rule.passes("the learning rate moves to the end")


@dataclass(frozen=True)
class RepeatedWarmUp:
    """A rate that no scheduler sets, and that falls back at once to where it began.

    Attributes:
        times: that it fell back. period: steps from one to the next. low, peak: rates.
    """

    times: int
    period: int
    low: float
    peak: float


@schedule.register
def repeated_warm_up(rule: Rule[Any], seen: RepeatedWarmUp) -> CheckResult:
    return rule.warns(
        f"the learning rate falls back from up to {seen.peak:.2g} to {seen.low:.2g} every {seen.period} "
        f"steps, {seen.times} times, and its warm-up begins anew", measured=seen.times, expected=0,
        unit="times", advice="Count the warm-up in steps of the whole run, not of the epoch.")


@dataclass(frozen=True)
class RemadeScheduler:
    """A scheduler that is made anew for the same optimiser in each epoch.

    Attributes:
        kind: name of its class. times: that it was made. constant: did the rate never change?
    """

    kind: str
    times: int
    constant: bool


@schedule.register
def remade_scheduler(rule: Rule[Any], seen: RemadeScheduler) -> CheckResult:
    what = "the learning rate never changes" if seen.constant else "each epoch has the same rates"
    return rule.warns(
        f"{seen.kind} is made anew in each of {seen.times} epochs: it always is at its beginning, and "
        f"{what}", measured=seen.times, expected=1, unit="schedulers",
        advice="Make it once, before the loop over epochs.")
