"""Judgements on where the time of a training step goes."""

from __future__ import annotations

from collections.abc import Mapping

from recipe_widgets.core import CheckResult

SLOW_MS = 500.0
_SOURCE = "N. Navab, M. Nießner et al., Introduction to Deep Learning, TUM: over 500 ms a step is trouble"
_REMEDIES = {
    "data":
    "Keep the data in memory as bytes, at the size the net sees; several workers, faster storage, less compression.",
    "forward":
    "Smaller images, a smaller net, a GPU; larger batches where a GPU idles; mixed precision.",
    "backward":
    "Smaller images, a smaller net, a GPU; freeze what need not learn; mixed precision.", "step":
    "A fused optimiser (fused=True), fewer parameters.",
}


def timing(ms: Mapping[str, float], steps_per_epoch: int | None = None,
           epochs: float | None = None) -> CheckResult:
    """Is a step quick enough, what takes most of it, and how long would it all take?

    Args:
        ms: typical milliseconds of "data", "forward", "backward" and "step" (the update), in the
            order of a step; what is not known is left out.
        steps_per_epoch: batches in an epoch. epochs: of the whole run. None where they are not
            known.
    """
    total = sum(ms.values())
    most = max(ms, key=lambda part: ms[part])
    share = ms[most] / total if total else 0.0
    epoch = None if steps_per_epoch is None else total * steps_per_epoch / 1000
    run = None if epoch is None or epochs is None else epoch * epochs
    spent = f"{share:.0%} of it {_words(most)}"
    message = f"{total:.3g} ms a step, {spent}"
    if epoch is not None:
        message += f"; an epoch takes {duration(epoch)}"
    if run is not None:
        message += f", {epochs:g} epochs {duration(run)}"
    details = {
        "ms": dict(ms), "total_ms": total, "dominates": most, "steps_per_epoch": steps_per_epoch,
        "epoch_s": epoch, "run_s": run
    }
    if total > SLOW_MS:
        return CheckResult("timing", "warn", message, total, f"below {SLOW_MS:g}", "ms per step",
                           _REMEDIES[most], _SOURCE, details)
    advice = _REMEDIES["data"] if most == "data" and share > 0.5 else ""
    return CheckResult("timing", "note" if advice else "pass", message, total, f"below {SLOW_MS:g}",
                       "ms per step", advice, _SOURCE, details)


def _words(part: str) -> str:
    return {
        "data": "to get the data", "forward": "in the forward pass", "backward":
        "in the backward pass", "step": "in the optimiser"
    }[part]


def duration(seconds: float) -> str:
    """For example "3.2 s", "12 min", "4.5 h", "3 days"."""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86400:.3g} days"
