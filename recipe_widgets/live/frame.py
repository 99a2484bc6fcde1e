"""All that a view shows of a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Phase = Literal["idle", "waiting", "running", "paused", "ended", "closed"]


@dataclass(frozen=True)
class Frame:
    """All that a view shows; made by the painter.

    Attributes:
        curves: HTML text. words: what happens. diagnosis: what is the matter, what to try. status:
            device and threads.
        runs: (number, title, pinned) of the runs kept, the newest first.
        inside: HTML of the open tab. steps_done: of the newest run. moment: the past step that is
            looked at, or None.
    """

    curves: str
    words: str
    status: str
    phase: Phase
    diagnosis: str = ""
    runs: tuple[tuple[int, str, bool], ...] = ()
    inside: str = ""
    steps_done: int = 0
    moment: int | None = None
