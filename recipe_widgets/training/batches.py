"""Which samples make the next batch."""

from __future__ import annotations

from typing import Any

import torch

from recipe_widgets.records import generator


class BatchIndices:
    """An endless iterator over index tensors (batch,): every epoch a fresh shuffle, cut into equal batches.

    What is left of an epoch after the last full batch is dropped, so that all steps have the same size; the next
    shuffle gives every sample a new chance. A batch larger than the data is the whole data.
    """

    def __init__(self, n: int, batch_size: int, seed: int, device: torch.device | str = "cpu") -> None:
        self.n, self.batch_size, self.device = n, min(batch_size, n), device
        self.generator = generator(seed, "batches")
        self.epoch = -1
        self._before = self.generator.get_state()  # of the epoch's shuffle, from which it can be made again
        self._chunks: tuple[torch.Tensor, ...] = ()
        self._next = 0

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

    def _shuffle(self) -> None:
        self._before = self.generator.get_state()
        order = torch.randperm(self.n, generator=self.generator)  # on the CPU: the same order on every device
        full = self.steps_per_epoch * self.batch_size
        self._chunks = order[:full].to(self.device).split(self.batch_size)
        self._next = 0

    def state_dict(self) -> dict[str, Any]:
        """Where in which epoch it is; a few kB, whatever the number of samples."""
        return {"before": self._before, "epoch": self.epoch, "next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was called, on an iterator over as many samples in batches of the same size."""
        self.generator.set_state(state["before"])
        if state["epoch"] >= 0:
            self._shuffle()
        self.epoch, self._next = state["epoch"], state["next"]
