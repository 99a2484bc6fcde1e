"""The script's own objects, as probes use them: models, data sets, functions. What these raise is no
fault of the watcher, and what the watcher raises is none of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Answer = TypeVar("Answer")
CheckTime = Callable[[], None]  # raises when the time for probes is over


class ScriptObjectError(Exception):
    """An object of the script raised an error, its `__cause__`, when a probe used it."""


def ask(function: Callable[..., Answer], *args: Any, **kwargs: Any) -> Answer:
    """function(*args, **kwargs), which is the script's or runs code of the script.

    Raises:
        ScriptObjectError: it failed.
    """
    try:
        return function(*args, **kwargs)
    except Exception as error:
        raise ScriptObjectError(str(error)) from error
