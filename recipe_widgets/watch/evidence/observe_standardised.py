"""Over which samples the features have mean 0 and deviation 1."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.utils.data import Subset, TensorDataset

from recipe_widgets.rules.leaked_statistics import StandardisedSamples
from recipe_widgets.watch.evidence.loader_record import LoaderRecord
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds

_MOST_FEATURES, _MOST_NUMBERS = 4096, 4_000_000


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


def _rows(loader: LoaderRecord) -> torch.Tensor | None:
    """(N, D) of its inputs, as they are stored."""
    part, indices = loader.dataset, None
    dataset = part
    if isinstance(part, Subset):
        dataset, indices = part.dataset, part.indices
    if not isinstance(dataset, TensorDataset):
        return None
    x = dataset.tensors[0]
    if x.ndim != 2 or not x.is_floating_point() or x.shape[1] > _MOST_FEATURES \
            or x.numel() > _MOST_NUMBERS:
        return None
    return _chosen(x.detach(), indices)


def _chosen(x: torch.Tensor, indices: Sequence[int] | None) -> torch.Tensor:
    return (x if indices is None else x[torch.as_tensor(indices)]).double()


def _gaps(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """|mean| + |std - 1| of each column, and which columns vary. With N or N - 1 in the deviation."""
    biased, unbiased = x.std(0, unbiased=False), x.std(0)
    off = torch.minimum((biased - 1).abs(), (unbiased - 1).abs())
    return x.mean(0).abs() + off, biased > 0
