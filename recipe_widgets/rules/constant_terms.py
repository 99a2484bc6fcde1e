"""Each term of the loss has a gradient for what is trained.

What it finds
    A loss function's result that has no graph and is added to the loss (both sides of a divergence
    from the teacher, a prediction that was detached), a term made of detached values of the network
    or of gradients without create_graph (a penalty on what a hook has stored), a term whose gradient
    reaches parameters that no optimiser holds, or only such as are cleared unused (the generator's
    loss on a detached fake), and a loss that still holds terms of earlier steps.
Why it hurts
    The term is printed, weighted and tuned, and changes nothing: the weights move as if it were not
    there. Terms of earlier steps make each step slower, and repeat gradients that are out of date.
How to mend
    Build the term from the outputs of the network that trains; add loss.item() to a running total.
When it stays silent
    Where gradients are off, where the number is only logged, for plain numbers and sums that no loss
    function made; where detached values work as a target or a weight, too; and while an optimiser
    takes steps on any parameter behind the term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE

FEWEST, FEWEST_DETACHED = 2, 3


@dataclass(frozen=True)
class ConstantTerm:
    """name: of the function that made it. values: one a pass."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class ForeignTerm:
    """counts: of each look, terms that reach parameters, but none that an optimiser holds."""

    counts: Sequence[int]


@dataclass(frozen=True)
class StaleTerm:
    """times: passes whose loss held terms of the step before."""

    times: int


@dataclass(frozen=True)
class DetachedTerm:
    """values: of a term made of values that the network gave and that lost their graph."""

    values: Sequence[float]


@dataclass(frozen=True)
class UnusedTerm:
    """looks: backward passes. unused: of these, with a term all of whose gradients were cleared before
    a step, while another term's were used.
    """

    looks: int
    unused: int


@rule(worst="warning", source=KARPATHY_RECIPE)
def constant_terms(rule: Rule[ConstantTerm], term: ConstantTerm) -> CheckResult:
    if len(term.values) < FEWEST:
        return rule.passes("each term has a gradient")
    return rule.warns(
        f"a term of the loss, {term.name}, depends on no parameter that is trained: it was added "
        f"{len(term.values)} times and has no gradient", measured=term.values[-1],
        expected="a term with a gradient", unit="value of the term",
        advice="Build it from the outputs of the network that trains; nothing detached on both sides.")


@constant_terms.register
def foreign_term(rule: Rule[Any], term: ForeignTerm) -> CheckResult:
    times = sum(count > 0 for count in term.counts)
    if times >= FEWEST and times == len(term.counts):
        return rule.warns(
            "a term of the loss reaches parameters, but none that an optimiser holds", measured=times,
            expected=0, unit="looks", advice="Is it built from the outputs of another network?")
    return rule.passes("each term reaches what is trained")


@constant_terms.register
def stale_term(rule: Rule[Any], term: StaleTerm) -> CheckResult:
    if term.times >= FEWEST:
        return rule.warns(
            "the loss holds terms of earlier steps: their gradients are added again in each step",
            measured=term.times, expected=0, unit="steps",
            advice="Add loss.item() to a running total, and call backward() on this step's loss alone.")
    return rule.passes("the loss is of this step alone")


@constant_terms.register
def detached_term(rule: Rule[Any], term: DetachedTerm) -> CheckResult:
    if len(term.values) < FEWEST_DETACHED or len(set(term.values)) < FEWEST:
        return rule.passes("each term has a gradient")
    return rule.warns(
        f"a term of the loss is made of values that lost their graph here: it was added "
        f"{len(term.values)} times and has no gradient", measured=term.values[-1],
        expected="a term with a gradient", unit="value of the term",
        advice="Keep the values as they come, without detach(), .data or no_grad; "
        "autograd.grad(..., create_graph=True).")


@constant_terms.register
def unused_term(rule: Rule[Any], term: UnusedTerm) -> CheckResult:
    if term.unused < FEWEST_DETACHED or term.unused < term.looks:
        return rule.passes("a step is taken on each term")
    return rule.warns(
        "a term of the loss has a gradient only for weights that take no step on it: it is cleared "
        "unused each time", measured=term.unused, expected=0, unit="looks",
        advice="Is it built from a detached output of the network that trains?")
