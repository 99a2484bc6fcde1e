"""Notes about tensors that pass by."""

from __future__ import annotations

import weakref
from typing import Any, Generic, TypeVar

import torch

Note = TypeVar("Note")


class TensorNotes(Generic[Note]):
    """A note for each of a few tensors. It holds none of them: a note ends with its tensor.

    A dict would compare numbers, and ids alone are used again.
    """

    def __init__(self) -> None:
        self._notes: dict[int, tuple[weakref.ref[torch.Tensor], Note]] = {}

    def __len__(self) -> int:
        """Notes that were made since `clear`."""
        return len(self._notes)

    def __setitem__(self, tensor: torch.Tensor, note: Note) -> None:
        self._notes[id(tensor)] = weakref.ref(tensor), note

    def of(self, thing: Any) -> Note | None:
        """The note about this very tensor; None where there is none, or it is no tensor."""
        known = self._notes.get(id(thing))
        return known[1] if known is not None and known[0]() is thing else None

    def clear(self) -> None:
        self._notes.clear()
