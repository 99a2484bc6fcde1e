"""Judgements on a network before it has learnt anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from recipe_widgets.core import CheckResult
from recipe_widgets.rules.texts import few

_KARPATHY = "A. Karpathy, A Recipe for Training Neural Networks, 2019"


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
