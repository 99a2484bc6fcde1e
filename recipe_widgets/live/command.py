"""What a reader asks a session for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from recipe_widgets.core import Settings

Action = Literal["restart", "continue", "fork", "resume", "pause", "stop", "reset", "seeds", "visit",
             "rewind"]


@dataclass(frozen=True)
class Command:
    """What a reader asked for last. Later orders replace earlier ones that nobody has read yet."""

    do: Action
    settings: Settings
    step: int | None = None  # to visit, or to rewind to
    against: Settings | None = None  # to compare with over seeds
