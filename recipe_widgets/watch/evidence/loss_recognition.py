"""What a loss is, from its gradient at the tensor that entered it.

The gradient of a known loss has a known form, so a loss written by hand is recognised whatever it
is called, and its factor shows how it was reduced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional as F

from recipe_widgets.rules.evidence import Outputs
from recipe_widgets.rules.training_evidence import LossPass
from recipe_widgets.watch.instrument.source_location import SourceLocation

_MOST_NUMBERS = 4_000_000  # of a tensor whose gradient is looked at
_MOST_TARGETS, _MOST_ROWS = 200_000, 4096  # of these the statistics are taken
# Relative difference between a gradient and its textbook form; half precision rounds at 0.4 %.
_TOLERANCE, _HALF_TOLERANCE = 0.01, 0.05
_MOST_INDEX_CLASSES = 1000
KINDS = {
    F.cross_entropy: "cross_entropy", F.nll_loss: "nll",
    F.binary_cross_entropy_with_logits: "bce_logits", F.binary_cross_entropy: "bce",
    F.mse_loss: "regression", F.l1_loss: "regression", F.smooth_l1_loss: "regression",
    F.huber_loss: "regression"
}


@dataclass(eq=False)
class LossCall:
    """A loss at work.

    Attributes:
        function: None for a loss written by hand. options: its keywords.
        z: what entered it, with a graph. y: its target, for a function of torch.
        candidates: possible targets of a loss written by hand.
        gradients: dL/dz, filled by a hook in the script's own backward.
        made_by: the operation that made z.
    """

    function: Any
    z: torch.Tensor
    y: torch.Tensor | None
    options: Mapping[str, Any] = field(default_factory=dict)
    line: SourceLocation | None = None
    candidates: list[torch.Tensor] = field(default_factory=list)
    gradients: list[torch.Tensor] = field(default_factory=list)
    made_by: str = ""

    def follow_gradient(self) -> None:
        def keep(gradient: torch.Tensor) -> None:
            self.gradients.append(gradient.detach())

        if self.z.requires_grad:
            self.z.register_hook(keep)


@dataclass(frozen=True)
class RecognisedLoss:
    """kind: as in `LossPass`. y: its target. scale: its gradient as a multiple of the textbook's;
    None where it is no multiple. mean: of the textbook's loss; NaN where unknown.
    """

    kind: str
    y: torch.Tensor | None = None
    scale: float | None = None
    mean: float = float("nan")


def observe_loss(call: LossCall, step: int, value: float, factor: float, scalars: list[str],
                 has_bias: bool = True) -> tuple[LossPass, torch.Tensor | None] | None:
    """The facts, and the target that was recognised; None when nothing can be said.

    Args:
        value: of the loss, times `factor`, that of a GradScaler. scalars: what was done to the
            finished number. has_bias: of the model's last layer.
    """
    if not call.gradients or not call.z.is_floating_point() or not call.z.ndim \
            or call.z.numel() > _MOST_NUMBERS:
        return None
    z = call.z.detach().float()
    slope = sum(call.gradients[1:], call.gradients[0]).float() / factor
    of_one_sample = call.function in (F.cross_entropy, F.nll_loss) and z.ndim == 1
    if of_one_sample:  # without a batch axis: (K,) against ()
        z, slope = z[None], slope[None]
    half = call.z.dtype in (torch.float16, torch.bfloat16)
    y = call.y[None] if of_one_sample and call.y is not None else call.y
    loss = _recognise(call, y, z, slope, _HALF_TOLERANCE if half else _TOLERANCE)
    of_classes = loss.kind in ("cross_entropy", "nll", "coupled") and z.ndim > 1
    classes = z.shape[1] if of_classes else 0  # K
    # (N, K): one row per sample, or per pixel or token
    rows = z.movedim(1, -1).reshape(-1, classes) if classes else z.reshape(len(z), -1)
    samples = z.numel() // classes if classes else len(z)
    if loss.kind == "regression" and loss.scale is None:
        samples = z.numel()
    targets = _target_facts(loss.y if loss.kind in ("regression", "broadcast") else None)
    weighted = any(call.options.get(key) is not None for key in ("weight", "pos_weight"))
    observed = LossPass(
        loss.kind, step, loss.scale, samples, classes, zero=not bool(slope.any()),
        value=value / factor, outputs=_output_facts(rows[:_MOST_ROWS]), made_by=call.made_by,
        scalars=tuple(scalars), weighted=weighted, mean=float(z.mean()),
        std=float(z.std(correction=0)), has_bias=has_bias, coarse=half, mean_loss=loss.mean, **targets)
    return observed, loss.y


def _target_facts(y: torch.Tensor | None) -> dict[str, Any]:
    """The fields of `LossPass` that tell about the targets of a regression."""
    if y is None or not y.numel():
        return {}
    flat = y.detach().flatten()[:_MOST_TARGETS].double()
    return {
        "below": float((flat < 0).double().mean()), "target_mean": float(flat.mean()),
        "target_std": float(flat.std(correction=0)),
        "index_classes": _index_classes(flat) if y.numel() == len(y) else 0
    }


def _index_classes(flat: torch.Tensor) -> int:
    """Number of classes where targets are class numbers, else 0."""
    whole = bool((flat == flat.round()).all())
    top = int(flat.max()) if whole else 0
    if not whole or flat.min() != 0 or not 2 <= top < _MOST_INDEX_CLASSES:
        return 0
    # counts of people or rooms are whole, too, but not spread over all numbers up to the largest
    counts = torch.bincount(flat.long())
    filled = float((counts > 0).float().mean())
    spread = filled == 1 if len(flat) > 20 * top else filled > 0.6
    return top + 1 if spread and float(counts.max()) < 0.5 * len(flat) else 0


def _output_facts(z: torch.Tensor) -> Outputs:
    """z (N, K)."""
    low, high = float(z.min()), float(z.max())
    rows = z.double()
    exps = rows.clamp(max=60).exp()  # e^60 still is far from overflow

    def gap(sums: torch.Tensor) -> float:
        return float((sums - 1).abs().max())

    return Outputs(low, high, float((z == 0).float().mean()), low == high, gap(rows.sum(1)),
                   gap(exps.sum(1)), gap(exps.sum(0)))


def _multiple_of(slope: torch.Tensor, expected: torch.Tensor | None,
                 tolerance: float) -> float | None:
    """s with slope = s · expected, or None."""
    if expected is None or expected.shape != slope.shape:
        return None
    a, b = slope.double().flatten(), expected.double().flatten()
    square = float(b @ b)
    if square == 0 or not bool(a.any()):
        return None
    s = float(a @ b) / square
    return s if float((a - s * b).norm()) <= tolerance * float(a.norm()) else None


def _recognise(call: LossCall, y: torch.Tensor | None, z: torch.Tensor, slope: torch.Tensor,
               tolerance: float) -> RecognisedLoss:
    if call.function is not None and y is not None:
        return _recognise_function(call, y.detach(), z, slope, tolerance)
    for candidate in call.candidates:
        y = candidate.detach()
        kind, scale = _recognise_by_hand(z, y, slope, tolerance)
        if kind == "cross_entropy":  # y: classes, or probabilities
            mean = F.cross_entropy(z, y.to(z) if y.shape == z.shape else y.long())
            return RecognisedLoss(kind, y, scale, float(mean))
        if kind != "other":
            return RecognisedLoss(kind, y, scale)
    return RecognisedLoss("other", _likely_labels(z, call.candidates))


def _recognise_function(call: LossCall, y: torch.Tensor, z: torch.Tensor, slope: torch.Tensor,
                        tolerance: float) -> RecognisedLoss:
    kind, n = KINDS[call.function], len(z)
    if kind in ("regression", "bce_logits") and y.shape != z.shape:
        spread = torch.broadcast_shapes(y.shape, z.shape)
        crossed = n > 1 and z.numel() == y.numel() == n and spread.numel() == n * n
        return RecognisedLoss("broadcast" if crossed else "other", y)
    mean, expected = _mean_and_gradient(call.function, z, y, call.options)
    return RecognisedLoss(kind, y, _multiple_of(slope, expected, tolerance), mean)


def _likely_labels(z: torch.Tensor, candidates: list[torch.Tensor]) -> torch.Tensor | None:
    """Whole numbers, one per sample."""
    for y in candidates:
        if not y.is_floating_point() and y.ndim == 1 and len(y) == len(z):
            return y.detach()
    return None


def _mean_and_gradient(function: Any, z: torch.Tensor, y: torch.Tensor,
                       options: Mapping[str, Any]) -> tuple[float, torch.Tensor | None]:
    """The mean loss at z, and its gradient."""
    reductions = ("reduction", "size_average", "reduce")
    given = {key: value for key, value in options.items() if key not in reductions}
    leaf = z.clone().requires_grad_()
    try:
        with torch.enable_grad(), torch.autocast(z.device.type, enabled=False):
            target = y.float() if y.is_floating_point() else y
            mean = function(leaf, target, reduction="mean", **given)
            return float(mean.detach()), torch.autograd.grad(mean, leaf)[0]
    except (RuntimeError, TypeError, ValueError, IndexError):
        return float("nan"), None


def _recognise_by_hand(z: torch.Tensor, y: torch.Tensor, slope: torch.Tensor,
                       tolerance: float) -> tuple[str, float | None]:
    """(kind, scale) of a loss that was not called as a function of torch."""
    n, has_classes = len(z), z.ndim >= 2 and z.shape[1] > 1
    if not y.is_floating_point() and has_classes and y.shape == z.shape[:1] + z.shape[2:]:
        # class numbers: (N, ...) against (N, K, ...)
        if y.dtype == torch.bool or int(y.min()) < 0 or int(y.max()) >= z.shape[1]:
            return "other", None
        one_hot = F.one_hot(y.long(), z.shape[1]).movedim(-1, 1).to(z)
        return _recognise_classes(z, one_hot, slope, tolerance)
    y = y.to(z)
    if y.shape == z.shape and has_classes and bool((y >= 0).all()) and torch.allclose(
            y.sum(1), torch.ones_like(y.sum(1)), atol=1e-3):  # probabilities, as of mixup
        kind, scale = _recognise_classes(z, y, slope, tolerance)
        if kind != "other":
            return kind, scale
    if y.numel() == z.numel() == n > 1 and y.shape != z.shape and float(y.std()) > 1e-6:
        # (N, 1) against (N,): the gradient compares each output with the mean of all targets
        for expected in (z - y.mean(), z.sigmoid() - y.mean()):
            # without their means, since two nearly constant things agree anyway
            if _multiple_of(slope, expected, tolerance) is not None and _multiple_of(
                    slope - slope.mean(), expected - expected.mean(), tolerance) is not None:
                return "broadcast", None
    if y.numel() == z.numel():
        for kind, expected in _elementwise_gradients(z, y.reshape(z.shape)):
            scale = _multiple_of(slope, expected, tolerance)
            if scale is not None:
                return kind, scale
    return "other", None


def _elementwise_gradients(z: torch.Tensor,
                           y: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """(kind, gradient of the mean) of squared error, absolute error, binary cross-entropy."""
    count = z.numel()
    yield "regression", 2 * (z - y) / count
    yield "regression", (z - y).sign() / count
    yield "bce_logits", (z.sigmoid() - y) / count


def _recognise_classes(z: torch.Tensor, y: torch.Tensor, slope: torch.Tensor,
                       tolerance: float) -> tuple[str, float | None]:
    """z (N, K, ...), y probabilities of the same shape."""
    m = z.numel() // z.shape[1]  # samples, pixels or tokens
    for kind, expected in (("cross_entropy", (z.softmax(1) - y) / m), ("nll", -y / m),
                           ("coupled", z.softmax(0) - y / m), ("coupled", (z.softmax(0) - y) / m)):
        scale = _multiple_of(slope, expected, tolerance)
        if scale is not None:
            return kind, scale
    normaliser = slope * m + y  # its share of the gradient: a soft-max over some axis
    if m > 2 and bool((normaliser >= -1e-4).all()) and _multiple_of(
            normaliser, z.softmax(0), tolerance) is not None:
        return "coupled", None
    return "other", None
