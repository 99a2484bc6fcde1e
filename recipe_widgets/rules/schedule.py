"""A learning-rate schedule fits the run, and is stepped at the pace at which it counts.

What it finds
    A scheduler that is never stepped, or that belongs to an optimiser which takes no step; one that
    was planned in batches and is stepped once per epoch, or the other way round (OneCycleLR,
    CosineAnnealingLR, functions of a LambdaLR); a warm-up that is longer than the run; a rate that
    has all but gone long before the end; a function of LambdaLR that returns a rate where a factor
    is meant; a schedule whose first rate is skipped.
Why it hurts
    The rate that the run really used is another one than the plan says.
How to mend
    Call scheduler.step() once per unit of its plan: after each batch for OneCycleLR, after each
    epoch for StepLR and CosineAnnealingLR(T_max=epochs).
When it stays silent
    In runs of fewer than ten steps, in a script that was stopped, and for schedulers that are part
    of another one (SequentialLR steps them when their turn comes). A run that is merely shorter
    than its schedule, and fits none of its counts, gets a note: it may have been stopped early.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST_STEPS = 10
PER_BATCH = 0.9  # calls per step from which on it is stepped once per batch
PLANNED_SHARE = 0.25  # of the planned calls, below which it was planned in another unit
SWINGS = 2.5  # half periods of a cosine; up to two are a warm restart on purpose
# The rate has gone: below 1 % of its peak after 30 % of the steps, and below 2 % ever after.
EARLY_SHARE, GONE_EARLY, GONE_LATER = 0.3, 0.01, 0.02
NOTHING, IDLE_SHARE = 1e-4, 0.3  # of the peak; of the steps, that the last of them waste
FALLS_ON_PURPOSE = ("OneCycleLR", "CyclicLR", "ReduceLROnPlateau")
REACHED = 0.5  # of the planned peak, below which a warm-up was cut off
FEWEST_WARM_STEPS = 100  # where it is stepped with each batch; a shorter run is a trial
SHORT, FEWEST_CALLS = 0.67, 3  # of the schedule's length
NOTED_SHARE, FEWEST_NOTED = 0.34, 5
SKIPPED = 0.67  # of the first rate, that the first step uses


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
    return _against_plan(rule, use)


def _against_plan(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult:
    if use.is_rate:
        return rule.warns(
            "the function of LambdaLR returns learning rates, but its value is multiplied by the "
            "optimiser's own: the rate is the square of what was meant",
            measured=use.rates[-1][1] if use.rates else None, unit="learning rate",
            advice="Return a factor, such as 1.0 for the full rate.")
    total = use.plan.get("total_steps", 0)
    if total and use.calls < PLANNED_SHARE * total and use.steps > 2 * use.calls:
        return rule.warns(
            f"{use.kind} is planned for {total:.0f} calls and got {use.calls}: it is stepped once "
            "per epoch, but was planned in batches", measured=use.calls, expected=total,
            unit="calls", advice="Step it after each batch.")
    if use.warm_up > use.position and use.reached < REACHED and (
            not use.per_batch or use.steps >= FEWEST_WARM_STEPS):
        return rule.warns(
            f"the warm-up of {use.kind} takes {use.warm_up} calls, and the run made "
            f"{use.position}: the learning rate never came above {use.reached:.1%} of its peak",
            measured=use.position, expected=use.warm_up, unit="calls",
            advice="Shorten the warm-up, or step the scheduler at the pace in which it counts.")
    rule = rule.about(measured=use.position, expected=use.length, unit="calls")
    if use.unit and FEWEST_CALLS <= use.position < SHORT * use.length:
        return rule.warns(
            f"{use.kind} comes to its end after {use.length} calls, as many as {use.unit}, but it "
            f"was stepped {use.position} times: the learning rate ends far from its end",
            advice="Give it the number of times that scheduler.step() is called in the whole run.")
    return _of_the_rates(rule, use)


def _of_the_rates(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult:
    half_period = use.plan.get("T_max", use.calls)
    if use.kind == "CosineAnnealingLR" and use.per_batch and use.calls > SWINGS * half_period:
        return rule.warns(
            f"CosineAnnealingLR(T_max={half_period:.0f}) is stepped {use.calls} times, once per "
            "batch: the learning rate swings up and down", measured=use.calls,
            expected=half_period, unit="calls",
            advice="Step it once per epoch, or set T_max to the number of batches.")
    rates = [rate for _, rate in use.rates]
    if use.per_batch and use.kind not in FALLS_ON_PURPOSE and use.gone_early:
        return rule.warns(
            f"{use.kind} is stepped once per batch: after a third of the steps the learning rate "
            "has all but gone", measured=min(rates), expected=max(rates), unit="learning rate",
            advice="Step it once per epoch.", details={"final": rates[-1]})
    if use.kind not in FALLS_ON_PURPOSE and use.idle_share > IDLE_SHARE:
        return rule.warns(
            f"{use.kind} has taken the learning rate to {rates[-1]:.2g}, nothing beside its peak "
            f"of {max(rates):.2g}: the last {use.idle_share:.0%} of the steps change nothing",
            measured=use.idle_share, expected=0, unit="of the steps",
            advice="Stretch the schedule over the whole run.")
    if use.first is not None and use.first[1] < SKIPPED * use.first[0]:
        return rule.warns(
            f"{use.kind} is stepped before the optimiser's first step: the first learning rate of "
            "the schedule is skipped", measured=use.first[1], expected=use.first[0],
            unit="learning rate", advice="Call scheduler.step() after optimizer.step().")
    if FEWEST_NOTED <= use.position < NOTED_SHARE * use.length:
        return rule.notes(
            f"{use.kind} would come to its end after {use.length} calls and was stepped "
            f"{use.position} times: the learning rate has hardly begun to fall",
            advice="If the run was not stopped early, give it the number of calls of the run.")
    return rule.passes(f"{use.kind} is stepped {use.calls} times")
