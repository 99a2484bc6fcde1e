"""Judgements on a network before it has learnt anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recipe_widgets.core import CheckResult
from recipe_widgets.rules.wiring import few

_KARPATHY = "A. Karpathy, A Recipe for Training Neural Networks, 2019"


@dataclass(frozen=True)
class Outputs:
    """What outputs look like. low, high: extremes, over loud inputs, too. zeros: share that is
    exactly zero.
    constant: all the same. row_sum_gap: |sum over classes - 1| at most; row_exp_gap: the same of exp(output);
    column_exp_gap: the same over the batch axis."""

    low: float
    high: float
    zeros: float
    constant: bool
    row_sum_gap: float
    row_exp_gap: float
    column_exp_gap: float

    @property
    def probabilities(self) -> bool:
        return self.low >= 0 and self.high <= 1 + 1e-5 and self.row_sum_gap < 1e-3

    @property
    def unit_interval(self) -> bool:
        return self.low >= 0 and self.high <= 1


def output_scale(z: Outputs, kind: str, classes: int, below: float) -> CheckResult:
    """kind: what the loss is. classes: K or 0. below: share of regression targets under zero."""
    name = "output_scale"

    def bad(status: str, text: str, advice: str, measured: object = None) -> CheckResult:
        return CheckResult(name, status, text, measured, advice=advice)  # type: ignore[arg-type]

    if z.constant:
        return CheckResult(name, "pass", "all outputs are equal (a head that starts at zero)")
    if kind in ("cross_entropy", "nll"
                ) and z.column_exp_gap < 1e-3 and z.row_exp_gap > 1e-2 and z.row_sum_gap > 1e-2:
        return bad("fail", "the soft-max runs over the batch axis: columns sum to one, not rows",
                   "Take dim=1.")
    if kind == "cross_entropy" and classes > 1 and z.probabilities:
        return bad(
            "fail",
            "the model gives probabilities to a loss that wants logits: soft-max is applied twice",
            f"Drop the soft-max: with it the loss cannot fall below "
            f"{math.log(math.e + classes - 1) - 1:.3f}.", z.high)
    if kind == "nll" and z.row_exp_gap > 1e-2:
        what = "probabilities" if z.probabilities else "raw logits"
        return bad("fail", f"the model gives {what} to a loss that wants log-probabilities",
                   "Use log_softmax before NLL, or cross-entropy on logits.", z.row_exp_gap)
    if kind == "bce_logits" and z.unit_interval:
        return bad(
            "warn",
            "all outputs lie between 0 and 1, but the loss wants logits: sigmoid is applied twice",
            "Drop the sigmoid.", z.high)
    if kind == "bce" and not z.unit_interval:
        return bad("fail", "the loss wants probabilities, the outputs are none",
                   "Use the loss with logits.", z.low)
    if z.low >= 0 and z.zeros > 0.02 and kind in ("cross_entropy", "bce_logits", "regression"):
        if kind != "regression":
            return bad(
                "warn",
                f"logits are never negative and {z.zeros:.0%} are exactly zero: a ReLU is the last layer",
                "Drop the last ReLU.", z.low)
        if below > 0:
            return bad("fail", f"outputs are never negative, {below:.0%} of the targets are",
                       "Drop the last ReLU.", z.low)
    return CheckResult(name, "pass", f"the outputs suit the loss ({kind.replace('_', ' ')})",
                       details={"outputs": z})


def loss_at_init(losses: Sequence[float], expected: float | None, kind: str, classes: int,
                 scale: float, per_class: Mapping[int, float] | None = None, flat: bool = False,
                 samples: int = 0) -> CheckResult:
    """Is the first loss that of knowing nothing?

    Args:
        losses: of several initialisations. expected: loss of the best constant output; None where
            it is unknown.
        kind, classes, scale, flat: of the loss function. per_class: first loss of the samples of
            each class.
    """
    name, mean = "loss_at_init", float(np.mean(losses))
    facts = {
        "measured": mean, "expected": expected, "unit": "nats" if classes else "", "source":
        _KARPATHY, "details": {"losses": np.asarray(losses), "per_class": dict(per_class or {})}
    }
    if kind == "classes_regressed":
        return CheckResult(
            name, "warn", f"a single number is fitted to the index of {classes} classes",
            measured=mean, advice="Classes have no order: one output per class and cross-entropy.",
            source=_KARPATHY)
    if not np.isfinite(mean):
        return CheckResult(name, "fail", "the first loss is no finite number", mean, expected,
                           source=_KARPATHY)
    if expected is None:
        return CheckResult(name, "skip", "no expectation for this loss", mean)
    advice = "Look at the last layer, at the loss, and at the scale of inputs and initial weights."
    if kind in ("cross_entropy", "nll") and abs(scale - 1) > 0.02:
        cause = _scale_words(scale, classes, samples)
        return CheckResult(name, "warn", f"the loss is {scale:.3g} times the cross-entropy{cause}",
                           advice=advice, **facts)  # type: ignore[arg-type]
    if classes and flat and kind == "other":
        return CheckResult(name, "warn",
                           "the loss is flat at a uniform guess: nothing can be learnt there",
                           advice="Clip the gradient, not the loss.",
                           **facts)  # type: ignore[arg-type]
    if kind == "cross_entropy" and mean < 0.6 * expected:  # no constant can do that: it knows something
        return CheckResult(name, "note", "the model has learnt already (pretrained?)",
                           **facts)  # type: ignore[arg-type]
    if classes and kind in ("cross_entropy", "nll"):
        off = abs(mean - expected) >= math.log(classes) or mean < 0.6 * expected
    else:
        off = mean > 5 * expected + 1e-6 or (expected > 0 > mean)
    if off:
        side = "far above" if mean > expected else "far below"
        return CheckResult(name, "warn", f"the first loss is {side} that of knowing nothing",
                           advice=advice, **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass", "starts where one who knows nothing would",
                       **facts)  # type: ignore[arg-type]


def _scale_words(scale: float, classes: int, samples: int) -> str:
    if scale < 0:
        return ": its sign is flipped"
    for value, words in ((samples, ": a sum over the batch"), (1 / max(1, samples),
                                                               ": divided by the batch twice"),
                         (1 / max(1, classes), ": a mean over the classes, too")):
        if value and abs(scale / value - 1) < 0.02:
            return words
    return ""


def output_init(mean: float, std: float, target_mean: float | None, target_std: float | None,
                classes: int, floor: float, zeros: float, knows: bool = False) -> CheckResult:
    """First outputs: their mean and standard deviation over several initialisations, beside those
    of the targets of a regression. floor: smallest output. zeros: share that is exactly zero.
    knows: the loss says that the model has learnt already."""
    name, facts = "output_init", {"source": _KARPATHY, "details": {"mean": mean, "std": std}}
    if not np.isfinite([mean, std]).all():
        return CheckResult(name, "fail", "the first outputs are not finite", std,
                           **facts)  # type: ignore[arg-type]
    if classes and floor >= 0 and 0.02 < zeros < 1:
        return CheckResult(name, "warn", "no logit is negative: a ReLU is the last layer", floor,
                           advice="Drop it.", **facts)  # type: ignore[arg-type]
    if classes and std > 3 and not knows:
        return CheckResult(
            name, "warn", "the first logits are large: the net is sure before it has seen anything",
            std, "about 1 or less", "standard deviation", "Scale the last layer's weights down.",
            **facts)  # type: ignore[arg-type]
    if target_mean is not None and target_std is not None and abs(
            mean - target_mean) > 2 * target_std + 2 * std:
        return CheckResult(
            name, "warn", "the first outputs are far from the mean of the targets", mean,
            target_mean,
            advice="Start the output bias at the mean of the targets, or standardise them.",
            **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass", "the first outputs are small", std, "about 1 or less",
                       "standard deviation", **facts)  # type: ignore[arg-type]


def init_scale(stds: Mapping[str, float], identical: Sequence[str],
               input_std: float) -> CheckResult:
    """stds: standard deviation of each layer's output, in order, before training. identical: layers
    whose units are all equal, and still are after some steps. input_std: of the inputs."""
    name, source = "init_scale", "X. Glorot, Y. Bengio, 2010; K. He et al., 2015"
    if identical:
        return CheckResult(
            name, "fail",
            f"all units of {few(identical)} are equal and stay equal: they never differ",
            len(identical), 0, "layers", "Draw initial weights at random.", source)
    values = np.array(list(stds.values()))
    if len(values) < 2:
        return CheckResult(name, "skip", "needs two layers with weights")
    details = {"layers": list(stds), "std": values}
    ratios = values / max(input_std, 1e-12)
    if not np.isfinite(values).all() or ratios.max() > 100:
        return CheckResult(name, "warn", "the signal grows through the layers", float(ratios.max()),
                           "about 1", "std of the largest layer / of the input",
                           "Scale weights by 1/sqrt(fan-in).", source, details)
    if ratios[:-1].min() < 1e-4:
        return CheckResult(name, "warn", "the signal dies out through the layers",
                           float(ratios[:-1].min()), "about 1",
                           "std of the smallest layer / of the input",
                           "He initialisation, or norm layers.", source, details)
    return CheckResult(name, "pass", "the signal keeps its size through the layers",
                       float(ratios[-1]), "about 1", "std of the last layer / of the input",
                       source=source, details=details)


def input_independent_baseline(real: float, zero: float, start: float) -> CheckResult:
    """Loss after some training on the real inputs, on zeros instead of them, and before."""
    facts = {
        "measured": real, "expected": f"below {zero:.4g} (inputs set to zero)", "source": _KARPATHY
    }
    name = "input_independent_baseline"
    if start - zero > 1e-3 * abs(start) and real > zero - 0.02 * abs(zero):
        return CheckResult(name, "warn", "training on the inputs is no better than on zeros",
                           advice="Do the inputs reach "
                           "the net, with a spread of about one?",
                           **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass", "the net uses its inputs", **facts)  # type: ignore[arg-type]


def loss_decreases(before: float, after: float, steps: int,
                   floor: float | None = None) -> CheckResult:
    """Loss of the same batches before and after `steps` steps with the reader's own settings.
    floor: the least value the loss can take, when known."""
    name = "loss_decreases"
    facts = {"measured": after, "expected": f"below {before:.4g}", "source": _KARPATHY}
    if not math.isfinite(after):
        return CheckResult(name, "warn", f"the loss is no number after {steps} steps",
                           advice="Lower the learning rate.", **facts)  # type: ignore[arg-type]
    room = abs(before) if floor is None else abs(before - floor)
    if room < 1e-6:
        return CheckResult(name, "pass", "the loss is at its floor already",
                           **facts)  # type: ignore[arg-type]
    if before - after < 0.01 * room:
        return CheckResult(
            name, "warn", f"{steps} steps do not lower the loss of their own batches",
            advice="Look at "
            "step(), zero_grad(), the learning rate (too high, too low) and the sign of the loss.",
            **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass", f"falls within {steps} steps",
                       **facts)  # type: ignore[arg-type]
