"""Which line of the user's script an event belongs to."""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
import os
import sys
import sysconfig
from collections.abc import Iterator
from types import FrameType
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
    frame = _caller_frame()
    return SourceLocation(frame.f_code.co_filename, frame.f_lineno) if frame is not None else None


def caller_expression() -> ast.expr | None:
    """The expression that the innermost frame of the user's code is evaluating; None where its source
    is not known.
    """
    frame = _caller_frame()
    if frame is None:
        return None
    places = itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None)
    first, last, begin, end = next(places, (None, None, None, None))
    if first is None or last is None or begin is None or end is None:
        return None
    # columns count bytes
    lines = [
        linecache.getline(frame.f_code.co_filename, number).encode()
        for number in range(first, last + 1)
    ]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][begin:]
    try:
        return ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    except (SyntaxError, ValueError):
        return None


def _caller_frame() -> FrameType | None:
    """The innermost frame of the user's code."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_DEEPEST_STACK):
        if frame is None or not _is_library(frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    return None


def user_frames() -> Iterator[FrameType]:
    """The frames of the user's code on the stack; the innermost comes first."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_DEEPEST_STACK):
        if frame is None:
            return
        if not _is_library(frame.f_code.co_filename):
            yield frame
        frame = frame.f_back


def is_users_class(kind: type) -> bool:
    """Is this class defined in the user's code?"""
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    return file is not None and not _is_library(file)


def source_text(location: SourceLocation | None, lines: int = 1) -> str:
    """The source code from a location on; empty where it is not known."""
    if location is None:
        return ""
    return "".join(linecache.getline(location.file, location.line + i) for i in range(lines))
