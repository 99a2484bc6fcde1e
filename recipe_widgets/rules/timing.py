"""A training step takes less than half a second.

What it finds
    Steps of more than 500 ms (a warning) and steps that mostly wait for data (a note), with the
    part that takes most of the time and how long an epoch takes.
Why it hurts
    Slow steps mean few experiments. A GPU that waits for data costs the same as one that works.
How to mend
    Data: keep it in memory as bytes, at the size the net sees; several workers. Forward and
    backward: smaller images or net, a GPU, mixed precision. Update: a fused optimiser.
When it stays silent
    Below 500 ms a step with data as the smaller part. In run_all it only notes, as it says more
    about the machine than about the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

SLOW_MS = 500.0  # milliseconds a step, from the lecture below
WAITS_FOR_DATA = 0.5  # share of the step
REMEDIES = {
    "data":
    "Keep the data in memory as bytes, at the size the net sees; several workers, faster storage, "
    "less compression.",
    "forward":
    "Smaller images, a smaller net, a GPU; larger batches where a GPU idles; mixed precision.",
    "backward":
    "Smaller images, a smaller net, a GPU; freeze what need not learn; mixed precision.",
    "step": "A fused optimiser (fused=True), fewer parameters.",
}
PARTS = {
    "data": "to get the data", "forward": "in the forward pass", "backward": "in the backward pass",
    "step": "in the optimiser"
}


@dataclass(frozen=True)
class StepTimes:
    """Where the time of a training step goes.

    Attributes:
        ms: typical milliseconds of "data", "forward", "backward" and "step" (the update), in the
            order of a step; what is not known is left out.
        steps_per_epoch: batches in an epoch. epochs: of the whole run. None where not known.
    """

    ms: Mapping[str, float]
    steps_per_epoch: int | None = None
    epochs: float | None = None


@rule(worst="warning",
      source="N. Navab, M. Nießner et al., Introduction to Deep Learning, TUM: over 500 ms a step is "
      "trouble")
def timing(rule: Rule[StepTimes], times: StepTimes) -> CheckResult:
    total = sum(times.ms.values())
    most = max(times.ms, key=lambda part: times.ms[part])
    share = times.ms[most] / total if total else 0.0
    epoch = None if times.steps_per_epoch is None else total * times.steps_per_epoch / 1000  # s
    run = None if epoch is None or times.epochs is None else epoch * times.epochs
    message = f"{total:.3g} ms a step, {share:.0%} of it {PARTS[most]}"
    if epoch is not None:
        message += f"; an epoch takes {duration(epoch)}"
    if run is not None:
        message += f", {times.epochs:g} epochs {duration(run)}"
    details = {
        "ms": dict(times.ms), "total_ms": total, "dominates": most, "steps_per_epoch":
        times.steps_per_epoch, "epoch_s": epoch, "run_s": run
    }
    rule = rule.about(measured=total, expected=f"below {SLOW_MS:g}", unit="ms per step",
                      details=details)
    if total > SLOW_MS:
        return rule.warns(message, advice=REMEDIES[most])
    if most == "data" and share > WAITS_FOR_DATA:
        return rule.notes(message, advice=REMEDIES["data"])
    return rule.passes(message)


def duration(seconds: float) -> str:
    """For example "3.2 s", "12 min", "4.5 h", "3 days"."""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86400:.3g} days"
