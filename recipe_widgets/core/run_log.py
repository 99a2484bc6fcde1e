"""The log of a panel's runs: every run that ended, with what was expected of it, in a file that
only grows.
"""

from __future__ import annotations

import errno
import json
import math
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.run import Run
from recipe_widgets.core.settings import Settings
from recipe_widgets.core.validation import validated

COLUMNS = ("train_loss", "val_loss", "val_accuracy")
MOST = 64 * 2**20  # bytes of a file that is read
LONGEST = 500  # characters of what was expected


@dataclass(frozen=True)
class RunLogEntry:
    """One run that ended.

    Attributes:
        when: in UTC, ISO 8601. data, sha256: what it trained on. settings: those of its end.
            changes: knobs that were turned on the way. numbers: the last of `COLUMNS`. samples:
            validation samples behind them. expected: written before it.
    """

    when: str
    data: str
    sha256: str
    settings: Mapping[str, Any]
    changes: Sequence[Any]
    status: str
    message: str
    steps: int
    numbers: Mapping[str, float]
    samples: int
    expected: str = ""

    @property
    def knobs(self) -> Settings:
        return Settings.from_dict(self.settings)

    @classmethod
    @validated
    def of(cls, run: Run, expected: str = "") -> RunLogEntry:
        numbers = {name: run.history.last(name) for name in COLUMNS}
        finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
        validation = getattr(run.data, "validation", None)  # a reader's own loop has none
        all_samples = len(validation.y) if validation is not None else 0
        return cls(
            when=datetime.now(UTC).isoformat(timespec="seconds"), data=run.data_name,
            sha256=getattr(run.data, "sha256", "") or "", settings=run.newest.to_dict(),
            changes=[[at, dict(knobs)] for at, knobs in run.changes], status=run.status,
            message=run.message, steps=run.steps_done, numbers=finite,
            samples=run.newest.eval_samples or all_samples,
            expected=" ".join(expected.split())[:LONGEST])  # on one line


class RunLog:
    """The entries of one file. Each is a line with its checksum, on the disk before `add` returns.

    What a crash has cut off is left out when reading, and counted in `broken`; nothing else is lost
    by it.
    """

    @validated
    def __init__(self, file: str | Path) -> None:
        self.file, self.broken = Path(file), 0

    @validated
    def add(self, entry: RunLogEntry) -> None:
        """Raises RecipeError: the file cannot be written."""
        text = json.dumps(asdict(entry), allow_nan=False)  # NaN is no JSON
        line = f"{zlib.crc32(text.encode()):08x} {text}\n".encode()
        try:
            self._append(line)
        except OSError as error:
            raise RecipeError(
                "Ledger", found=f"{self.file} ({error.strerror})",
                expected="a file that can be written",
                mend="Name another folder in the environment variable RECIPE_STATE.") from None

    def _append(self, line: bytes) -> None:
        # O_BINARY: Windows would make \r\n of \n, which the checksum does not cover
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        handle = os.open(self.file, flags, 0o600)  # readable by nobody else
        try:
            size = os.fstat(handle).st_size
            if size:
                os.lseek(handle, size - 1, os.SEEK_SET)
                if os.read(handle, 1) != b"\n":  # a line that was cut off
                    line = b"\n" + line
            # in one go, so that two processes do not mix their lines
            written = os.write(handle, line)
            if written < len(line):  # the disk is full
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)

    def entries(self) -> list[RunLogEntry]:
        """All whole entries, oldest first.

        Raises:
            RecipeError: the file cannot be read, or is far too large.
        """
        self.broken = 0
        try:
            if not self.file.exists():
                return []
            if self.file.stat().st_size > MOST:
                raise RecipeError("Ledger",
                                  found=f"{self.file} of {self.file.stat().st_size:,} bytes",
                                  expected=f"at most {MOST:,}",
                                  mend="Move it away; a new one is begun.")
            lines = self.file.read_bytes().splitlines()
        except OSError as error:
            raise RecipeError("Ledger", found=f"{self.file} ({error.strerror})",
                              expected="a file that can be read") from None
        found = [self._entry(line) for line in lines if line.strip()]
        self.broken = sum(one is None for one in found)
        return [one for one in found if one is not None]

    @staticmethod
    def _entry(line: bytes) -> RunLogEntry | None:
        crc, _, text = line.partition(b" ")
        if crc != f"{zlib.crc32(text):08x}".encode():  # cut off, or bits flipped
            return None
        try:
            entry = RunLogEntry(**json.loads(text))
            entry.knobs  # noqa: B018  settings of another version are not believed
        except (ValueError, TypeError, RecursionError):  # RecipeError is a ValueError
            return None
        return entry


def compare_runs(a: RunLogEntry, b: RunLogEntry, book: Sequence[RunLogEntry] = ()) -> str:
    """In words: what differs between two runs, what it gave, and whether chance could have.

    book: other entries; those with the same settings from other seeds tell of the seeds' spread.
    """
    first, second = a.knobs, b.knobs
    differ = {name: pair for name, pair in (first - second).items() if name != "seed"}
    causes = [f"{Settings.knob(name).label} {old} → {new}" for name, (old, new) in differ.items()]
    other_causes = {
        "the data": (a.data, a.sha256) != (b.data, b.sha256),
        "the number of steps": a.steps != b.steps and "max_steps" not in differ,
        "knobs turned on the way": a.changes != b.changes,
        "the seed": first.seed != second.seed,
    }
    causes += [cause for cause, differs in other_causes.items() if differs]
    if not causes:
        head = "Nothing differs: the same run twice."
    elif len(causes) == 1:
        head = f"One thing changed: {causes[0]}."
    else:
        head = (f"More than one thing changed: {'; '.join(causes)}. What each did cannot be told "
                "from this.")
    return f"{head} {_difference(a, b)} {_spread(a, b, book)}".strip()


def _difference(a: RunLogEntry, b: RunLogEntry) -> str:
    first, second = a.numbers.get("val_accuracy"), b.numbers.get("val_accuracy")
    if first is None or second is None:
        losses = [entry.numbers.get("train_loss", math.nan) for entry in (a, b)]
        return f"Training loss {losses[0]:.3g} and {losses[1]:.3g}."
    gain = 100 * (second - first)  # points
    text = f"Validation accuracy {first:.1%} and {second:.1%}: {gain:+.1f} points."
    samples = min(a.samples, b.samples)
    if samples:
        # 1.96 standard errors of a difference of two proportions, in points
        variances = first * (1 - first) + second * (1 - second)
        half_width = 196 * math.sqrt(variances / samples)
        text += (f" The {samples:,} validation samples alone leave {half_width:.1f} points either "
                 "way (95 %, were they drawn anew).")
    return text


def _spread(a: RunLogEntry, b: RunLogEntry, book: Sequence[RunLogEntry]) -> str:
    def same_but_seed(entry: RunLogEntry, other: RunLogEntry) -> bool:
        facts = [(one.data, one.sha256, one.steps, list(one.changes)) for one in (entry, other)]
        return facts[0] == facts[1] and set(entry.knobs - other.knobs) <= {"seed"}

    for entry in (a, b):
        found = {one.knobs.seed: one.numbers["val_accuracy"] for one in book
                 if same_but_seed(entry, one) and "val_accuracy" in one.numbers}
        if len(found) > 1:
            low, high = min(found.values()), max(found.values())
            return (f"The same settings from {len(found)} seeds went from {low:.1%} to {high:.1%} "
                    f"in this ledger: {100 * (high - low):.1f} points of luck.")
    return "How far luck goes is not known from one seed each: train both from several seeds."
