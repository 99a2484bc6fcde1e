"""The samples that were trained on: hashes, labels, statistics, and a few of them whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from recipe_widgets.watch.evidence.forward_pass import ForwardPass
from recipe_widgets.watch.evidence.input_statistics import RunningStatistics, SampleStore
from recipe_widgets.watch.evidence.sample_hash import SampleHasher, SampleHashes
from recipe_widgets.watch.instrument.source_location import SourceLocation

_MOST_NUMBERS = 5_000_000  # of a batch whose statistics are taken
_MOST_EVALUATION_SAMPLES = 1500  # whose statistics are taken
_MOST_STREAMS = 8
Labels = npt.NDArray[np.int64]  # (N,)

Stream = tuple[int, SourceLocation | None]


@dataclass
class SampleRecords:
    """Attributes:
        train_hashes: (model's number, hashes) of training batches. train_passes: (generation, step)
            of each of them. train_labels: of training batches.
        hashed_labels: model's number -> (hashes, labels) of batches of which both are known.
        train_inputs, eval_inputs: statistics. Of the training by stream: (place, line) of the call
            among those that one backward pass reached, as with two domains.
        train_store, eval_store: samples with labels.
    """

    hasher: SampleHasher = field(default_factory=SampleHasher)
    train_hashes: list[tuple[int, SampleHashes]] = field(default_factory=list)
    train_passes: list[tuple[int, int]] = field(default_factory=list)
    train_labels: list[Labels] = field(default_factory=list)
    hashed_labels: dict[int, list[tuple[SampleHashes, Labels]]] = field(default_factory=dict)
    train_inputs: dict[Stream, RunningStatistics] = field(default_factory=dict)
    eval_inputs: RunningStatistics = field(default_factory=RunningStatistics)
    train_store: SampleStore = field(default_factory=SampleStore)
    eval_store: SampleStore = field(default_factory=SampleStore)

    def hashes_of(self, inputs: list[torch.Tensor]) -> SampleHashes | None:
        """Of the inputs that have a row per sample, as the first one has."""
        return self.hasher.of([x for x in inputs if x.ndim and len(x) == len(inputs[0])
                               and x.layout == torch.strided])  # no sparse adjacency

    def trained_on(self, one: ForwardPass, position: int, full: bool) -> None:
        """A training pass is complete. position: among the calls that one backward pass reached."""
        if one.hashes is not None:
            self.train_hashes.append((one.model, one.hashes))
            self.train_passes.append((one.generation, one.step))
        stream = position, one.line
        if full and (stream in self.train_inputs or len(self.train_inputs) < _MOST_STREAMS):
            _add_inputs(one, self.train_inputs.setdefault(stream, RunningStatistics()))

    def evaluated_on(self, one: ForwardPass) -> None:
        if self.eval_inputs.samples < _MOST_EVALUATION_SAMPLES:
            _add_inputs(one, self.eval_inputs)

    def compared(self, one: ForwardPass, labels: torch.Tensor) -> None:
        """Predictions of an evaluation were compared with labels (N,)."""
        if one.inputs and one.from_data:
            self.eval_store.add(one.inputs[0], labels)

    def labelled(self, one: ForwardPass, labels: torch.Tensor) -> None:
        """A loss tells the labels of a training pass."""
        if not one.inputs or not labels.ndim or len(labels) != one.samples or not one.from_data:
            return
        classes = not labels.is_floating_point() and labels.dtype != torch.bool
        if labels.ndim == 1 and classes:
            array = labels.detach().cpu().numpy().astype(np.int64)
            self.train_labels.append(array)
            if one.hashes is not None:
                self.hashed_labels.setdefault(one.model, []).append((one.hashes, array))
            self.train_store.add(one.inputs[0], labels)
        elif labels.numel() == one.samples and labels.is_floating_point():
            flat = labels.detach().flatten()
            if bool(((flat == 0) | (flat == 1)).all()):  # of a binary loss
                self.train_labels.append(flat.cpu().numpy().astype(np.int64))

    @property
    def training_repeats(self) -> bool:
        """Do training samples come again bit for bit?"""
        return self.times_seen > 1.5

    @property
    def times_seen(self) -> float:
        """How often a training sample came, on average; 0 when none was hashed."""
        if not self.train_hashes:
            return 0.0
        whole = np.concatenate([hashes for _, hashes in self.train_hashes])
        return len(whole) / max(1, len(np.unique(whole)))


def _add_inputs(one: ForwardPass, into: RunningStatistics) -> None:
    x: Any = one.inputs[0] if one.inputs and one.from_data else None
    if x is not None and x.is_floating_point() and x.ndim >= 2 and x.numel() < _MOST_NUMBERS:
        into.add(x)
