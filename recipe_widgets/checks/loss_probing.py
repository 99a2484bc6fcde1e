"""What a loss function is, found out by what it does to outputs of our own, not by its name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.nn import functional as F

from recipe_widgets.checks.check_decorator import CannotTellError
from recipe_widgets.checks.check_subject import Subject
from recipe_widgets.checks.sharing import shared
from recipe_widgets.checks.training_copy import model_copy

Kind = Literal["cross_entropy", "nll", "bce_logits", "bce", "regression", "classes_regressed",
               "other"]


@dataclass(frozen=True)
class LossFacts:
    """kind: what it computes. scale: how many times the mean over samples of the textbook loss it
    is (sum: N).
    axis: the class axis of the logits. classes: K, or 0. flat: its gradient at a uniform output is
        exactly zero."""

    kind: Kind
    scale: float = 1.0
    axis: int = 1
    classes: int = 0
    flat: bool = False


@shared
def output_of(target: Subject) -> Any:
    """Of the first batch, in the mode that the model is in."""
    return _output(target, target.x)


@shared
def output_of_few(target: Subject) -> Any:
    """Of a few samples, in the mode that the model is in."""
    return output_of(target) if len(target.few[0]) == len(target.x) else _output(
        target, target.few[0])


def _output(target: Subject, x: torch.Tensor) -> Any:
    with torch.no_grad():
        return model_copy(target)(x)


def replaced(target: Subject, output: Any, z: torch.Tensor) -> Any:
    """`output` with other logits in the place where `adapter` finds them.

    Raises:
        CannotTellError: the adapter computes its logits, so there is no such place.
    """
    old = target.logits(output)
    if output is old:
        return z
    if isinstance(output, dict) and any(value is old for value in output.values()):
        return type(output)({key: z if value is old else value for key, value in output.items()})
    if isinstance(output, (tuple, list)) and any(value is old for value in output):
        parts = [z if value is old else value for value in output]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    raise CannotTellError(
        "the adapter computes the logits: they cannot be replaced to look at the loss alone")


def class_axis(target: Subject, z: torch.Tensor, y: torch.Tensor) -> int | None:
    """The axis of z that y indexes, or None; y holds class numbers and lacks just this axis."""
    if y.is_floating_point() or y.dtype == torch.bool or z.ndim != y.ndim + 1:
        return None
    last, first = z.shape[:-1] == y.shape, z.shape[:1] + z.shape[2:] == y.shape
    if last and first and z.ndim > 2:
        first = z.shape[1] == target.num_classes
    return (1 if first else -1) if last or first else None


@shared
def loss_facts(target: Subject) -> LossFacts:
    """Probes the loss with random outputs."""
    output = output_of(target)
    z, y = target.logits(output), target.y
    if not z.is_floating_point():
        return LossFacts("other")

    def loss(logits: torch.Tensor) -> float:
        return float(target.loss_fn(replaced(target, output, logits), y))

    axis = class_axis(target, z, y)
    # logits of our own, in the shape of the model's
    probe = torch.randn(z.shape, generator=torch.Generator().manual_seed(1)).to(z)
    if axis is not None and z.shape[axis] > 1:
        return _of_classes(target, output, probe, y, axis)
    if y.shape == z.shape and z.ndim > 1 and _rows_of_probabilities(y):
        return _of_classes(target, output, probe, y, 1)
    if target.num_classes and target.num_classes > 2 and not y.is_floating_point() and z.numel(
    ) == y.numel():
        return LossFacts("classes_regressed", classes=target.num_classes)
    return _of_numbers(loss, probe, y, z)


def _rows_of_probabilities(y: torch.Tensor) -> bool:
    return bool(y.is_floating_point() and y.shape[1] > 1 and (y >= 0).all()
                and torch.allclose(y.sum(1), torch.ones_like(y.sum(1)), atol=1e-4))


def _of_classes(target: Subject, output: Any, probe: torch.Tensor, y: torch.Tensor,
                axis: int) -> LossFacts:
    classes = probe.shape[axis]

    def loss(logits: torch.Tensor) -> float:
        return float(target.loss_fn(replaced(target, output, logits), y))

    log_p = probe.log_softmax(axis)  # both NLL and cross-entropy accept these
    ours = F.cross_entropy(log_p.movedim(axis, 1), y)
    # does a uniform guess get a gradient?
    uniform = torch.full_like(probe, -math.log(classes)).requires_grad_()
    value = target.loss_fn(replaced(target, output, uniform), y)
    slope = torch.autograd.grad(value, uniform,
                                allow_unused=True)[0] if value.requires_grad else None
    flat = slope is None or not bool(slope.any())
    # cross-entropy does not see a constant added to all logits, NLL does
    shifted = _close(loss(log_p), loss(log_p + 1.5))
    if shifted:
        second = probe.roll(1, 0) * 0.7  # a second point, so that one ratio is no accident
        reference = F.cross_entropy(second.movedim(axis, 1), y)
        ratio, again = loss(log_p) / float(ours), loss(second) / float(reference)
        if _close(ratio, again):
            return LossFacts("cross_entropy", ratio, axis, classes, flat)
        # label smoothing changes the ratio, but not the loss of equal logits, ln K
        smooth = loss(torch.zeros_like(probe)) / math.log(classes)
        return LossFacts("cross_entropy" if _close(smooth, 1.0) else "other", smooth, axis, classes,
                         flat)
    ratio = loss(log_p) / float(ours)
    # NLL falls by what is added to the logarithms
    if _close(loss(log_p + 1.5) - loss(log_p), -1.5 * ratio) and not flat:
        return LossFacts("nll", ratio, axis, classes, flat)
    return LossFacts("other", 1.0, axis, classes, flat)


def _of_numbers(loss: Any, probe: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> LossFacts:
    """A regression has its least value at the targets; binary cross-entropy is ln 2 at logits of
    zero.
    """
    wanted = y.reshape(z.shape).to(z) if y.numel() == z.numel() else None
    if wanted is None:
        return LossFacts("other")
    binary = bool(((wanted == 0) | (wanted == 1)).all())
    if binary and _close(loss(torch.zeros_like(z)), math.log(2)):
        return LossFacts("bce_logits")
    if not binary or not _close(loss(torch.full_like(z, 0.5)), math.log(2)):
        # a distance is least at the targets and grows to all sides
        near, off = loss(wanted), min(loss(wanted + 1), loss(wanted - 1), loss(wanted + probe))
        least = 1e-6 * max(1e-12, abs(off))
        return LossFacts("regression" if abs(near) <= least < off or (
            near < off and z.shape != y.shape) else "other")
    return LossFacts("bce")


def _close(a: float, b: float, tolerance: float = 1e-3) -> bool:
    return abs(a - b) <= tolerance * max(1e-6, abs(a), abs(b))
