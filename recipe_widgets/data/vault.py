"""The vault: a test set that is looked at on purpose, and every look is on record."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.core.files import state_folder
from recipe_widgets.data.split import Split

Kind = Literal["open", "audit"]
_writing = threading.Lock()  # so that two threads do not both become "time 3"


class Vault:
    """Keeps a test split closed until it is opened with a reason.

    `open` and `audit` write a line to `vault.jsonl` in the state folder before they hand the split
    out. A test set is known by the sha256 of its contents, so another `Data` with the same test set
    shares its record.
    """

    def __init__(self, name: str, split: Split) -> None:
        self._name, self._split = name, split
        self._copies: dict[torch.device, Split] = {}
        self.opened = False

    @property
    def size(self) -> int:
        """Number of test samples; counting is not looking."""
        return self._split.size

    def sealed(self) -> Split:
        """The split itself, for code that deals or hashes it without showing it."""
        return self._split

    def read(self, device: torch.device) -> Split:
        """The split on `device`, once the vault is open."""
        if not self.opened:
            raise RecipeError(f"Test set of {self._name}", found="a closed vault",
                              expected="open_vault(why) before the test set is read",
                              mend="Choose with data.validation; when all choices are made, say "
                                   'data.open_vault("final number of the chosen model").')
        return self._on(device)

    def open(self, why: str, device: torch.device) -> Split:
        """Log the reason, open the vault, print how often that has happened, and return the
        split.
        """
        entry = self._log("open", why)
        self.opened = True
        print(f"Vault of {self._name} opened, time {entry['count']} in all: {entry['why']}")
        return self._on(device)

    def audit(self, why: str, device: torch.device) -> Split:
        """Lend the split to a check of duplicates or labels: logged apart, and the vault stays
        as it is.
        """
        self._log("audit", why)
        return self._on(device)

    def log(self) -> list[dict[str, Any]]:
        """All entries for this test set, the oldest first."""
        mine = self._split.digest()[:12]
        return [entry for entry in _entries(_path()) if entry.get("sha256") == mine]

    def _on(self, device: torch.device) -> Split:
        if device not in self._copies:
            self._copies[device] = self._split.to(device)
        return self._copies[device]

    def _log(self, kind: Kind, why: str) -> dict[str, Any]:
        """Write one entry to the disk and return it; its `count` is how many of this kind there
        are now.
        """
        if not isinstance(why, str) or not why.strip():
            raise RecipeError(
                "Reason for looking at the test set", found=repr(why), expected="a text",
                mend='For example data.open_vault("final number of the chosen model").')
        with _writing:
            count = 1 + sum(entry.get("kind") == kind for entry in self.log())
            line = " ".join(why.encode(
                "utf-8", "replace").decode().split())  # one line that any terminal can show
            entry = {
                "time": datetime.now(UTC).isoformat(timespec="seconds"), "data": self._name,
                "sha256": self._split.digest()[:12], "kind": kind, "count": count, "samples":
                self.size, "why": line
            }
            _append(_path(), entry)
        return entry

    def __repr__(self) -> str:
        return f"Vault({self._name}, {self.size} samples, {'open' if self.opened else 'closed'})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_copies": {}}


def _path() -> Path:
    return state_folder() / "vault.jsonl"


def _entries(path: Path) -> list[dict[str, Any]]:
    """Every line that can be read; a torn one, left by a crash, is skipped."""
    try:
        text = path.read_bytes().decode("utf-8", errors="replace") if path.exists() else ""
    except OSError as error:
        raise _unusable(path, error) from None
    found = []
    for line in text.split("\n"):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def _append(path: Path, entry: dict[str, Any]) -> None:
    """Add one line and wait until it is on the disk; a torn last line is closed first."""
    line = json.dumps(entry).encode() + b"\n"
    try:
        with path.open("a+b") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)  # one write in append mode: lines of two processes do not mix
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: OSError) -> RecipeError:
    return RecipeError(
        "Vault log", found=f"{path} ({error.strerror or error})",
        expected="a file that can be written",
        mend="Mend its rights, or name another folder in the environment variable RECIPE_STATE.")
