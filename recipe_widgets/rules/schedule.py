"""A learning-rate schedule is stepped, and as often as it was planned.

What it finds
    A scheduler that is never stepped; one that was planned in batches and is stepped once per epoch
    (OneCycleLR); one that was planned in epochs and is stepped once per batch, so that the rate has
    gone after a third of the run, or swings up and down (CosineAnnealingLR).
Why it hurts
    The rate that the run really used is another one than the plan says.
How to mend
    Call scheduler.step() once per unit of its plan: after each batch for OneCycleLR, after each
    epoch for StepLR and CosineAnnealingLR(T_max=epochs).
When it stays silent
    In runs of fewer than ten steps, in a script that was stopped, and for schedulers that are part
    of another one (SequentialLR steps them when their turn comes).
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
FALLS_ON_PURPOSE = ("OneCycleLR", "CyclicLR", "ReduceLROnPlateau")


@dataclass(frozen=True)
class ScheduleUse:
    """One learning-rate scheduler.

    Attributes:
        kind: name of its class. calls: of its step(). steps: of its optimiser.
        plan: total_steps, T_max and others, as it was made.
        rates: (step, learning rate) whenever it changed.
        finished: did the script come to its own end?
    """

    kind: str
    calls: int
    steps: int
    plan: Mapping[str, float]
    rates: Sequence[tuple[int, float]] = ()
    finished: bool = True

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


@rule(worst="error", source="PyTorch, torch.optim.lr_scheduler")
def schedule(rule: Rule[ScheduleUse], use: ScheduleUse) -> CheckResult:
    if use.steps < FEWEST_STEPS or not use.finished:
        return rule.cannot_tell("too few steps")
    if use.calls == 0:
        return rule.fails(
            f"{use.kind} is made but never stepped: the learning rate stays where it starts",
            measured=0, expected=use.steps, unit="calls",
            advice="Call scheduler.step() once per epoch (or per batch).")
    total = use.plan.get("total_steps", 0)
    if total and use.calls < PLANNED_SHARE * total and use.steps > 2 * use.calls:
        return rule.warns(
            f"{use.kind} is planned for {total:.0f} calls and got {use.calls}: it is stepped once "
            "per epoch, but was planned in batches", measured=use.calls, expected=total,
            unit="calls", advice="Step it after each batch.")
    half_period = use.plan.get("T_max", use.calls)
    if use.kind == "CosineAnnealingLR" and use.per_batch and use.calls > SWINGS * half_period:
        return rule.warns(
            f"CosineAnnealingLR(T_max={half_period:.0f}) is stepped {use.calls} times, once per "
            "batch: the learning rate swings up and down", measured=use.calls,
            expected=half_period, unit="calls",
            advice="Step it once per epoch, or set T_max to the number of batches.")
    if use.per_batch and use.kind not in FALLS_ON_PURPOSE and use.gone_early:
        rates = [rate for _, rate in use.rates]
        return rule.warns(
            f"{use.kind} is stepped once per batch: after a third of the steps the learning rate "
            "has all but gone", measured=min(rates), expected=max(rates), unit="learning rate",
            advice="Step it once per epoch.", details={"final": rates[-1]})
    return rule.passes(f"{use.kind} is stepped {use.calls} times")
