"""Which samples make the next batch."""

from __future__ import annotations

import copy
from typing import Annotated, Any

import torch

from recipe_widgets.core import generator
from recipe_widgets.core.randomness import sent
from recipe_widgets.core.validation import validated, whole


class BatchIndices:
    """An endless iterator over index tensors (batch,): every epoch a fresh shuffle, cut into equal
    batches.

    What is left of an epoch after the last full batch is dropped, so that all steps have the same
    size; the next shuffle gives every sample a new chance. A batch larger than the data is the
    whole data.
    """

    @validated
    def __init__(self, n: Annotated[int, whole(1, 2**28)],
                 batch_size: Annotated[int, whole(1, 2**40)],
                 seed: Annotated[int, whole(0, 2**63 - 1)],
                 device: torch.device | str = "cpu") -> None:
        self.n, self.batch_size, self.device = n, min(batch_size, n), device
        self.generator = generator(seed, "batches")
        self.epoch = -1
        # of the epoch's shuffle, from which it can be made again
        self._before = self.generator.get_state()
        self._order = torch.empty(0, dtype=torch.int64)
        self._chunks = torch.empty(0, 1, dtype=torch.int64)  # (batches, batch_size)
        self._start = self._next = 0  # of the first chunk in the order; number of the next chunk

    @property
    def steps_per_epoch(self) -> int:
        return self.n // self.batch_size

    def __iter__(self) -> BatchIndices:
        return self

    def __next__(self) -> torch.Tensor:
        if self._next >= len(self._chunks):
            self._shuffle()
            self.epoch += 1
        self._next += 1
        return self._chunks[self._next - 1]

    def __deepcopy__(self, memo: dict[int, Any]) -> BatchIndices:
        """The order of an epoch is never written to, so copies share it: hundreds of small
        tensors less to copy.
        """
        made = copy.copy(self)
        made.generator = copy.deepcopy(self.generator, memo)
        return made

    @validated
    def resize(self, batch_size: Annotated[int, whole(1, 2**40)]) -> None:
        """Go on with batches of another size, from the next sample of this epoch that no batch
        has used yet.
        """
        # samples of this epoch that batches have used, whatever their sizes were
        used = self._start + self._next * self.batch_size
        self.batch_size = min(batch_size, self.n)
        if self.epoch >= 0:
            self._cut(used)

    def _shuffle(self) -> None:
        self._before = self.generator.get_state()
        # on the CPU: the same order on every device
        self._order = torch.randperm(self.n, generator=self.generator)
        self._cut(0)

    def _cut(self, start: int) -> None:
        full = (self.n - start) // self.batch_size * self.batch_size  # samples in whole batches
        rows = sent(self._order[start:start + full], self.device)
        self._chunks = rows.view(-1, self.batch_size)
        self._start, self._next = start, 0

    def state_dict(self) -> dict[str, Any]:
        """Where in which epoch it is; a few kB, whatever the number of samples."""
        # the generator as it was before the shuffle: so the order needs not be stored
        return {
            "before": self._before, "epoch": self.epoch, "start": self._start, "next": self._next
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was called, on an iterator over as many samples in batches of
        the same size.
        """
        self.generator.set_state(state["before"])
        if state["epoch"] >= 0:
            self._shuffle()
            self._cut(state["start"])
        self.epoch, self._next = state["epoch"], state["next"]
