"""Which line of the user's script an event belongs to."""

from __future__ import annotations

import functools
import linecache
import os
import sys
import sysconfig
from typing import NamedTuple

_PACKAGE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
_LIBRARY = tuple(os.path.realpath(sysconfig.get_paths()[key]) for key in ("stdlib", "platstdlib"))


class SourceLocation(NamedTuple):
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        try:
            name = os.path.relpath(self.file) if os.path.isabs(self.file) else self.file
        except ValueError:  # on another drive of Windows
            name = self.file
        return f"{self.file if name.startswith('..') else name}:{self.line}"


@functools.lru_cache(maxsize=4096)
def _foreign(file: str) -> bool:
    """Is this file part of Python, of an installed package or of this one?"""
    if file.startswith("<"):
        return not file.startswith("<ipython")
    real = os.path.realpath(file)
    if "site-packages" in real or "dist-packages" in real or real.startswith(_PACKAGE + os.sep):
        return True
    return any(real.startswith(folder + os.sep) for folder in _LIBRARY)


def place(skip: int = 1, furthest: int = 80) -> SourceLocation | None:
    """The innermost line of the user's on the stack, `skip` frames up at least."""
    frame = sys._getframe(skip)
    for _ in range(furthest):
        code = frame.f_code
        if not _foreign(code.co_filename):
            return SourceLocation(code.co_filename, frame.f_lineno)
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None


def text(at: SourceLocation | None, lines: int = 1) -> str:
    """The source at a place; empty where it is not known."""
    if at is None:
        return ""
    return "".join(linecache.getline(at.file, at.line + i) for i in range(lines))
