"""Which moves of a slider are one: a reader who drags it from 0.05 to 0.2 compares these two, not two
of the places in between.
"""

from __future__ import annotations

import time

# seconds after the release in which a move still belongs to it: a page may send its last value late
LAST_VALUE = 1.0


class Gesture:
    """Numbers the gestures of a reader's hand. The page says when a slider is held; what code moves
    is a gesture of its own each time.
    """

    def __init__(self) -> None:
        self._held = False
        self._open_until = 0.0  # time.monotonic()
        self._number = 0
        self._knobs: tuple[str, ...] = ()

    def hold(self, held: bool) -> None:
        """A page says that a slider is in the hand, or was let go."""
        if held and not self._held:
            self._next(())
        if self._held and not held:
            self._open_until = time.monotonic() + LAST_VALUE
        self._held = held

    def of(self, knobs: tuple[str, ...]) -> int:
        """Number of the gesture that turns these knobs, from 1."""
        if not self._open or (self._knobs and knobs != self._knobs):
            self._next(knobs)
        self._knobs = knobs
        return self._number

    @property
    def _open(self) -> bool:
        return self._held or time.monotonic() < self._open_until

    def _next(self, knobs: tuple[str, ...]) -> None:
        self._number += 1
        self._knobs = knobs
