"""What a loss is, from its gradient at the tensor that entered it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional as F

from recipe_widgets.rules.evidence import Outputs
from recipe_widgets.rules.seen_loss import LossSeen
from recipe_widgets.watch.instrument import autograd_graph as graph
from recipe_widgets.watch.instrument.source_location import SourceLocation

_MOST = 200_000  # numbers of z that are looked at
KINDS = {
    F.cross_entropy: "cross_entropy", F.nll_loss: "nll", F.binary_cross_entropy_with_logits:
    "bce_logits", F.binary_cross_entropy: "bce", F.mse_loss: "regression", F.l1_loss: "regression",
    F.smooth_l1_loss: "regression", F.huber_loss: "regression"
}


@dataclass(eq=False)
class Call:
    """A loss at work: z enters with y; `got` is filled with dL/dz by a hook in the reader's own
    backward.
    """

    function: Any  # None for a loss written by hand
    z: torch.Tensor
    y: torch.Tensor | None
    options: dict[str, Any] = field(default_factory=dict)
    at: SourceLocation | None = None
    # possible targets of a loss written by hand
    others: list[torch.Tensor] = field(default_factory=list)
    got: list[torch.Tensor] = field(default_factory=list)

    def listen(self) -> None:
        def keep(gradient: torch.Tensor) -> None:
            self.got.append(gradient.detach())

        if self.z.requires_grad:
            self.z.register_hook(keep)


def looked_at(call: Call, step: int, value: float, factor: float, scalars: list[str],
              biased: bool = True) -> tuple[LossSeen, torch.Tensor | None] | None:
    """The facts, and the target that was recognised. factor: of a GradScaler. None when nothing
    can be said.
    """
    if not call.got or not call.z.is_floating_point() or call.z.numel() > 20 * _MOST:
        return None
    z = call.z.detach().float()
    slope = sum(call.got[1:], call.got[0]).float() / factor
    coarse = call.z.dtype in (torch.float16, torch.bfloat16)
    kind, y, scale = _recognised(call, z, slope, 0.05 if coarse else 0.01)
    classes = z.shape[1] if kind in ("cross_entropy", "nll", "coupled") and z.ndim > 1 else 0
    rows = z.movedim(1, -1).reshape(
        -1, classes)[:4096] if classes else z.reshape(len(z), -1)[:4096] if z.ndim else None
    if rows is None:
        return None
    below, targets, index = _targets(y if kind in ("regression", "broadcast") else None)
    samples = len(z) if not classes else z.numel() // classes
    if kind == "regression" and scale is None:
        samples = z.numel()
    seen = LossSeen(
        kind, step, scale, samples, classes, not bool(slope.any()), value / factor, _outputs(rows),
        graph.last_operation(call.z), tuple(scalars),
        call.options.get("weight") is not None or call.options.get("pos_weight") is not None, below,
        targets, float(z.mean()), float(z.std(correction=0)), index, biased, coarse)
    return seen, y


def _targets(y: torch.Tensor | None) -> tuple[float, tuple[float, float], int]:
    """Share below zero; mean and std; number of classes when they are class numbers."""
    if y is None or not y.numel():
        return 0.0, (0.0, 1.0), 0
    flat = y.detach().flatten()[:_MOST].double()
    whole = bool((flat == flat.round()).all()) and y.numel() == len(y)
    index, top = 0, int(flat.max()) if whole else 0
    if whole and flat.min() == 0 and 2 <= top < 1000:
        counts = torch.bincount(flat.long())
        even = bool(
            (counts > 0).all()) if len(flat) > 20 * top else bool((counts > 0).float().mean() > 0.6)
        index = top + 1 if even and float(counts.max()) < 0.5 * len(flat) else 0
    return float((flat
                  < 0).double().mean()), (float(flat.mean()), float(flat.std(correction=0))), index


def _outputs(z: torch.Tensor) -> Outputs:
    low, high = float(z.min()), float(z.max())
    rows = z.double()
    sums = rows.sum(1)
    exps, columns = rows.clamp(max=60).exp().sum(1), rows.clamp(max=60).exp().sum(0)
    return Outputs(low, high, float((z == 0).float().mean()), low == high,
                   float((sums - 1).abs().max()), float((exps - 1).abs().max()),
                   float((columns - 1).abs().max()))


def _multiple(slope: torch.Tensor, expected: torch.Tensor | None, tolerance: float) -> float | None:
    """s with slope = s x expected, or None."""
    if expected is None or expected.shape != slope.shape:
        return None
    a, b = slope.double().flatten(), expected.double().flatten()
    size = float(b @ b)
    if size == 0 or not bool(a.any()):
        return None
    s = float(a @ b) / size
    return s if float((a - s * b).norm()) <= tolerance * float(a.norm()) else None


def _recognised(call: Call, z: torch.Tensor, slope: torch.Tensor,
                tolerance: float) -> tuple[str, torch.Tensor | None, float | None]:
    if call.function is not None and call.y is not None:
        kind, y = KINDS[call.function], call.y.detach()
        if kind in ("regression", "bce_logits") and y.shape != z.shape:
            spread = torch.broadcast_shapes(y.shape, z.shape)
            n = len(z)
            return ("broadcast" if n > 1 and z.numel() == y.numel() == n and spread.numel() == n * n
                    else "other"), y, None
        return kind, y, _multiple(slope, _gradient(call.function, z, y, call.options), tolerance)
    for y in call.others:
        kind, scale = _by_hand(z, y.detach(), slope, tolerance)
        if kind != "other":
            return kind, y.detach(), scale
    return "other", _plausible(z, call.others), None


def _plausible(z: torch.Tensor, others: list[torch.Tensor]) -> torch.Tensor | None:
    """The likeliest labels: whole numbers, one per sample."""
    for y in others:
        if not y.is_floating_point() and y.ndim == 1 and len(y) == len(z):
            return y.detach()
    return None


def _gradient(function: Any, z: torch.Tensor, y: torch.Tensor,
              options: dict[str, Any]) -> torch.Tensor | None:
    """The gradient of the mean loss at z."""
    given = {k: v for k, v in options.items() if k not in ("reduction", "size_average", "reduce")}
    leaf = z.clone().requires_grad_()
    try:
        with torch.enable_grad(), torch.autocast(z.device.type, enabled=False):
            target = y.float() if y.is_floating_point() else y
            return torch.autograd.grad(function(leaf, target, reduction="mean", **given), leaf)[0]
    except (RuntimeError, TypeError, ValueError, IndexError):
        return None


def _by_hand(z: torch.Tensor, y: torch.Tensor, slope: torch.Tensor,
             tolerance: float) -> tuple[str, float | None]:
    """Tries what a loss written by hand may be."""
    n = len(z)
    if not y.is_floating_point(
    ) and z.ndim >= 2 and y.shape == z.shape[:1] + z.shape[2:] and z.shape[1] > 1:
        if y.dtype == torch.bool or int(y.min()) < 0 or int(y.max()) >= z.shape[1]:
            return "other", None
        y = F.one_hot(y.long(), z.shape[1]).movedim(-1, 1).to(z)
        return _classes(z, y, slope, tolerance)
    y = y.to(z)
    if y.shape == z.shape and z.ndim >= 2 and z.shape[1] > 1 and bool((y >= 0).all()) \
            and torch.allclose(y.sum(1), torch.ones_like(y.sum(1)), atol=1e-3):
        kind, scale = _classes(z, y, slope, tolerance)
        if kind != "other":
            return kind, scale
    if y.numel() == z.numel() and y.shape != z.shape and n > 1 and z.numel() == n:
        for expected in (z - y.mean(), z.sigmoid() - y.mean()):
            # without their means, since two nearly constant things agree anyway
            if _multiple(slope, expected, tolerance) is not None and float(y.std()) > 1e-6 \
                    and _multiple(slope - slope.mean(), expected - expected.mean(), tolerance) is not None:
                return "broadcast", None
    if y.numel() == z.numel():
        y = y.reshape(z.shape)
        for kind, expected in (("regression", 2 * (z - y) / z.numel()),
                               ("regression", (z - y).sign() / z.numel()),
                               ("bce_logits", (z.sigmoid() - y) / z.numel())):
            scale = _multiple(slope, expected, tolerance)
            if scale is not None:
                return kind, scale
    return "other", None


def _classes(z: torch.Tensor, y: torch.Tensor, slope: torch.Tensor,
             tolerance: float) -> tuple[str, float | None]:
    m = z.numel() // z.shape[1]
    for kind, expected in (("cross_entropy", (z.softmax(1) - y) / m), ("nll", -y / m),
                           ("coupled", z.softmax(0) - y / m), ("coupled", (z.softmax(0) - y) / m)):
        scale = _multiple(slope, expected, tolerance)
        if scale is not None:
            return kind, scale
    coupled = slope * m + y  # what the normaliser contributes
    if m > 2 and bool(
        (coupled >= -1e-4).all()) and _multiple(coupled, z.softmax(0), tolerance) is not None:
        return "coupled", None
    return "other", None
