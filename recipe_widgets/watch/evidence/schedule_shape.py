"""What a scheduler says of its own length, beyond the run, too."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from recipe_widgets.watch.evidence.optimizer_record import SchedulerRecord
from recipe_widgets.watch.evidence.script_objects import ScriptObjectError, ask

_LONGEST_CURVE = 20_000  # calls of a LambdaLR's function that are tried
_LOOK_AHEAD, _LEAST_AHEAD = 50, 1000  # times the calls of the run; calls
_END, _FLOOR = 1e-6, 0.5  # of the peak: the schedule is over; a floor it may end at
_LAST = 0.99  # of the calls that were tried: what comes later is not known to be an end
_LARGEST_RATE = 0.5  # a first factor beyond it may well be no learning rate


@dataclass(frozen=True)
class ScheduleShape:
    """As far as a scheduler tells it; the attributes are those of ScheduleUse."""

    length: int = 0
    warm_up: int = 0
    reached: float = 1.0
    is_rate: bool = False


def shape_of(record: SchedulerRecord, calls: int, position: int) -> ScheduleShape:
    """calls: of its step(). position: in its own count."""
    scheduler, plan = record.scheduler, record.plan
    kind = type(scheduler).__name__
    if kind in ("CosineAnnealingLR", "PolynomialLR", "OneCycleLR"):
        return ScheduleShape(
            int(plan.get("T_max", plan.get("total_iters", plan.get("total_steps", 0)))))
    if kind == "LinearLR":
        start, end, total = scheduler.start_factor, scheduler.end_factor, int(scheduler.total_iters)
        reached = (start + (end - start) * min(1.0, position / max(1, total))) / max(end, 1e-30)
        return ScheduleShape(total) if end < start else ScheduleShape(0, total, reached)
    if kind == "SequentialLR":
        return _shape_of_parts(scheduler, position)
    if kind == "LambdaLR":
        rates = [float(group.get("initial_lr", 0)) for group in scheduler.optimizer.param_groups]
        return _shape_of_function(scheduler.lr_lambdas[0], rates[0], calls, position)
    return ScheduleShape()


def _shape_of_parts(scheduler: Any, position: int) -> ScheduleShape:
    first, last = scheduler._schedulers[0], scheduler._schedulers[-1]
    milestones = list(scheduler._milestones)
    end = getattr(last, "T_max", getattr(last, "total_iters", 0))
    length = milestones[-1] + int(end) if end and milestones else 0
    if type(first).__name__ == "LinearLR" and first.end_factor > first.start_factor and milestones:
        share = min(1.0, position / max(1, first.total_iters))
        reached = first.start_factor + (first.end_factor - first.start_factor) * share
        return ScheduleShape(length, milestones[0], reached / first.end_factor)
    return ScheduleShape(length)


def _shape_of_function(function: Callable[[int], float], rate: float, calls: int,
                       position: int) -> ScheduleShape:
    """Of a LambdaLR: its function is asked beyond the run."""
    ahead = min(_LONGEST_CURVE, max(_LOOK_AHEAD * calls, _LEAST_AHEAD, position + 1))
    values: list[float] = []
    with contextlib.suppress(ScriptObjectError):  # it may not reach so far
        values.extend(ask(_value_at, function, n) for n in range(ahead))
    factors = np.asarray(values)
    if len(factors) <= position or not np.isfinite(factors).all() or factors.max() <= 0:
        return ScheduleShape()
    peak, used = float(factors.max()), float(factors[:position + 1].max())
    is_rate = 0 < rate < _LARGEST_RATE and abs(used - rate) <= 1e-6 * rate
    top = int(np.argmax(factors >= peak * (1 - 1e-9)))
    if top >= _LAST * len(factors):  # it grows for ever
        return ScheduleShape(is_rate=is_rate)
    after = factors[top:]
    # not an exponential, which comes ever nearer to nothing
    over = np.flatnonzero((after[:-1] <= _END * peak) & (after[:-1] <= after[1:]))
    same = np.flatnonzero(after != after[-1])  # constant from the one behind the last of these
    floor = int(same[-1]) + 1 if len(same) and after[-1] < _FLOOR * peak else 0
    length = int(over[0]) if len(over) else floor
    length = top + length if 0 < length < _LAST * len(after) else 0
    return ScheduleShape(length, top, used / peak, is_rate)


def _value_at(function: Callable[[int], float], n: int) -> float:
    return float(function(n))
