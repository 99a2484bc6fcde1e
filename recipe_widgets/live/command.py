"""What a reader asks of a session, and the one place where the newest command waits."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

from recipe_widgets.core import Settings

Action = Literal["restart", "continue", "fork", "resume", "pause", "stop", "reset", "seeds",
                 "visit", "rewind"]
Phase = Literal["idle", "waiting", "running", "paused", "ended", "closed"]
# commands that train nothing: they need not wait until other panels have finished
WITHOUT_TRAINING: tuple[Action, ...] = ("pause", "stop", "reset")


@dataclass(frozen=True)
class Command:
    """What a reader asked for last."""

    action: Action
    settings: Settings
    step: int | None = None  # to visit, or to rewind to
    against: Settings | None = None  # to compare with over seeds
    gesture: int = 0  # moves of a slider with the same number are one; 0: none
    note: str = ""  # to be said of it


class CommandQueue:
    """A queue of length one between the readers' threads and the trainer thread: the newest command
    replaces an earlier one that nobody has read yet.

    The phase of the session stands under the same lock, since a command that waits is a phase.

    Attributes:
        changed: the lock; notified when the phase changes.
        settings: the newest that a reader asked for.
        visiting: the past step that was asked for last, or None.
    """

    def __init__(self, settings: Settings) -> None:
        self.changed = threading.Condition()
        self.phase: Phase = "idle"
        self.first_settings = self.settings = settings
        self.visiting: int | None = None
        self._waiting: Command | None = None

    @property
    def waiting(self) -> Command | None:
        """The command that the trainer thread has not read yet."""
        return self._waiting

    def put(self, action: Action, settings: Settings | None = None, step: int | None = None,
            against: Settings | None = None, gesture: int = 0,
            note: str = "") -> bool:
        """Leave a command; called on any thread. False when the session is closed or there is
        nothing to pause.
        """
        with self.changed:
            if self.phase == "closed":
                return False
            default = self.first_settings if action == "reset" else self.settings
            self.settings = settings or default
            if (action == "pause" and self._waiting is not None
                    and self._waiting.action not in WITHOUT_TRAINING):
                return False  # what was asked for has not begun: nothing to pause
            # a rewind goes on from the step that is visited; any other command leaves the past
            if action != "rewind":
                self.visiting = step if action == "visit" else None
            self._waiting = Command(action, self.settings, self.visiting, against, gesture,
                                    note)
            if self.phase != "running":
                self.phase = "waiting"
        return True

    def take(self) -> Command | None:
        """The newest command, once; called on the trainer thread."""
        with self.changed:
            command, self._waiting = self._waiting, None
            return command if self.phase != "closed" else None

    def enter(self, phase: Phase) -> None:
        """Enter a phase, unless the session is closed; while a command waits, so does the
        session.
        """
        with self.changed:
            if self.phase != "closed":
                busy = self._waiting is None or phase == "running"
                self.phase = phase if busy else "waiting"
            self.changed.notify_all()

    def leave_past(self) -> None:
        """The visit is over, unless a newer command asks for one."""
        with self.changed:
            if self._waiting is None:
                self.visiting = None

    def close(self) -> bool:
        """Take no more commands; False when it was closed already."""
        with self.changed:
            if self.phase == "closed":
                return False
            self.phase = "closed"
            self.changed.notify_all()
            return True
