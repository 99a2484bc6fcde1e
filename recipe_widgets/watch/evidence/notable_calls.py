"""Single torch calls that are worth a look in themselves: flips, views, soft-max, dropout,
activations.
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch.nn import functional as F
from torch.nn.modules import dropout

from recipe_widgets.rules.dropout_rate import STRONG
from recipe_widgets.watch.evidence.layer_records import LayerRecords
from recipe_widgets.watch.instrument.progress import WatchProgress
from recipe_widgets.watch.instrument.source_location import (
    SourceLocation,
    caller_location,
    source_text,
)
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_MOST_NUMBERS = 4_000_000  # of an activation that is looked at
_DROPOUT_FILE = dropout.__file__
_FRAMES_TO_LAYER = 15  # from our handler, through torch's dispatch, to the layer's forward
_MOST_ACTIVATIONS, _MOST_LOOKS = 300, 16
_SATURATED = 0.97  # of |tanh|: its slope there is below 0.06
_SATURATION_STEPS = 3  # saturation is a matter of the start
Line = SourceLocation | None


@dataclass
class ActivationRecord:
    """One non-linearity.

    Attributes:
        units: how many. samples: of all looks.
        looks: [step, samples, (units,) was it above zero for any of them?] of the last looks, one a
            step. Of ReLUs only.
        saturated: share of saturated units of each look. Of tanh and sigmoid only.
    """

    name: str
    kind: str
    line: Line
    units: int
    samples: int = 0
    looks: deque[tuple[int, int, torch.Tensor]] = field(
        default_factory=lambda: deque(maxlen=_MOST_LOOKS))
    saturated: list[float] = field(default_factory=list)

    def look(self, step: int, samples: int, alive: torch.Tensor) -> None:
        """One more look at a ReLU; several calls in one step count as one look."""
        if self.looks and self.looks[-1][0] == step:
            _, before, alive_before = self.looks.pop()
            samples, alive = before + samples, alive_before | alive
        self.looks.append((step, samples, alive))

    def recently_silent(self, fewest: int) -> tuple[float, int]:
        """Share of units that were zero for all samples of the last looks, and the number of these
        samples: those of the second half of the run, and `fewest` where there are so many.
        """
        alive, seen = torch.zeros(self.units, dtype=torch.bool), 0
        for step, samples, one in reversed(self.looks):
            if seen >= fewest and step < self.looks[-1][0] / 2:
                break
            alive, seen = alive | one.cpu(), seen + samples
        return float((~alive).float().mean()), seen


@dataclass
class FlipRecord:
    """A flip of something that no gradient flows through. axes: counted from the front."""

    dimensions: int
    axes: tuple[int, ...]


@dataclass
class NotableCalls:
    """Attributes, by the line of the call:
        flips: of data. torn_axes: (old, new) shape of a view that takes axes apart.
        batch_softmax: soft-max over axis 0. detached: times a model cut its own graph.
        activations: by (model, place in the forward pass, kind).
        functions: the script's own autograd functions -> (inputs of one call, line).
    """

    progress: WatchProgress
    layers: LayerRecords
    flips: dict[Line, FlipRecord] = field(default_factory=dict)
    torn_axes: dict[Line, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    batch_softmax: dict[Line, str] = field(default_factory=dict)
    detached: dict[Line, int] = field(default_factory=dict)
    activations: dict[tuple[int, int, str], ActivationRecord] = field(default_factory=dict)
    functions: dict[Any, tuple[tuple[Any, ...], Line]] = field(default_factory=dict)
    _ordinal: int = 0  # of the activation in this forward pass

    def torch_calls(self) -> dict[Any, CallHandler]:
        """Handlers of single torch calls."""
        tensor: Any = torch.Tensor
        groups = (
            ((F.dropout, F.alpha_dropout, F.feature_dropout if hasattr(F, "feature_dropout") else
              F.dropout2d), self._dropout),
            ((F.scaled_dot_product_attention, ), self._attention),
            ((tensor.flip, torch.flip, torch.fliplr, torch.flipud), self._flip),
            ((tensor.view, tensor.reshape, torch.reshape), self._view),
            ((F.relu, torch.relu, tensor.relu, torch.tanh, tensor.tanh, torch.sigmoid,
              tensor.sigmoid, F.tanh, F.sigmoid), self._activation),
            ((F.softmax, torch.softmax, tensor.softmax, F.log_softmax, torch.log_softmax,
              tensor.log_softmax), self._softmax),
            ((tensor.detach, tensor.data.__get__), self._detach),
        )
        return {function: handler for functions, handler in groups for function in functions}

    def model_called(self) -> None:
        self._ordinal = 0

    def function_applied(self, function: Any, args: tuple[Any, ...]) -> None:
        """Keeps the inputs of one call of a function that the script itself defines."""
        line = caller_location()
        size = sum(a.numel() for a in args if isinstance(a, torch.Tensor))
        if function not in self.functions and line is not None and size < _MOST_NUMBERS:
            copies = (a.detach().clone() if isinstance(a, torch.Tensor) else a for a in args)
            self.functions[function] = (tuple(copies), line)

    def _dropout(self, call: TorchCall) -> None:
        """Functional dropout in a model that is in eval mode, with no word about the mode in its
        line.
        """
        model = self.progress.model
        p = call.argument(1, "p", 0.5)
        on = p and call.kwargs.get("training", True)
        if not self.progress.in_call or model is None or not on or _called_by_layer():
            return  # outside of a model it may be an augmentation
        line = caller_location()
        if model.training:
            if p >= STRONG:
                self.layers.strong_dropouts.setdefault(str(line), (float(p), line))
            return
        text = source_text(line, 3)  # a call may go over several lines
        arguments = text.partition("dropout")[2].split(")")[0]
        # a library calls F.dropout with the right mode; here the script itself does
        called = "dropout(" in text.replace("2d", "").replace("3d", "")
        if "train" not in arguments and called:
            self.layers.dropout_in_eval[line] = "F.dropout without training=self.training"

    def _attention(self, call: TorchCall) -> None:
        model = self.progress.model
        if self.progress.in_call and model is not None and not model.training \
                and call.kwargs.get("dropout_p", 0.0) > 0:
            what = "attention with dropout_p, whatever the mode"
            self.layers.dropout_in_eval[caller_location()] = what

    def _flip(self, call: TorchCall) -> None:
        # x.flip(2, 3) and x.flip((2, 3)) mean the same
        axes = call.kwargs.get("dims", call.args[1:])
        axes = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        axes = {torch.fliplr: (1, ), torch.flipud: (0, )}.get(call.function, axes)
        if isinstance(call.result, torch.Tensor) and not call.result.requires_grad \
                and not self.progress.in_call:
            count = call.result.ndim
            self.flips.setdefault(
                caller_location(),
                FlipRecord(count, tuple(sorted(int(axis) % count for axis in axes))))

    def _view(self, call: TorchCall) -> None:
        """A view that tears an axis apart: the new shape is the old one with its axes in another
        order.
        """
        old, new = tuple(call.args[0].shape), tuple(call.result.shape)
        if not self.progress.full or len(old) < 3 or len(new) < len(old) or old == new \
                or not call.args[0].is_contiguous():
            return
        # axes of length 1 may be added and dropped freely
        before, after = [d for d in old if d > 1], [d for d in new if d > 1]
        moved = sorted(before) == sorted(after) and any(
            before.count(d) == 1 and before.index(d) != after.index(d) for d in before)
        if moved:
            self.torn_axes.setdefault(caller_location(), (old, new))

    def _activation(self, call: TorchCall) -> None:
        progress, result = self.progress, call.result
        if not progress.full or not progress.in_call or progress.model is None \
                or result.ndim < 2 or not result.requires_grad or result.numel() > _MOST_NUMBERS:
            return
        self._ordinal += 1
        kind = "relu" if "relu" in call.function.__name__ else call.function.__name__
        units_axis = 1 if result.ndim in (2, 4) else -1  # (N, D), (N, C, H, W) or (N, T, D)
        values = result.detach().movedim(units_axis, 0).flatten(1)  # (units, all the rest)
        key = (id(progress.model), self._ordinal, kind)
        record = self.activations.get(key)
        if record is None:
            if len(self.activations) > _MOST_ACTIVATIONS:
                return
            record = self.activations[key] = ActivationRecord(f"{kind} {self._ordinal}", kind,
                                                              caller_location(), len(values))
        if record.units != len(values):
            return  # the same place in the forward pass, but another branch of it
        if kind == "relu":
            record.look(progress.step, len(result), (values > 0).any(1))
        elif progress.step <= _SATURATION_STEPS:
            size = values.abs() if kind == "tanh" else (2 * values - 1).abs()
            full = (size > _SATURATED).float().mean(1) > 0.5  # (units,) on most samples
            record.saturated.append(float(full.float().mean()))
        record.samples += result.shape[0]

    def _softmax(self, call: TorchCall) -> None:
        result, axis = call.result, call.argument(1, "dim")
        if axis == 0 and self.progress.full and result.requires_grad and result.ndim >= 2 \
                and len(result) > 1:
            name = "log_softmax" if "log" in call.function.__name__ else "softmax"
            self.batch_softmax.setdefault(caller_location(), name)

    def _detach(self, call: TorchCall) -> None:
        if self.progress.in_call and self.progress.full and call.args[0].grad_fn is not None:
            line = caller_location()
            self.detached[line] = self.detached.get(line, 0) + 1


def _called_by_layer() -> bool:
    """Does a dropout module make this call? It has a mode of its own, and is looked at as a layer."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_FRAMES_TO_LAYER):
        if frame is None:
            return False
        if frame.f_code.co_filename == _DROPOUT_FILE:
            return True
        frame = frame.f_back
    return False
