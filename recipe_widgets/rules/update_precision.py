"""What an optimiser computes arrives in the stored weights, from gradients of the right size.

What it finds
    Weights in half precision that most updates leave as they are, since an update is smaller than
    half of the distance between two numbers there; steps on gradients that a GradScaler has
    multiplied (optimizer.step() for scaler.step(optimizer)); a backward pass of the unscaled loss,
    whose gradients the scaler divides all the same; a scaler that skips many steps. Autocast in
    float16 without a GradScaler, whose gradients fall below what float16 holds in full.
Why it hurts
    In bfloat16 neighbouring numbers differ by 1 in 128 to 256: an update of a thousandth of the
    weight is rounded away, each time. Gradients with the scaler's factor of thousands, or divided
    by it, make steps of another size than planned.
How to mend
    Keep the weights in float32 and compute in bfloat16 with torch.autocast, or use an optimiser
    with float32 copies or stochastic rounding; scaler.scale(loss).backward(), scaler.step(optimizer).
When it stays silent
    For optimisers that keep what was rounded away (Kahan sums) or float32 copies of the weights;
    where each optimiser has its own way, as when a scaler serves one of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

UNCHANGED, FEWEST_LOOKS = 0.5, 3  # share of the weights with a gradient
FEWEST_STEPS, STEP_SHARE = 3, 0.5
SKIPPED, FEWEST_UPDATES = 0.3, 20  # of the steps; a scaler finds its factor in the first ones


@dataclass(frozen=True)
class RoundedUpdates:
    """Attributes:
        dtype: of the weights. shares: of those with a gradient that a step left as they were.
        lr: of the last step.
    """

    dtype: str
    shares: Sequence[float]
    lr: float = 0.0


@dataclass(frozen=True)
class ScaledSteps:
    """Steps with a GradScaler.

    Attributes:
        steps: of the optimiser, since its losses are scaled. scaled: of gradients still multiplied.
        unscaled: of gradients divided that were never multiplied.
        updates: of the scaler. skipped: of these, because gradients were infinite.
    """

    steps: int = 0
    scaled: int = 0
    unscaled: int = 0
    updates: int = 0
    skipped: int = 0


@rule(worst="error", source="P. Micikevicius et al., Mixed Precision Training, 2018")
def update_precision(rule: Rule[RoundedUpdates], seen: RoundedUpdates) -> CheckResult:
    if len(seen.shares) < FEWEST_LOOKS:
        return rule.cannot_tell("too few steps")
    share = float(np.median(seen.shares))
    rule = rule.about(measured=share, expected=0, unit="of the weights")
    if share > UNCHANGED:
        return rule.warns(
            f"a step leaves {share:.0%} of the {seen.dtype} weights as they were, although they "
            f"have a gradient: at a learning rate of {seen.lr:.2g} the update is rounded away",
            advice="Keep the weights in float32, and compute in half precision with torch.autocast.")
    return rule.passes(f"{1 - share:.0%} of the weights change in a step")


@update_precision.register
def scaled_steps(rule: Rule[RoundedUpdates], seen: ScaledSteps) -> CheckResult:
    if seen.scaled >= max(FEWEST_STEPS, STEP_SHARE * seen.steps):
        return rule.fails(
            "steps are taken on gradients that still hold the factor of the GradScaler: "
            "optimizer.step() was called in place of scaler.step(optimizer)",
            measured=seen.scaled, expected=0, unit="steps", advice="scaler.step(optimizer)")
    if seen.unscaled >= max(FEWEST_STEPS, STEP_SHARE * seen.steps):
        return rule.fails(
            "the backward pass is that of the unscaled loss, and scaler.step divides its gradients "
            "by the factor all the same: they shrink to almost nothing",
            measured=seen.unscaled, expected=0, unit="steps", advice="scaler.scale(loss).backward()")
    if seen.updates >= FEWEST_UPDATES and seen.skipped > SKIPPED * seen.updates:
        return rule.warns(
            f"the GradScaler skipped {seen.skipped} of {seen.updates} steps: gradients were "
            "infinite", measured=seen.skipped, expected=0, unit="steps",
            advice="Look for what overflows: a logarithm of 0, a division, a large loss.")
    return rule.passes(f"{seen.steps} steps")


TINY = 0.02  # share of the gradient's numbers that are no zero


@dataclass(frozen=True)
class HalfGradients:
    """Backward passes through a forward pass under autocast in float16, without a GradScaler.

    Attributes:
        shares: of the gradient's numbers other than 0 that are smaller than 2^-14, below which
            float16 has fewer bits; of each look.
    """

    shares: Sequence[float]


@update_precision.register
def half_gradients(rule: Rule[Any], seen: HalfGradients) -> CheckResult:
    if len(seen.shares) < FEWEST_LOOKS:
        return rule.cannot_tell("too few steps")
    share = float(np.median(seen.shares))
    if share <= TINY:
        return rule.passes("gradients are large enough for float16")
    return rule.warns(
        "the forward pass runs under autocast in float16, but no GradScaler scales the loss: "
        f"{share:.0%} of the gradient's numbers lie below 6.1e-5, where float16 loses bits, or all",
        measured=share, expected=0, unit="of the gradient",
        advice="scaler = torch.amp.GradScaler(...), scaler.scale(loss).backward(); or bfloat16.")
