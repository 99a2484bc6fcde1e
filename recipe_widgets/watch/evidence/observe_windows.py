"""Windows of a series: does the evaluation have any that training windows overlap?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from recipe_widgets.rules.split_leak import OVERLAPPING, SharedWindows
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import READS_SAMPLES, Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation

_MOST_NUMBERS, _MOST_OF_PASS = 2_000_000, 500_000  # of training windows that are kept; of a batch
_MOST_WINDOWS, _MOST_PLACES = 512, 4  # of an evaluation; lines that evaluate
_SHORTEST, _LONGEST = 8, 2048
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
Hashes = npt.NDArray[np.uint64]


@dataclass
class _Evaluation:
    """Windows that were evaluated when `seen` training windows were kept."""

    windows: torch.Tensor
    seen: int


class SeriesWindows(Observer):
    """Attributes:
        train: windows of training passes. evaluations: by line, those of the last one.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.train: list[torch.Tensor] = []
        self.evaluations: dict[SourceLocation | None, _Evaluation] = {}
        self._numbers = self._windows = 0
        self._model, self._phase = 0, -1
        self._shape: tuple[int, ...] = ()
        self._place: SourceLocation | None = None

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        one = self.records.pending.last
        if one is None or not one.inputs or not one.from_data or one.hashes is None \
                or self._model not in (0, one.model):
            return
        x = one.inputs[0]
        if not x.is_floating_point() or x.ndim not in (2, 3) or x.numel() > _MOST_OF_PASS \
                or max(x.shape[1:]) < _SHORTEST or max(x.shape[1:]) > _LONGEST:
            return
        form = tuple(x.shape[1:])
        if one.with_graph and one.training:
            if self._numbers + x.numel() <= _MOST_NUMBERS and self._shape in ((), form):
                self._model, self._shape = one.model, form
                self._numbers, self._windows = self._numbers + x.numel(), self._windows + len(x)
                self.train.append(x.detach().cpu().clone())
        elif not one.with_graph and self._windows and form == self._shape:
            self._evaluated(one.line, x)

    def _evaluated(self, line: SourceLocation | None, x: torch.Tensor) -> None:
        fresh = self._phase != self.progress.step or self._place != line
        if line not in self.evaluations and len(self.evaluations) >= _MOST_PLACES:
            return
        self._phase, self._place = self.progress.step, line
        known = None if fresh else self.evaluations.get(line)
        if known is None:
            self.evaluations[line] = _Evaluation(x[:_MOST_WINDOWS].detach().cpu().clone(), self._windows)
        elif len(known.windows) < _MOST_WINDOWS:
            more = x[:_MOST_WINDOWS - len(known.windows)].detach().cpu()
            known.windows = torch.cat([known.windows, more])


def _steps(x: torch.Tensor, axis: int) -> Hashes:
    """(N, T) a number for what stands at each step of the time axis."""
    values = x.movedim(axis, 1).reshape(len(x), x.shape[axis], -1).double().numpy().view(np.uint64)
    factors = np.random.default_rng(7).integers(1, 2**62, values.shape[2], dtype=np.int64) | 1
    mixed = (values ^ (values >> np.uint64(29))) * factors.astype(np.uint64)
    steps: Hashes = mixed.sum(2, dtype=np.uint64)
    return steps


def _segments(steps: Hashes, width: int) -> Hashes:
    """(N, T - width + 1) a number for each run of `width` steps, wherever it stands."""
    count = steps.shape[1]
    powers, inverse = (np.array([pow(_BASE, sign * t, 2**64) for t in range(count)], np.uint64)
                       for sign in (1, -1))
    sums = np.zeros((len(steps), count + 1), np.uint64)
    np.cumsum(steps * powers, axis=1, out=sums[:, 1:])
    segments: Hashes = (sums[:, width:] - sums[:, :-width]) * inverse[:count - width + 1]
    return segments


def overlaps(train: torch.Tensor, windows: torch.Tensor, axis: int) -> SharedWindows:
    """train (M, ...), windows (N, ...), with time along this axis."""
    of_train, of_test = (np.unique(_steps(x, axis), axis=0) for x in (train, windows))
    length = of_train.shape[1]
    half = length // 2
    different = np.array([len(np.unique(row)) > 0.75 * length for row in of_test], bool)
    if different.mean() < OVERLAPPING:
        return SharedWindows(0, len(of_test), 0, length)
    segments, own = _segments(of_train, half), _segments(of_test, half)
    before = np.unique(segments[:, 1:])  # what a window has in front begins later in an earlier one
    after = np.unique(segments[:, :-1])
    shared = np.isin(own[:, 0], before) & np.isin(own[:, -1], after) & different
    copied = np.isin(_segments(of_test, length)[:, 0], _segments(of_train, length)[:, 0])
    return SharedWindows(int((shared & ~copied).sum()), len(of_test), int(copied.sum()), length)


@builds(SharedWindows, READS_SAMPLES)
def shared_windows(run: WatchedRun) -> Built:
    seen = run.observer(SeriesWindows)
    if not seen.train or run.several_models:
        return
    train = torch.cat(seen.train)
    for line, one in seen.evaluations.items():
        for axis in range(1, train.ndim):
            run.check_time()
            if train.shape[axis] >= _SHORTEST:
                yield overlaps(train[:one.seen], one.windows, axis), line
