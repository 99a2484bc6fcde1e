"""One training in several processes: each computes its share of every batch, and all make the
same update.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from recipe_widgets.core import Probe, RecipeError, Settings, Step
from recipe_widgets.data import Data, Split
from recipe_widgets.training.batch_indices import BatchIndices
from recipe_widgets.training.loop import ACCURACY_EVERY, LossOfBatch, Training
from recipe_widgets.training.processes import count, rank
from recipe_widgets.training.training_state import generators
from recipe_widgets.training.validation import Evaluation, evaluate


class Share:
    """This process's share of every batch of `whole`, which all processes draw alike."""

    def __init__(self, whole: BatchIndices) -> None:
        self.whole = whole
        self.size = len(torch.arange(whole.batch_size).tensor_split(count())[rank()])

    def __next__(self) -> torch.Tensor:
        return next(self.whole).tensor_split(count())[rank()]

    def __iter__(self) -> Share:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)


class DistributedTraining(Training):
    """`Training` on `torch.nn.parallel.DistributedDataParallel`: `settings.batch_size` counts over
    all processes.

    Same data order, same updates as one process, but for the rounding of sums. What differs:
    dropout and augmentation draw other numbers in every process (the same ones would silence the
    same units for every share), and BatchNorm sees only a process's own share; the first process's
    running statistics count.

    Raises:
        RecipeError: fewer samples in a batch than processes.
    """

    def __init__(self, model: nn.Module, data: Data, settings: Settings,
                 probes: Sequence[Probe] = (), loss_fn: LossOfBatch | None = None) -> None:
        super().__init__(model, data, settings, probes, loss_fn)
        self._samples = self.batches.batch_size
        if self._samples < count():
            raise RecipeError(
                "Settings.batch_size", found=self._samples,
                expected=f"at least one sample for each of the "
                f"{count()} processes")
        share = Share(self.batches)
        self.batches = share  # type: ignore[assignment]
        # shares of 22, 21 and 21 samples weigh as many
        self._weight = share.size * count() / self._samples
        self._shards: dict[int, Split] = {}
        # a function: its weights are the model's, saved there
        self._wrapped = DistributedDataParallel(self.model).__call__
        draw_apart(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of this process's share. Gradients are averaged over processes as they are
        computed.
        """
        logits = super().forward(x)
        if self._weight != 1.0 and logits.requires_grad:
            logits.register_hook(lambda gradient: gradient * self._weight)
        return logits

    def _through(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self._wrapped(x)
        return logits

    def step(self) -> Step:
        step = super().step()
        step.loss_tensor = self._whole_loss
        return step

    def _record(self, index: int, loss: torch.Tensor, logits: torch.Tensor,
                y: torch.Tensor) -> None:
        """Loss and hits of the whole batch, the same numbers in every process."""
        hits = (logits.argmax(1) == y).sum()
        sums = torch.stack([loss.double() * len(y), hits.double()])
        dist.all_reduce(sums)
        self._whole_loss, accuracy = (sums / self._samples).unbind()
        self.loss = float(self._whole_loss)
        self.history.append("train_loss", index, self.loss)
        if index % ACCURACY_EVERY == 0:
            self.history.append("train_accuracy", index, float(accuracy))

    def _look(self, split: Split) -> Evaluation:
        """Each process judges every n-th sample; the sums come together."""
        for buffer in self.judged.buffers():
            dist.broadcast(buffer, 0)
        rows = torch.arange(rank(), split.size, count())
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        if len(rows):
            if id(split) not in self._shards:
                self._shards[id(split)] = Split(split.samples.take(rows), split.name, split.mean,
                                                split.std)
            mine = evaluate(self.judged, self._shards[id(split)])
            sums += torch.tensor([mine.loss * mine.n, mine.accuracy * mine.n], dtype=torch.float64,
                                 device=self.device)
        dist.all_reduce(sums)
        loss, accuracy = (sums / split.size).tolist()
        return Evaluation(loss, accuracy, split.size)


def draw_apart(training: Training, *more: int) -> None:
    """Other random numbers in every process but the first: from the seed, the rank and `more`."""
    if rank() == 0 and not more:
        return
    for one in generators(training).values():
        mixed = np.random.SeedSequence([one.initial_seed(), rank(),
                                        *more]).generate_state(1, np.uint64)[0]
        one.manual_seed(int(mixed) >> 1)
