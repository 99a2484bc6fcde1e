"""Soft-max and cross-entropy run over the classes, sample by sample.

What it finds
    A soft-max over an axis of length one (its result is 1, its gradient 0, whatever the network
    does), or over axis 0 of three because no axis was given; outputs (N, K, T) that are viewed as
    (N·T, K), so that classes and positions change places; outputs (T, N, K) and targets (N, T) that
    are flattened in different orders.
Why it hurts
    Nothing crashes and the loss is a number, but it compares outputs with the targets of other
    positions, or has no gradient at all.
How to mend
    One output: sigmoid and a binary loss. permute(0, 2, 1) before reshape(-1, K); transpose outputs
    or targets before both are flattened; softmax(dim=-1).
When it stays silent
    Where only some calls have an axis of length one (a sequence of one token), and where the shapes
    before the view are not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.evidence import AGREEMENT
from recipe_widgets.rules.rulebook import Rule, rule

FEWEST = 2  # calls
Shape = tuple[int, ...]


@dataclass(frozen=True)
class OneClassSoftmax:
    """calls of one line, and how many of them ran over an axis of length one. in_model: inside of a
    network and not its output, so that it may be an attention over one position.
    """

    calls: int
    single: int
    in_model: bool = False


@dataclass(frozen=True)
class ImplicitAxis:
    """times: soft-max without an axis of a tensor with three, for which it takes axis 0."""

    times: int


@dataclass(frozen=True)
class FlattenedOutputs:
    """Calls of a loss on outputs (M, K) and targets (M,).

    Attributes:
        torn: (shape of the outputs before, after) where the classes were not the last axis.
        crossed: (shape of the outputs, of the targets) before both were flattened, where these
            have batch and position the other way round.
    """

    calls: int
    torn: Sequence[tuple[Shape, Shape]] = ()
    crossed: Sequence[tuple[Shape, Shape]] = ()


@rule(worst="error", source="PyTorch, CrossEntropyLoss: shape")
def class_axis(rule: Rule[OneClassSoftmax], seen: OneClassSoftmax) -> CheckResult:
    if seen.calls >= FEWEST and seen.single == seen.calls:
        say = rule.notes if seen.in_model else rule.fails
        return say(
            "a soft-max runs over an axis of length one: its result is always 1 and its gradient 0",
            measured=1, expected="2 or more", unit="classes",
            advice="One output for two classes: sigmoid and binary cross-entropy. Or dim is the wrong axis.")
    return rule.passes("soft-max has something to choose from")


@class_axis.register
def implicit_axis(rule: Rule[Any], seen: ImplicitAxis) -> CheckResult:
    if seen.times >= FEWEST:
        return rule.fails(
            "a soft-max without dim takes axis 0 of three: it runs over the batch, or over time",
            measured=0, expected=-1, unit="axis", advice="softmax(x, dim=-1)")
    return rule.passes("soft-max has an axis")


@class_axis.register
def flattened_outputs(rule: Rule[Any], seen: FlattenedOutputs) -> CheckResult:
    least = max(FEWEST, AGREEMENT * seen.calls)
    if len(seen.torn) >= least:
        before, after = seen.torn[-1]
        return rule.fails(
            f"outputs {before} are viewed as {after}: rows mix {before[1]} classes with positions",
            advice=f"Move the classes to the end first: permute, then reshape(-1, {before[1]}).")
    if len(seen.crossed) >= least:
        outputs, targets = seen.crossed[-1]
        return rule.fails(
            f"outputs {outputs} and targets {targets} are flattened in different orders: outputs meet "
            "the targets of other samples", advice="Transpose one of them first.")
    return rule.passes("outputs and targets are flattened alike")
