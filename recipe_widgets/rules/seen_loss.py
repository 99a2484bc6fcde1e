"""Judgements on a loss that was seen at work: what it is follows from its gradient at the
outputs, not from its name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core import CheckResult
from recipe_widgets.core.findings import Status
from recipe_widgets.rules.evidence import Outputs
from recipe_widgets.rules.loss_at_init import FirstLoss, loss_at_init
from recipe_widgets.rules.output_scale import OutputsAtLoss, output_scale

_KARPATHY = "A. Karpathy, A Recipe for Training Neural Networks, 2019"


@dataclass(frozen=True)
class LossSeen:
    """One backward pass, as seen at the tensor z (N, K, ...) or (N, 1) that enters the loss.

    Attributes:
        kind: cross_entropy, nll, bce_logits, bce, regression, coupled (a log-sum-exp over the
            batch), broadcast, other.
        scale: gradient as a multiple of that of the mean loss of this kind; None when it is no
            multiple.
        samples, classes: N, K (0 where there are none). zero: the gradient at z is exactly zero.
        value: the loss. weighted: by class weights or pos_weight. last: the operation that made z.
        scalars: what was done to the finished number.
        below: share of targets under zero. targets: mean and std of them. mean, std: of z.
        class_index: a regression whose targets are whole numbers 0..m-1, of integer type; then m.
    """

    kind: str
    step: int
    scale: float | None
    samples: int
    classes: int
    zero: bool
    value: float
    outputs: Outputs
    last: str = ""
    scalars: tuple[str, ...] = ()
    weighted: bool = False
    below: float = 0.0
    targets: tuple[float, float] = (0.0, 1.0)
    mean: float = 0.0
    std: float = 0.0
    class_index: int = 0
    biased: bool = True
    coarse: bool = False  # half precision: gradients are known to a few percent only


def _most(seen: Sequence[LossSeen], test: object) -> bool:
    """True for at least three quarters of the looks, and two of them."""
    hits = sum(bool(test(s)) for s in seen)  # type: ignore[operator]
    return hits >= 2 and hits >= 0.75 * len(seen)


def outputs_fit(seen: Sequence[LossSeen]) -> CheckResult | None:
    """Do the outputs suit the loss? (probabilities into cross-entropy, logits into NLL, a last
    ReLU)
    """
    if len(seen) < 2:
        return None
    classes, below = max(s.classes for s in seen), max(s.below for s in seen)
    return output_scale(
        [OutputsAtLoss(s.outputs, s.kind, classes, below, s.last) for s in seen])


def reduction(seen: Sequence[LossSeen], passes: int, sgd: bool,
              clipped: bool) -> CheckResult | None:
    """Is the loss the mean over its samples? passes: backward passes per step. sgd: does the size
    of the gradient set the size of the step?"""
    known = [s for s in seen if s.scale is not None]
    if len(known) < 2 or len(known) < 0.6 * len(seen):
        return None
    scales = [s.scale for s in known if s.scale is not None]
    s, name = known[-1], "loss_reduction"
    if all(v < 0 for v in scales):
        return CheckResult("loss_sign", "fail",
                           "the sign of the loss is flipped: each step makes it worse", scales[-1],
                           1.0, "times the gradient of the textbook loss",
                           "Minimise the negative log-likelihood.", _KARPATHY)
    if s.samples >= 4 and _all(known, lambda k: 1 / k.samples) and passes < 2 and _differ(known):
        return CheckResult(name, "fail", "the loss is divided by the batch size twice", scales[-1],
                           1.0, "times the gradient of the mean loss", "Take the mean once.",
                           _KARPATHY)
    if s.samples >= 4 and _all(known, lambda k: 1 / k.samples) and passes < 2:
        return CheckResult(name, "warn", "the loss is divided by the batch size again", scales[-1],
                           1.0, "times the gradient of the mean loss", "Take the mean once.",
                           _KARPATHY)
    if s.kind in ("cross_entropy", "nll") and s.classes > 2 and _all(
            known, lambda k: 1 / k.classes) and passes < 2:
        return CheckResult(
            name, "warn",
            "the cross-entropy is a mean over the classes, too: it is K times too small",
            scales[-1], 1.0, "times the gradient of the mean loss",
            "Sum over the classes, mean over the samples.", _KARPATHY)
    if s.samples >= 4 and _all(known, lambda k: float(k.samples)):
        status: Status = "warn" if sgd and not clipped else "note"
        return CheckResult(name, status,
                           "the loss is a sum over the batch: the step grows with the batch size",
                           scales[-1], 1.0, "times the gradient of the mean loss", "Take the mean.",
                           _KARPATHY)
    return None


def _all(seen: Sequence[LossSeen], value: object) -> bool:
    return all(
        s.scale is not None and abs(s.scale / value(s) -
                                    1) < (0.1 if s.coarse else 0.01)  # type: ignore[operator]
        for s in seen)


def _differ(seen: Sequence[LossSeen]) -> bool:
    return True if len({s.samples for s in seen}) > 1 else all(s.samples not in (1, 2, 4, 8)
                                                               for s in seen)


def coupling(seen: Sequence[LossSeen]) -> CheckResult | None:
    """A soft-max over the batch, or (N, 1) against (N,)."""
    if _most(seen, lambda s: s.kind == "coupled"):
        return CheckResult(
            "loss_reduction", "fail",
            "the soft-max of the loss runs over the batch axis instead of the "
            "classes", advice="Normalise over dim=1.", source=_KARPATHY)
    if _most(seen, lambda s: s.kind == "broadcast"):
        n = seen[-1].samples
        return CheckResult(
            "loss_reduction", "fail",
            f"outputs ({n}, 1) and targets ({n},) broadcast to ({n}, {n}): every "
            "sample is compared with every other one", n * n, n, "differences",
            "Give both the same shape, for example output.squeeze(1).")
    return None


def clipped_loss(seen: Sequence[LossSeen]) -> CheckResult | None:
    """Is the finished loss clipped, so that nothing comes back?"""
    cut = [
        s for s in seen if s.zero and abs(s.value) > 1e-8 and any(
            word in name
            for name in s.scalars
            for word in ("Clamp", "Minimum", "Maximum", "Where", "Hardtanh"))
    ]
    if len(cut) >= 2 and len(cut) >= 0.3 * len(seen):
        return CheckResult(
            "gradients_flow", "fail",
            f"the loss itself is clipped (at {cut[-1].value:.3g}): where it is, "
            "every gradient is exactly zero", 0.0, "not zero", "gradient",
            "Clip the gradient's norm, "
            "torch.nn.utils.clip_grad_norm_, not the loss.")
    flat = [s for s in seen if s.zero and abs(s.value) > 1e-4]
    if len(flat) >= 3 and len(flat) >= 0.8 * len(seen):
        return CheckResult(
            "gradients_flow", "warn",
            "the loss is flat: its gradient at the outputs is exactly zero "
            "although it is not", 0.0, "not zero", "gradient")
    return None


def classes_regressed(seen: Sequence[LossSeen], compared: bool) -> CheckResult | None:
    """compared: does the evaluation count exact hits?"""
    if compared and _most(seen, lambda s: s.kind == "regression" and s.class_index >= 3):
        m = max(s.class_index for s in seen)
        return CheckResult("loss_fits_targets", "warn",
                           f"a single number is fitted to the index of {m} classes", m,
                           unit="classes",
                           advice="Classes have no order: one output per class and cross-entropy.",
                           source=_KARPATHY)
    return None


def first_loss(seen: Sequence[LossSeen], pretrained: bool) -> CheckResult | None:
    """Is the very first loss far above that of knowing nothing?"""
    if not seen or seen[0].step > 0 or seen[0].kind != "cross_entropy" or seen[
            0].classes < 2 or pretrained:
        return None
    s, expected = seen[0], math.log(seen[0].classes)
    if s.scale is None or s.scale <= 0 or not math.isfinite(s.value):
        return None
    found = loss_at_init(FirstLoss([s.value / s.scale], expected, s.kind, s.classes))
    return None if found.ok else found


def output_bias(seen: Sequence[LossSeen]) -> CheckResult | None:
    """A regression without an output bias whose targets lie far from zero."""
    if not seen or seen[0].kind != "regression" or seen[0].biased or seen[0].class_index:
        return None
    s = seen[0]
    mean, std = s.targets
    if abs(s.mean - mean) > 2 * std + 2 * s.std and std > 0:
        return CheckResult(
            "output_init", "warn", "the output has no bias, but the targets' mean is far from zero",
            s.mean, mean,
            advice="Give the last layer a bias, started at the mean of the targets, or "
            "standardise them.", source=_KARPATHY)
    return None


def divergence(times: int) -> CheckResult | None:
    """kl_div was given probabilities where it wants their logarithms, so many times."""
    if times < 2:
        return None
    return CheckResult("output_scale", "fail",
                       "kl_div gets probabilities as its input, but wants their logarithms", times,
                       0, "calls", "Use log_softmax for the input; the target stays as it is.")
