"""Steps per second, as a reader is told."""

from __future__ import annotations

import time


class StepRate:
    """How fast a run goes: an average over the last second or so."""

    def __init__(self) -> None:
        self.start(0)

    def start(self, steps: int) -> None:
        self._since, self._from, self.steps_per_second = time.perf_counter(), steps, 0.0

    def note(self, steps: int) -> bool:
        """Tell how far the run is; True about every third of a second, when the rate is renewed."""
        now = time.perf_counter()
        if now - self._since >= 0.3:
            rate = (steps - self._from) / (now - self._since)
            self.steps_per_second = rate if not self.steps_per_second else 0.6 * self.steps_per_second + 0.4 * rate
            self._since, self._from = now, steps
            return True
        return False
