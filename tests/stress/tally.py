"""How often something was tried, what was lost and how long it took to come back: a row of the
table of `make stress`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

FULL = os.environ.get("RECIPE_STRESS") == "1"
KEY = "stress"  # of the rows among a test's properties: pytest hands those on from its worker processes


def times(short: int, full: int) -> int:
    """The count of `make stress`, or the short one of `make test`."""
    return full if FULL else short


@dataclass
class Tally:
    """`tried` and `lost` are counted by the test; `recovery()` around each wait for the thing to
    answer again.
    """

    what: str
    tried: int = 0
    lost: int = 0
    slowest: float | None = None  # seconds
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def recovery(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.recovered(time.perf_counter() - began)

    def recovered(self, seconds: float) -> None:
        self.slowest = max(self.slowest or 0.0, seconds)

    def add(self, other: Tally) -> None:
        """Another test's part of the same row."""
        self.tried += other.tried
        self.lost += other.lost
        self.notes += other.notes
        if other.slowest is not None:
            self.recovered(other.slowest)

    def row(self) -> tuple[str, str, str, str, str]:
        slowest = "" if self.slowest is None else f"{self.slowest:.2f} s"
        return self.what, f"{self.tried:,}", str(self.lost), slowest, "; ".join(self.notes)


ROWS: dict[str, Tally] = {}


def collect(properties: Iterable[tuple[str, Any]]) -> None:
    """Take the rows out of the properties of a test that has ended."""
    for key, value in properties:
        if key == KEY:
            tally = Tally(**value)
            ROWS.setdefault(tally.what, Tally(tally.what)).add(tally)


def as_property(tally: Tally) -> tuple[str, dict[str, Any]]:
    return KEY, asdict(tally)


def table() -> list[str]:
    """The rows as lines of a Markdown table."""
    rows = [("what", "tried", "lost", "slowest recovery", "notes"),
            *(tally.row() for tally in ROWS.values())]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = [
        "| " + " | ".join(cell.ljust(width)
                          for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
