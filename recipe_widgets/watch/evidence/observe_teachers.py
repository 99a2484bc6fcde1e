"""Outputs that a model gave earlier, and which samples they are used for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from recipe_widgets.rules.label_alignment import TeacherRows
from recipe_widgets.watch.evidence.forward_pass import float_outputs, tensors_in
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.sample_hash import SampleHasher
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_MOST_ROWS = 60_000  # of outputs that are remembered; then it begins anew
_FEWEST_ROWS, _KNOWN, _APART, _ALIGNED = 4, 0.9, 0.9, 0.1
_MOST_CANDIDATES = 8


@dataclass
class _Steps:
    """As of `TeacherRows`."""

    steps: int = 0
    apart: int = 0


class KeptOutputs(Observer):
    """uses: by line of the backward pass."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.uses: dict[SourceLocation | None, _Steps] = {}
        self._hasher = SampleHasher()
        # hash of a row of an output -> (hash of its sample, step)
        self._rows: dict[int, tuple[int, int]] = {}

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        last = self.records.pending.last
        if torch.is_grad_enabled() or last is None or last.hashes is None or last.with_graph \
                or last.samples < _FEWEST_ROWS or last.step != self.progress.step:
            return
        for z in float_outputs(tensors_in(output))[:1]:
            if z.ndim == 2 and z.shape[1] > 1 and len(z) == len(last.hashes):
                if len(self._rows) > _MOST_ROWS:
                    self._rows.clear()
                hashes = self._hasher.of([z])
                if hashes is not None:
                    values = ((sample, last.step) for sample in last.hashes.tolist())
                    self._rows.update(zip(hashes.tolist(), values, strict=True))

    def before_backward(self, roots: tuple[torch.Tensor, ...]) -> None:
        if not self._rows or not self.progress.close:
            return
        passes = [one for one in self.records.pending
                  if one.step == self.progress.step and one.hashes is not None]
        if len(passes) != 1 or passes[0].samples < _FEWEST_ROWS:
            return
        own = np.asarray(passes[0].hashes)
        shares = [share for one in self.records.losses.candidates[:_MOST_CANDIDATES]
                  if (share := self._apart(one, own)) is not None]
        if shares:
            record = self.uses.setdefault(caller_location(), _Steps())
            record.steps += 1
            # other samples' features beside the sample's own are negatives, on purpose
            record.apart += min(shares) > _APART

    def _apart(self, candidate: torch.Tensor, own: Any) -> float | None:
        """Share of rows that belong to another sample; None where that is not known."""
        if candidate.ndim != 2 or not candidate.is_floating_point() or len(candidate) != len(own):
            return None
        hashes = self._hasher.of([candidate])
        rows = [self._rows.get(one) for one in hashes.tolist()] if hashes is not None else []
        known = [one for one in rows if one is not None and one[1] < self.progress.step]
        if len(known) < len(own) or not len(own):
            return None
        samples = np.array([sample for sample, _ in known])
        seen = np.array([sample for sample, step in self._rows.values() if step < self.progress.step])
        if np.isin(own, seen).mean() < _KNOWN:
            return None
        share = float((samples != own).mean())
        return share if share > _APART or share < _ALIGNED else None


@builds(TeacherRows)
def teacher_rows(run: WatchedRun) -> Built:
    for line, one in run.observer(KeptOutputs).uses.items():
        yield TeacherRows(one.steps, one.apart), line
