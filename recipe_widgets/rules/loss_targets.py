"""A loss gets inputs and targets of the kind that it is made for.

What it finds
    Targets outside [0, 1] for a binary cross-entropy with logits; targets 0 and 1 for losses that
    want -1 and 1; several ones in a row for cross-entropy, or one-hot rows along another axis;
    targets that a last sigmoid or tanh can never reach; smoothed labels that are lifted by another
    amount than label smoothing has; kl_div on inputs that are no
    log-probabilities, or with reduction="mean"; ctc_loss on logits; poisson_nll_loss on rates where
    it wants their logarithms.
Why it hurts
    The formula is computed all the same: nothing crashes, and the minimum of the number lies
    somewhere else than the task's.
How to mend
    Bring the targets, or the last activation, to what the page of the loss in PyTorch's
    documentation says.
When it stays silent
    When less than three quarters of the looks agree, about single targets a hair outside, and about
    losses that are written by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.evidence import AGREEMENT
from recipe_widgets.rules.rulebook import Rule, rule

OUT_OF_REACH = 0.02  # share of targets that the activation can never give
SAME = 1e-5  # of two targets
NO_DISTRIBUTION = 0.02  # gap of a sum of probabilities from one


@dataclass(frozen=True)
class LossInputs:
    """One call of a loss.

    Attributes:
        kind: regression, bce, bce_logits, signed, soft_labels, kl_div, ctc, poisson.
        name: of the function. made_by: the operation that made its input.
        low, high: of the targets. binary: all of them are 0 or 1.
        above_one, below_zero, below_minus_one: shares of the targets.
        exp_gap: how far the sums of probabilities, over the axis that the loss means, are from 1.
        other_gap: the same over the last axis. target_sum: the largest sum of target probabilities.
        classes: length of the axis of kl_div, or of smoothed labels. smoothed: the two values of all
            targets, where both are above 0 and there is one of the larger ones in a row.
    """

    kind: str
    name: str = ""
    made_by: str = ""
    low: float = 0.0
    high: float = 0.0
    binary: bool = False
    above_one: float = 0.0
    below_zero: float = 0.0
    below_minus_one: float = 0.0
    exp_gap: float = 0.0
    other_gap: float = 0.0
    target_sum: float = 1.0
    classes: int = 0
    reduction: str = "mean"
    dimensions: int = 2
    smoothed: tuple[float, float] | None = None


@rule(worst="error", source="PyTorch, documentation of torch.nn: loss functions")
def loss_targets(rule: Rule[tuple[LossInputs, ...]], looks: tuple[LossInputs, ...]) -> CheckResult:
    results = [_JUDGES[one.kind](rule, one) for one in looks]
    bad = [one for one in results if not one.ok]
    if bad and len(bad) >= AGREEMENT * len(results):
        return bad[-1]
    return rule.passes("inputs and targets suit the loss")


_Judge = Callable[[Rule[tuple[LossInputs, ...]], LossInputs], CheckResult]


def _numbers(rule: Rule[tuple[LossInputs, ...]], one: LossInputs) -> CheckResult:
    reach = {"Sigmoid": (one.above_one + one.below_zero, "0 to 1"),
             "Tanh": (one.above_one + one.below_minus_one, "-1 to 1")}
    outside, between = reach.get(one.made_by, (0.0, ""))
    if outside > OUT_OF_REACH:
        return rule.fails(
            f"a {one.made_by.lower()} is the last layer and gives {between}: {outside:.0%} of the "
            "targets lie outside", measured=outside, expected=0.0, unit="of the targets",
            advice="Drop the last activation, or scale the targets into its range.")
    return rule.passes("the targets are in reach")


def _binary(rule: Rule[tuple[LossInputs, ...]], one: LossInputs) -> CheckResult:
    outside = one.above_one + one.below_zero
    if one.smoothed is not None and outside <= OUT_OF_REACH:
        return _smoothed(rule, one, *one.smoothed)
    if outside > OUT_OF_REACH:
        return rule.fails(
            f"{one.name} gets targets from {one.low:g} to {one.high:g}, but wants 0 to 1: the loss "
            "has no minimum", measured=one.high if one.above_one else one.low, expected="0 to 1",
            unit="target", advice="Scale the targets into 0..1.")
    return rule.passes("the targets are probabilities")


def _smoothed(rule: Rule[tuple[LossInputs, ...]], one: LossInputs, low: float, high: float) -> CheckResult:
    """Is 1/n added where (1 - e) y + e/n is meant?"""
    n, smoothing = one.classes, 1 - (high - low)
    meant = [smoothing / n, smoothing / (n - 1), smoothing / 2]
    if abs(low - 1 / n) > SAME or min(abs(low - right) for right in meant) < SAME:
        return rule.passes("the labels are smoothed evenly")
    return rule.warns(
        f"smoothed labels are {low:.3g} and {high:.3g}: 1/{n} was added to each, where a smoothing of "
        f"{smoothing:.2g} adds {smoothing / n:.3g}", measured=low, expected=smoothing / n,
        unit="target of a wrong class", advice="(1 - smoothing) * y + smoothing / n")


def _signed(rule: Rule[tuple[LossInputs, ...]], one: LossInputs) -> CheckResult:
    if one.binary and one.low == 0:
        return rule.fails(f"{one.name} gets targets 0 and 1, but wants -1 and 1: a target of 0 does "
                          "not say \"no\"", measured=0, expected=-1, unit="target",
                          advice="Use 2 * y - 1.")
    return rule.passes("the targets are -1 and 1")


def _soft_labels(rule: Rule[tuple[LossInputs, ...]], one: LossInputs) -> CheckResult:
    if one.exp_gap < NO_DISTRIBUTION:
        return rule.passes("the targets are probabilities")
    if one.smoothed is not None and one.exp_gap > NO_DISTRIBUTION:
        low, high = one.smoothed
        total = high + (one.classes - 1) * low
        return rule.warns(
            f"smoothed labels are {low:.3g} and {high:.3g}, and each row sums to {total:.3g}",
            measured=total, expected=1.0, unit="sum of the targets of a sample",
            advice="(1 - smoothing) * y + smoothing / n, or cross_entropy's label_smoothing.")
    if one.dimensions > 2 and one.other_gap < NO_DISTRIBUTION:
        return rule.fails(
            "the target probabilities lie along the last axis, but cross_entropy takes axis 1 for "
            "the classes", advice="Move the classes to axis 1 of both, as in logits.transpose(1, 2).")
    if one.binary and one.high > 1:
        return rule.warns(
            f"cross_entropy gets rows with up to {one.high:.0f} right classes, but is made for one",
            measured=one.high, expected=1, unit="right classes",
            advice="Several classes may be right: binary_cross_entropy_with_logits.")
    return rule.passes("weights of classes, no probabilities")


def _divergence(rule: Rule[tuple[LossInputs, ...]], one: LossInputs) -> CheckResult:
    # a part of a distribution sums to less than one; more than one is none at all
    if one.high > 1 + NO_DISTRIBUTION and one.exp_gap > NO_DISTRIBUTION:
        given = "raw logits" if one.low < 0 else "probabilities"
        return rule.fails(f"kl_div gets {given} as its input, but wants log-probabilities",
                          measured=one.high, expected=1.0, unit="sum of exp(input)",
                          advice="Use log_softmax for the input.")
    if one.target_sum > 1 + NO_DISTRIBUTION:
        return rule.fails("the target of kl_div is no distribution", measured=one.target_sum,
                          expected=1.0, unit="sum of the target",
                          advice="Use softmax for the target, or log_target=True for logarithms.")
    if one.reduction == "mean" and one.classes > 1:
        return rule.warns(
            f"kl_div with reduction=\"mean\" divides by the {one.classes} classes, too: it is that "
            "many times smaller than the divergence", measured=1 / one.classes, expected=1.0,
            unit="of the divergence", advice="reduction=\"batchmean\".")
    return rule.passes("kl_div gets logarithms")


def _ctc(rule: Rule[tuple[LossInputs, ...]], one: LossInputs) -> CheckResult:
    if one.exp_gap > NO_DISTRIBUTION:
        return rule.fails("ctc_loss gets no log-probabilities", measured=one.exp_gap, expected=0.0,
                          unit="gap of the sum from one", advice="Use log_softmax over the classes.")
    return rule.passes("ctc_loss gets log-probabilities")


def _poisson(rule: Rule[tuple[LossInputs, ...]], one: LossInputs) -> CheckResult:
    if one.made_by in ("Exp", "Softplus", "Relu"):
        return rule.warns(
            f"poisson_nll_loss takes the logarithm of the rate, but {one.made_by.lower()} made a rate",
            advice="Pass log_input=False, or drop the last activation.")
    return rule.passes("poisson_nll_loss gets logarithms")


_JUDGES: dict[str, _Judge] = {
    "regression": _numbers, "bce": _binary, "bce_logits": _binary, "signed": _signed,
    "soft_labels": _soft_labels, "kl_div": _divergence, "ctc": _ctc, "poisson": _poisson
}
