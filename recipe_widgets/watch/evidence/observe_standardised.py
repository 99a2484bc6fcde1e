"""Over which samples the features have mean 0 and deviation 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Subset, TensorDataset

from recipe_widgets.rules.leaked_statistics import (
    OWN_EXACT,
    SHARE,
    OwnStatistics,
    StandardisedSamples,
)
from recipe_widgets.watch.evidence.loader_record import LoaderRecord
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.sample_hash import SampleHashes
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation, caller_location

_MOST_FEATURES, _MOST_NUMBERS = 4096, 4_000_000
_FEWEST_ROWS, _MOST_LOOKS = 20, 20


@builds(StandardisedSamples)
def standardised_samples(run: WatchedRun) -> Built:
    loaders = [one for one in run.records.loaders.records if one.trained or one.evaluated]
    rows = [_rows(one) for one in loaders]
    train = [x for x, one in zip(rows, loaders, strict=True) if one.trained and x is not None]
    tests = [x for x, one in zip(rows, loaders, strict=True) if not one.trained and x is not None]
    tests = [x for x in tests if train and x.shape[1] == train[0].shape[1]]
    if len(train) != 1 or not tests:
        return
    all_gaps, varies = _gaps(torch.cat([*train, *tests]))
    train_gaps, _ = _gaps(train[0])
    yield StandardisedSamples(tuple(all_gaps[varies].tolist()),
                              tuple(train_gaps[varies].tolist())), run.data_line


@builds(OwnStatistics)
def own_statistics(run: WatchedRun) -> Built:
    loaders = [one for one in run.records.loaders.records if one.trained or one.evaluated]
    train = [x for one in loaders if one.trained for x in _stored(one)]
    for one in loaders:
        if one.trained:
            continue
        for name, x in _stored(one):
            for same, theirs in train:
                if same == name and x.shape[1] == theirs.shape[1] and x is not theirs:
                    yield _own(x, theirs), one.line
    for line, gaps in run.observer(EvaluatedTables).tables:
        yield OwnStatistics(gaps[0], gaps[1], ()), line


def _own(x: torch.Tensor, train: torch.Tensor) -> OwnStatistics:
    gaps, varies = _gaps(x)
    theirs, _ = _gaps(train)
    return OwnStatistics(len(x), tuple(gaps[varies].tolist()), tuple(theirs[varies].tolist()))


def _stored(loader: LoaderRecord) -> list[tuple[str, torch.Tensor]]:
    """(name, (N, D)) of the tables that the loader's data set holds: its inputs, or attributes."""
    rows = _rows(loader)
    if rows is not None:
        return [("", rows)]
    found = []
    for name, value in (vars(loader.dataset) if hasattr(loader.dataset, "__dict__") else {}).items():
        table = torch.from_numpy(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" \
            and value.dtype.isnative and min(value.strides, default=0) >= 0 else value
        if isinstance(table, torch.Tensor) and _is_table(table):
            found.append((name, table.detach().double()))
    return found


class EvaluatedTables(Observer):
    """Whole tables that are evaluated at once, and were standardised by themselves.

    Attributes:
        tables: (line, (samples, gaps of its columns)).
        standardised: training batches that were, too: then each batch is, on purpose.
    """

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.tables: list[tuple[SourceLocation | None, tuple[int, tuple[float, ...]]]] = []
        self._looks = self._batches = 0
        self._seen: set[int] = set()

    def after_forward(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
                      output: Any) -> None:
        x = args[0] if args else None
        if not isinstance(x, torch.Tensor) or not _is_table(x) or len(x) < _FEWEST_ROWS \
                or x.requires_grad:
            return
        if torch.is_grad_enabled():  # batches that are standardised one by one
            if self.progress.full and self._batches < 2:
                known = self.records.pending.last
                first = known.hashes[0] if known is not None and known.hashes is not None else 0
                if _is_standard(x) and int(first) not in self._seen:
                    self._seen.add(int(first))
                    self._batches += 1
            return
        if self._looks >= _MOST_LOOKS or not self.progress.step:
            return
        self._looks += 1
        last = self.records.pending.last
        if _is_standard(x) and last is not None and last.hashes is not None \
                and not self._was_trained_on(last.hashes):
            gaps, varies = _gaps(x.detach().double())
            self.tables.append((caller_location(), (len(x), tuple(gaps[varies].tolist()))))

    def _was_trained_on(self, hashes: SampleHashes) -> bool:
        known = [one for _, one in self.records.samples.train_hashes]
        return not known or bool(np.isin(hashes, np.concatenate(known)).any())

    def script_ended(self) -> None:
        if self._batches >= 2:
            self.tables = []


def _is_standard(x: torch.Tensor) -> bool:
    gaps, varies = _gaps(x.detach().double())
    return bool(varies.any()) and float((gaps[varies] < OWN_EXACT).double().mean()) >= SHARE


def _is_table(x: torch.Tensor) -> bool:
    return x.ndim == 2 and x.is_floating_point() and x.layout == torch.strided \
        and 0 < x.shape[1] <= _MOST_FEATURES and len(x) > 1 and x.numel() <= _MOST_NUMBERS


def _rows(loader: LoaderRecord) -> torch.Tensor | None:
    """(N, D) of its inputs, as they are stored."""
    part, indices = loader.dataset, None
    dataset = part
    if isinstance(part, Subset):
        dataset, indices = part.dataset, part.indices
    if not isinstance(dataset, TensorDataset):
        return None
    x = dataset.tensors[0]
    return _chosen(x.detach(), indices) if _is_table(x) else None


def _chosen(x: torch.Tensor, indices: Sequence[int] | None) -> torch.Tensor:
    return (x if indices is None else x[torch.as_tensor(indices)]).double()


def _gaps(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """|mean| + |std - 1| of each column, and which columns vary. With N or N - 1 in the deviation."""
    biased, unbiased = x.std(0, unbiased=False), x.std(0)
    off = torch.minimum((biased - 1).abs(), (unbiased - 1).abs())
    return x.mean(0).abs() + off, biased > 0
