"""Runs code of a learner so that nothing it does can hurt: with a time limit, without `exit`, with
what it prints kept apart.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch

from recipe_widgets.core import rng_guard

MOST_PRINTED = 2000  # characters that are kept of what a function prints


class TimeLimitReached(BaseException):
    """Thrown into a thread whose time is over. Not an Exception: `except Exception` lets it pass."""


class LearnerError(Exception):
    """Around whatever the learner's own code raised; `error` is that."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class Guarded:
    """A learner's function: called as it is, but what it raises becomes a `LearnerError`.

    It must leave the recording of gradients as it was: else `passing` is raised.
    """

    def __init__(self, function: Callable[..., Any], passing: type[Exception]) -> None:
        self.function, self._passing = function, passing

    def __call__(self, *args: Any, **options: Any) -> Any:
        recorded = torch.is_grad_enabled()
        try:
            result = self.function(*args, **options)
        except BaseException as error:  # SystemExit, too
            if isinstance(error, TimeLimitReached | self._passing):  # ours, thrown into their code
                raise
            raise LearnerError(error) from error
        if torch.is_grad_enabled() != recorded:
            raise self._passing("It leaves the recording of gradients switched "
                                f"{'off' if recorded else 'on'} for all code after it. Use "
                                "`with torch.no_grad():`, which ends by itself.")
        return result


@dataclass
class Outcome:
    """How a guarded run ended: with `error` (None: well), or out of time. `printed`: its output.
    stuck: it does not even end when told to.
    """

    error: BaseException | None = None
    out_of_time: bool = False
    stuck: bool = False
    printed: str = ""


def run_guarded(work: Callable[[], object], seconds: float) -> Outcome:
    """Call `work` in a thread of its own for at most `seconds`.

    Random generators and torch's default dtype are as before afterwards; gradients are on inside.
    An interrupt of the caller ends the thread and goes on to the caller.
    """
    outcome = Outcome()
    printed = _Printed()

    def run() -> None:
        try:
            with torch.enable_grad():
                work()
        except TimeLimitReached:
            outcome.out_of_time = True
        except BaseException as error:
            outcome.error = error

    thread = threading.Thread(target=run, name="recipe-exercise", daemon=True)
    with _state_kept(), _no_exit(), contextlib.redirect_stdout(printed):
        thread.start()
        try:
            thread.join(seconds)
        except KeyboardInterrupt:
            _end(thread)
            raise
        if thread.is_alive():
            outcome.out_of_time = True
            outcome.stuck = not _end(thread)
    outcome.printed = printed.text
    return outcome


def _end(thread: threading.Thread) -> bool:
    """Throw TimeLimitReached into a thread until it ends; some code catches everything, some sleeps."""
    for _ in range(20):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0),
                                                   ctypes.py_object(TimeLimitReached))
        thread.join(0.1)
        if not thread.is_alive():
            return True
    return False


class _Printed(io.TextIOBase):
    """Keeps the beginning of what is printed, as a loop without end prints without end."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        if len(self.text) < MOST_PRINTED:
            self.text += text[: MOST_PRINTED - len(self.text)]
        return len(text)


@contextlib.contextmanager
def _state_kept() -> Iterator[None]:
    """torch's global state, which a function may change, is the caller's again at the end."""
    dtype = torch.get_default_dtype()
    try:
        with rng_guard():
            yield
    finally:
        torch.set_default_dtype(dtype)


@contextlib.contextmanager
def _no_exit() -> Iterator[None]:
    """`exit()` of a notebook would end the kernel, `os._exit` the process."""
    def refuse(*_: object) -> None:
        raise SystemExit

    names = [(os, "_exit"), (builtins, "exit"), (builtins, "quit")]
    names += [(sys.modules["__main__"], name) for name in ("exit", "quit")
              if hasattr(sys.modules["__main__"], name)]
    with contextlib.ExitStack() as stack:
        for holder, name in names:
            if hasattr(holder, name):
                stack.enter_context(mock.patch.object(holder, name, refuse))
        yield
