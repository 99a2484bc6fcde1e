"""Maps of class numbers that are resized, and become targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.nn import functional as F

from recipe_widgets.rules.label_maps import InterpolatedMaps
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_SMOOTH = ("linear", "bilinear", "bicubic", "trilinear", "area")
_PIL_NEAREST = 0
_PIL_NAMES = {1: "Lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "Hamming"}
_MOST_LOOKS, _MOST_NUMBERS = 600, 1_000_000
_CLASSES = 64  # a map of more values is a picture
_IGNORED = 255
_FEWEST_VALUES = 3
_FEWEST_PIXELS = 16


@dataclass
class _Resized:
    """A map that was made by an interpolation. made_up: has it numbers that it had not before?"""

    line: SourceLocation | None
    how: str
    made_up: bool


@dataclass
class _Targets:
    """As of `InterpolatedMaps`."""

    how: str
    maps: int = 0
    made_up: int = 0


class LabelMaps(Observer):
    """targets: by line of the interpolation."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.targets: dict[SourceLocation | None, _Targets] = {}
        self._made: dict[bytes, _Resized] = {}
        self._looks = 0

    def torch_calls(self) -> dict[Any, CallHandler]:
        return {F.interpolate: self._interpolated,
                **dict.fromkeys((F.cross_entropy, F.nll_loss), self._loss)}

    def _interpolated(self, call: TorchCall) -> None:
        x, mode = call.argument(0, "input"), call.argument(3, "mode", "nearest")
        if mode in _SMOOTH and x.ndim == 4 and not x.requires_grad and not self.progress.in_call \
                and x.numel() <= _MOST_NUMBERS and x.shape[1] == 1:
            line = caller_location()
            for old, new in zip(x.detach(), call.result.detach(), strict=True):
                self._resized(old.float().cpu().numpy(), new.float().cpu().numpy(), mode, line)

    def image_resized(self, image: Any, resample: Any, result: Any) -> None:
        if image.mode not in ("L", "I", "F") or resample == _PIL_NEAREST \
                or image.size[0] * image.size[1] > _MOST_NUMBERS:
            return
        how = "bicubic" if resample is None else _PIL_NAMES.get(int(resample), "Pillow's")
        self._resized(np.asarray(image), np.asarray(result), how, caller_location())

    def _resized(self, old: Any, new: Any, how: str, line: SourceLocation | None) -> None:
        if self._looks >= _MOST_LOOKS or new.size < _FEWEST_PIXELS:
            return
        self._looks += 1
        values = np.unique(old)
        classes = values[values != _IGNORED]
        if not _FEWEST_VALUES <= len(classes) <= _CLASSES or (classes != classes.round()).any() \
                or classes.min() < 0 or classes.max() >= _CLASSES:
            return
        rounded, cut = np.rint(new), np.trunc(new)
        for one in (rounded, cut):
            made_up = bool(np.setdiff1d(one, values).size)
            self._made[_mark(one)] = _Resized(line, how, made_up)

    def _loss(self, call: TorchCall) -> None:
        y = call.argument(1, "target")
        if not self._made or not self.progress.close or y.ndim != 3 or y.is_floating_point() \
                or y.numel() > _MOST_NUMBERS:
            return
        for one in y.detach().cpu().numpy():
            known = self._made.pop(_mark(one), None)
            if known is not None:
                record = self.targets.setdefault(known.line, _Targets(known.how))
                record.maps, record.made_up = record.maps + 1, record.made_up + known.made_up


def _mark(classes: Any) -> bytes:
    """How often each class stands in a map, whichever way it is turned."""
    flat = np.clip(classes.reshape(-1), 0, _IGNORED).astype(np.int64)
    return np.bincount(flat, minlength=_IGNORED + 1).tobytes()


@builds(InterpolatedMaps)
def interpolated_maps(run: WatchedRun) -> Built:
    for line, one in run.observer(LabelMaps).targets.items():
        yield InterpolatedMaps(one.how, one.maps, one.made_up), line
