"""Which line of the user's script an event belongs to."""

from __future__ import annotations

import functools
import linecache
import os
import sys
import sysconfig
from typing import NamedTuple

_THIS_PACKAGE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
_STANDARD_LIBRARY = tuple(
    os.path.realpath(sysconfig.get_paths()[key]) for key in ("stdlib", "platstdlib"))
_DEEPEST_STACK = 80  # frames; a script's own line is rarely more than 30 frames above torch


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
def _is_library(file: str) -> bool:
    """Is this file part of Python, of an installed package or of this one?"""
    if file.startswith("<"):  # code from a string; cells of a notebook are the user's own
        return not file.startswith("<ipython")
    real = os.path.realpath(file)
    if "site-packages" in real or "dist-packages" in real:
        return True
    return any(real.startswith(folder + os.sep) for folder in (_THIS_PACKAGE, *_STANDARD_LIBRARY))


def caller_location() -> SourceLocation | None:
    """The innermost line of the user's code on the stack; None where there is none."""
    frame = sys._getframe(1)
    for _ in range(_DEEPEST_STACK):
        code = frame.f_code
        if not _is_library(code.co_filename):
            return SourceLocation(code.co_filename, frame.f_lineno)
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None


def source_text(location: SourceLocation | None, lines: int = 1) -> str:
    """The source code from a location on; empty where it is not known."""
    if location is None:
        return ""
    return "".join(linecache.getline(location.file, location.line + i) for i in range(lines))
