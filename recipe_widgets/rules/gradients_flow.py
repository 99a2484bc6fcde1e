"""A gradient reaches every parameter in use.

What it finds
    Parameters that change the loss but get no gradient, gradients that are exactly zero, a loss
    without a graph or one that is flat, and layers that are frozen at random values.
Why it hurts
    What gets no gradient never learns. The layers behind it still do, so the loss falls and nobody
    looks.
How to mend
    Look for .detach(), .data, no_grad, .item() and requires_grad on the way from these parameters
    to the loss. Clip the gradient, not the loss.
When it stays silent
    Parameters off this path are only noted, and zero gradients are told only when they stay zero
    after some steps: a head may start at zero. A loss of exactly zero is no flat one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import TRAINCHECK, few
from recipe_widgets.rules.training_evidence import WatchedLoss


@dataclass(frozen=True)
class GradientReach:
    """Names of parameters by what happens to their gradients.

    Attributes:
        detached: they change the loss but get no gradient.
        zero: weights whose gradient stays exactly zero.
        random_frozen: frozen parameters in use whose values differ between initialisations.
        unused: not on this path. all_zero: every gradient is exactly zero.
        no_graph: the loss has no gradient at all.
        pretrained: the detached ones hold values that were not drawn at random here.
    """

    detached: Sequence[str] = ()
    zero: Sequence[str] = ()
    random_frozen: Sequence[str] = ()
    unused: Sequence[str] = ()
    all_zero: bool = False
    no_graph: bool = False
    pretrained: bool = False


@rule(worst="error", source=TRAINCHECK)
def gradients_flow(rule: Rule[GradientReach], seen: GradientReach) -> CheckResult:
    path = ("Look for .detach(), .data, no_grad and requires_grad on the way from these parameters "
            "to the loss.")
    if seen.no_graph:
        return rule.fails("the loss has no gradient at all: its graph is cut", advice=path)
    if seen.all_zero:
        return rule.fails(
            "every gradient is exactly zero although the loss is not: the loss is flat here",
            measured=0.0,
            advice="Is the loss clipped (clamp) instead of the gradient? Are all units dead?")
    rule = rule.about(expected=0, unit="parameters")
    if seen.detached:
        say = rule.notes if seen.pretrained else rule.fails
        return say(f"{few(seen.detached)}: changing it changes the loss, but no gradient comes back",
                   measured=len(seen.detached) + len(seen.zero), advice=path)
    if seen.random_frozen:
        return rule.warns(f"{few(seen.random_frozen)} is frozen at random values",
                          measured=len(seen.random_frozen), advice="Freeze pretrained layers only.")
    if seen.zero:
        return rule.warns(
            f"the gradient of {few(seen.zero)} is exactly zero, even after some steps",
            measured=len(seen.zero),
            advice="Zero weights in front or behind, or units that are dead for all samples.")
    if seen.unused:
        return rule.notes(f"{few(seen.unused)} is not used on this path", measured=len(seen.unused))
    return rule.passes("a gradient reaches every parameter in use", measured=0)


# In a script that is watched

CLIPS = ("Clamp", "Minimum", "Maximum", "Where", "Hardtanh")
NOT_ZERO, CLEARLY_NOT_ZERO = 1e-8, 1e-4  # of the loss; a hinge that has reached zero is not clipped
FEWEST_CUT, CUT_SHARE = 2, 0.3
FEWEST_FLAT, FLAT_SHARE = 3, 0.8


@gradients_flow.register
def flat_loss(rule: Rule[Any], loss: WatchedLoss) -> CheckResult:
    """Is the finished loss clipped, so that nothing comes back?"""
    rule = rule.about(measured=0.0, expected="not zero", unit="gradient")
    count = len(loss.passes)
    cut = [
        one for one in loss.passes
        if one.zero and abs(one.value) > NOT_ZERO and any(clip in operation
                                                          for operation in one.scalars
                                                          for clip in CLIPS)
    ]
    if len(cut) >= max(FEWEST_CUT, CUT_SHARE * count):
        return rule.fails(
            f"the loss itself is clipped (at {cut[-1].value:.3g}): where it is, every gradient is "
            "exactly zero",
            advice="Clip the gradient's norm, torch.nn.utils.clip_grad_norm_, not the loss.")
    flat = [one for one in loss.passes if one.zero and abs(one.value) > CLEARLY_NOT_ZERO]
    if len(flat) >= max(FEWEST_FLAT, FLAT_SHARE * count):
        return rule.warns(
            "the loss is flat: its gradient at the outputs is exactly zero although it is not")
    return rule.passes("gradients come back from the loss")


FEWEST_LEAVES, LEAF_SHARE = 3, 0.5


@dataclass(frozen=True)
class LossWithoutGraph:
    """Backward passes from a tensor that nothing made: a leaf. all: backward passes of the run."""

    times: int
    all: int


@gradients_flow.register
def loss_without_graph(rule: Rule[Any], loss: LossWithoutGraph) -> CheckResult:
    if loss.times < max(FEWEST_LEAVES, LEAF_SHARE * loss.all):
        return rule.passes(f"{loss.times} of {loss.all} losses have no graph")
    return rule.fails(
        "the loss that backward is called on has no graph: it was made anew from numbers, and no "
        "parameter gets a gradient", measured=loss.times, expected=0, unit="backward passes",
        advice="No torch.tensor(loss), .item(), .detach() or requires_grad_() on the way from the "
        "model to loss.backward().")
