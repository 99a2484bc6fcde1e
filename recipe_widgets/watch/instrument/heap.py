"""Memory that close looks leave behind."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(
            "libc.so.6"
        ).malloc_trim  # of glibc; others give memory back by themselves, or have no such call
    except (OSError, AttributeError):
        return None


def give_back() -> None:
    """Hand the pages between the living blocks of the heap back to the system.

    A close look keeps many small things and throws many large ones away; the holes between them do
    not fit what the script asks for next, so that it would pay for both.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)
