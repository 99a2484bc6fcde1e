"""Memory that close looks leave behind."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        # glibc only: other C libraries give memory back by themselves, or have no such call
        return ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return None


def trim_heap() -> None:
    """Hand the pages between the living blocks of the heap back to the system.

    A close look keeps many small things and throws many large ones away; the holes between them do
    not fit what the script asks for next, so that it would pay for both.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)
