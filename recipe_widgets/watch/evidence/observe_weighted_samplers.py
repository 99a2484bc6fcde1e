"""Samplers that draw some samples more often than others."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils.data import WeightedRandomSampler

from recipe_widgets.rules.class_weights import WeightsAndSampler
from recipe_widgets.watch.evidence.observe_loss_calls import LossCalls
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds

_MOST_VALUES = 1000  # different weights; more are no weights of classes


class WeightedSamplers(Observer):
    """ratios: number of a loader's record -> largest / smallest weight of its sampler."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.ratios: dict[int, float] = {}

    def loader_made(self, loader: Any) -> None:
        sampler = getattr(loader, "sampler", None)
        if isinstance(sampler, WeightedRandomSampler):
            values = torch.as_tensor(sampler.weights).unique()
            values = values[values > 0]
            if 1 < len(values) <= _MOST_VALUES:
                self.ratios[len(self.records.loaders.records)] = float(values[-1] / values[0])


@builds(WeightsAndSampler)
def weights_and_samplers(run: WatchedRun) -> Built:
    trained = [one for one in run.records.loaders.records if one.trained]
    ratios = [run.observer(WeightedSamplers).ratios.get(one.number) for one in trained]
    known = [ratio for ratio in ratios if ratio is not None]
    if not known or len(known) < len(ratios):
        return
    for (line, _), record in run.observer(LossCalls).by_line.items():
        counts, weights = record.counts, record.weights
        if counts is not None and weights is not None and len(counts) == len(weights):
            yield WeightsAndSampler(np.asarray(counts), np.asarray(weights), max(known)), line
        positives, pos_weight = record.positives, record.pos_weight
        if positives is not None and pos_weight is not None and len(positives) == 1:
            positive = float(np.asarray(positives)[0])
            both = np.array([record.labels - positive, positive])
            yield WeightsAndSampler(
                both, np.array([1.0, float(np.asarray(pos_weight).reshape(-1)[0])]),
                max(known)), line
