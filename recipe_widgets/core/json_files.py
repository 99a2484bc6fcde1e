"""Files from elsewhere as plain data: bounded in size and depth, and nothing in them is ever
run.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from recipe_widgets.core.errors import RecipeError

MOST = 128 * 2**20  # characters of a text that is read as JSON; bytes of its file
DEEPEST = 32  # lists and objects inside one another; our own files have eight at most


def read_text(path: str | os.PathLike[str], what: str, expected: str, most: int = MOST) -> str:
    """A UTF-8 file of at most `most` bytes; no more than that is read of one without an end.

    Raises:
        RecipeError: no such file, no right to read it, larger, or not a text.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(most + 1)  # one byte more tells whether there is more
        text = content.decode("utf-8-sig")  # editors of Windows begin a file with a mark
    except (OSError, ValueError) as error:
        raise RecipeError(what, found=f"{path} ({getattr(error, 'strerror', None) or error})",
                          expected=expected) from None
    if len(content) > most:
        raise RecipeError(what, found=f"{path} of more than {most:,} bytes",
                          expected=f"at most {most:,}")
    return text


def parse_json(text: str, what: str, expected: str, mend: str = "", most: int = MOST) -> Any:
    """A JSON text as numbers, texts, lists and dictionaries.

    Raises:
        RecipeError: not JSON, longer than `most` characters, or nested deeper than `DEEPEST`.
    """
    if not isinstance(text, str):
        raise RecipeError(what, found=type(text).__name__, expected=f"a text: {expected}",
                          mend=mend)
    if len(text) > most:
        raise RecipeError(what, found=f"{len(text):,} characters", expected=f"at most {most:,}",
                          mend=mend)
    try:
        value = json.loads(text)
        too_deep = _too_deep(value)
    except RecursionError:  # deeper than Python's own limit
        value, too_deep = None, True
    except ValueError as error:
        raise RecipeError(what, found=f"text that is not JSON ({error})", expected=expected,
                          mend=mend) from None
    if too_deep:
        raise RecipeError(what, found=f"more than {DEEPEST} lists and objects inside one another",
                          expected=expected, mend=mend)
    return value


def _too_deep(value: Any) -> bool:
    """Whether `value` is nested deeper than `DEEPEST`; level by level, without recursion."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            part for one in level if isinstance(one, (dict, list))
            for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, (dict, list))
        ]
        if not level:
            return False
    return True
