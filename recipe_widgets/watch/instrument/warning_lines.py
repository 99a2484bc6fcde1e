"""Warnings of the script keep the file and line that they have without the watcher.

A warning is told with the line of a caller some levels up the stack, on which our wrappers stand,
too.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

from recipe_widgets.watch.instrument.guard import Guard

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_Show = Callable[[Any], None]


def at_own_line(show: _Show, guard: Guard) -> _Show:
    """`warnings._showwarnmsg` that moves a warning from a line of this folder to the one it is
    about, and drops those of the watcher's own handlers.
    """
    def _showwarnmsg(message: Any) -> None:
        if guard.busy and guard.in_watched_thread():
            return
        frame = _frame_at(message.filename, message.lineno)
        target = _caller_of(frame) if frame is not None else None
        if frame is None or target is None:
            show(message)
            return
        # issued anew, so that filters, and what has been shown already, are those of its own line
        frame.f_globals.pop("__warningregistry__", None)
        text = message.message
        getattr(warnings, "onceregistry", {}).pop((str(text), message.category), None)
        warnings.warn_explicit(text, message.category, target.f_code.co_filename, target.f_lineno,
                               target.f_globals.get("__name__", "<unknown>"),
                               target.f_globals.setdefault("__warningregistry__", {}),
                               source=message.source)

    return _showwarnmsg


def _frame_at(file: str, line: int) -> FrameType | None:
    """The frame of ours that a warning was told to come from."""
    if not file.startswith(_OURS):
        return None
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and (frame.f_code.co_filename, frame.f_lineno) != (file, line):
        frame = frame.f_back
    return frame


def _caller_of(frame: FrameType) -> FrameType | None:
    """The nearest frame below ours; a function of torch that called a mode is called a second time
    above it, so the first call is left out.
    """
    caller: FrameType | None = frame
    while caller is not None and (caller.f_code.co_filename.startswith(_OURS)
                                  or caller.f_code.co_name == "handle_torch_function"):
        twice = caller.f_code.co_name == "handle_torch_function"
        caller = caller.f_back
        if twice and caller is not None:
            caller = caller.f_back
    return caller
