"""One training in several processes: each computes its share of every batch, and all make the
same update.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from recipe_widgets.core import RecipeError
from recipe_widgets.data import Split
from recipe_widgets.training.losses import LossFunction
from recipe_widgets.training.processes import count, rank
from recipe_widgets.training.trainer import OneProcess, Training
from recipe_widgets.training.training_state import drawing_generators
from recipe_widgets.training.validation import Evaluation, evaluate


class ManyProcesses(OneProcess):
    """How a training computes its steps on `torch.nn.parallel.DistributedDataParallel`:
    `settings.batch_size` counts over all processes.

    Same data order, same updates as one process, but for the rounding of sums. What differs:
    dropout and augmentation draw other numbers in every process (the same ones would silence the
    same units for every share), and BatchNorm sees only a process's own share; the first process's
    running statistics count.
    """

    def begin(self, training: Training) -> None:
        """
        Raises:
            RecipeError: fewer samples in a batch than processes.
        """
        self._samples = training.batches.batch_size  # of the whole batch
        if self._samples < count():
            raise RecipeError(
                "Settings.batch_size", found=self._samples,
                expected=f"at least one sample for each of the {count()} processes")
        # shares of 22, 21 and 21 samples weigh as many
        share = len(self.rows(torch.arange(self._samples)))
        self._weight = share * count() / self._samples
        self._parts_of_splits: dict[int, Split] = {}
        self._wrapped = DistributedDataParallel(training.model)
        draw_apart(drawing_generators(training))

    def rows(self, batch: torch.Tensor) -> torch.Tensor:
        """This process's share of a batch, which all processes draw alike."""
        return batch.tensor_split(count())[rank()]

    def forward(self, model: nn.Module, x: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Output of this process's share, through the wrapped model: it averages gradients over
        processes as they are computed.
        """
        output: torch.Tensor = self._wrapped(x)
        return output

    def backward(self, loss: torch.Tensor) -> None:
        (loss if self._weight == 1.0 else loss * self._weight).backward()

    def whole_batch(self, loss: torch.Tensor, hits: torch.Tensor | None,
                    size: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The same numbers in every process."""
        counted = hits if hits is not None else torch.zeros_like(loss)
        # float64: sums of float32 would depend on the number of processes
        sums = torch.stack([loss.double() * size, counted.double()])
        dist.all_reduce(sums)
        mean_loss, accuracy = (sums / self._samples).unbind()
        return mean_loss, accuracy if hits is not None else None

    def evaluate(self, model: nn.Module, split: Split, loss_fn: LossFunction) -> Evaluation:
        """Each process judges every n-th sample; the sums come together."""
        # BatchNorm's statistics drift apart: all judge with those of the first process
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)
        # interleaved, so that a set sorted by class is shared evenly
        rows = torch.arange(rank(), split.size, count())
        sums = torch.zeros(2, dtype=torch.float64, device=split.x.device)  # of losses, of hits
        if len(rows):
            if id(split) not in self._parts_of_splits:
                self._parts_of_splits[id(split)] = Split(split.samples.take(rows), split.name,
                                                         split.mean, split.std)
            mine = evaluate(model, self._parts_of_splits[id(split)], loss_fn)
            sums += torch.tensor([mine.loss * mine.n, mine.accuracy * mine.n], dtype=torch.float64,
                                 device=sums.device)
        dist.all_reduce(sums)
        loss, accuracy = (sums / split.size).tolist()
        return Evaluation(loss, accuracy, split.size)


def draw_apart(generators: Iterable[torch.Generator], *more: int) -> None:
    """Other random numbers in every process but the first: from the seed, the rank and `more`."""
    # the first process draws as it would alone
    if rank() == 0 and not more:
        return
    for one in generators:
        mixed = np.random.SeedSequence([one.initial_seed(), rank(),
                                        *more]).generate_state(1, np.uint64)[0]
        one.manual_seed(int(mixed) >> 1)  # torch takes 63 bits
