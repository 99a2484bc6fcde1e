"""Judgements on memorising: a net that cannot learn a handful by heart has a bug."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from recipe_widgets.core import CheckResult

_KARPATHY = "A. Karpathy, A Recipe for Training Neural Networks, 2019"


def left_over(before: float, after: float, floor: float) -> float:
    """Share of the loss above its floor that training left: 0 is memorised, 1 is no progress."""
    return (after - floor) / max(before - floor, 1e-12)


def overfit_one_batch(before: float, after: float, floor: float, samples: int, steps: int,
                      allowed: float, losses: Sequence[float] = ()) -> CheckResult:
    """Loss of a few samples before and after training on them alone. floor: the least that free
    outputs reach.
    allowed: share of the loss that may be left."""
    name, share = "overfit_one_batch", left_over(before, after, floor)
    facts = {"measured": after, "expected": f"near {floor:.3g}", "source": _KARPATHY,
             "details": {"losses": np.asarray(losses), "left": share}}
    if before - floor < 1e-3 * max(1.0, abs(floor)):
        return CheckResult(name, "pass", "these samples are right from the start",
                           **facts)  # type: ignore[arg-type]
    if not np.isfinite(after) or share > allowed:
        return CheckResult(
            name, "warn", f"{samples} samples cannot be learnt by heart in {steps} steps",
            advice="Look at the loss, the last layer, the optimiser and its regularisation; "
            "checks.overfit_few says which.", **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass", f"{samples} samples are learnt by heart",
                       **facts)  # type: ignore[arg-type]


def overfit_few(own: Mapping[int, float], plain: Mapping[int, float],
                allowed: float) -> CheckResult:
    """Why few samples are not learnt.

    Args:
        own: number of samples -> share of the loss left, with the reader's own settings.
        plain: the same by Adam, without dropout and weight decay.
    """
    name, details = "overfit_few", {
        "samples": list(own), "own": list(own.values()), "plain": list(plain.values())
    }
    most = max(own)
    facts = {
        "measured": max(0.0, own[most]), "expected": f"below {allowed:g}", "unit":
        "of the loss left", "details": details, "source": _KARPATHY
    }
    if own[most] <= allowed:
        return CheckResult(name, "pass", f"{most} samples are learnt by heart",
                           **facts)  # type: ignore[arg-type]
    if plain[most] <= allowed:
        return CheckResult(
            name, "warn",
            f"{most} samples are learnt without dropout and weight decay by Adam, but not "
            "with these settings: regularised too much, or the learning rate does not suit",
            advice="Begin without regularisation.", **facts)  # type: ignore[arg-type]
    if plain[min(plain)] <= allowed:
        return CheckResult(
            name, "warn",
            f"{min(plain)} samples are learnt by heart, {most} are not: the model is too "
            "small or lacks a non-linearity", advice="More units; look for a missing activation.",
            **facts)  # type: ignore[arg-type]
    return CheckResult(
        name, "warn",
        f"not even {min(plain)} samples are learnt by heart: a bug, or outputs that cannot "
        "reach the targets", advice="Look at the last layer, the loss, and gradients_flow.",
        **facts)  # type: ignore[arg-type]


def memorises_random_labels(left: float, samples: int, allowed: float) -> CheckResult:
    name, source = "memorises_random_labels", "C. Zhang et al., Understanding deep learning requires rethinking, 2017"
    facts = {
        "measured": max(0.0, left), "expected": f"below {allowed:g}", "unit": "of the loss left",
        "source": source
    }
    if left > allowed:
        return CheckResult(name, "warn",
                           f"the model cannot learn {samples} random labels: too small, linear, or "
                           "regularised", advice="More units, less regularisation.",
                           **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass",
                       f"it can learn {samples} random labels: capacity is no limit here",
                       **facts)  # type: ignore[arg-type]


def generalisation_onset(samples: Sequence[int], validation: Sequence[float],
                         baseline: float) -> CheckResult:
    """validation: loss after training on so many samples. baseline: loss before any training."""
    name, source = "generalisation_onset", _KARPATHY
    details = {"samples": np.asarray(samples), "validation": np.asarray(validation)}
    onset = next((n for n, loss in zip(samples, validation, strict=True) if loss < 0.95 * baseline),
                 None)
    if onset is None:
        return CheckResult(name, "note",
                           f"up to {max(samples)} samples do not help on the validation set yet",
                           min(validation), f"below {0.95 * baseline:.4g}", source=source,
                           details=details)
    return CheckResult(
        name, "pass",
        f"{onset} samples are enough to do better than at the start on the validation set", onset,
        unit="samples", source=source, details=details)
