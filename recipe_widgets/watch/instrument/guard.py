"""The way from a patched call into the watcher: an error of ours never reaches the script."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import torch


class Guard:
    """Calls the watcher's own handlers.

    Attributes:
        active: False once watching has ended.
        problem: why it ended early; empty when it did not.
        seconds: time spent in handlers.
        failed: class name of a handler -> why it hears of nothing more.
    """

    def __init__(self, on_stop: Callable[[], None]) -> None:
        self.active, self.problem, self.seconds = True, "", 0.0
        self.failed: dict[str, str] = {}
        # One thread is watched: another one's training would be mistaken for this one's.
        self._thread, self._on_stop = threading.get_ident(), on_stop

    def __call__(self, handler: Callable[..., Any], *arguments: Any) -> Any:
        """handler(*arguments), or None when nothing is watched here. An error ends the watching."""
        # checked at each call: the script may start threads and transforms at any time
        if not self.active or not self.in_watched_thread() or _inside_function_transform():
            return None
        start = time.perf_counter()
        try:
            return handler(*arguments)
        except Exception as error:
            self.stop(f"{type(error).__name__}: {error} ({_line_of(error)})")
            return None
        finally:
            self.seconds += time.perf_counter() - start

    def attempt(self, listener: Callable[..., Any], *arguments: Any) -> Any:
        """listener(*arguments), or None where it fails: it hears of nothing more, and the others
        go on.
        """
        owner = getattr(listener, "__self__", None)
        if type(owner).__name__ in self.failed:
            return None
        try:
            return listener(*arguments)
        except Exception as error:
            self.failed[type(owner).__name__] = f"{type(error).__name__}: {error} ({_line_of(error)})"
            return None

    def in_watched_thread(self) -> bool:
        return threading.get_ident() == self._thread

    def stop(self, problem: str = "") -> None:
        """Ends the watching; the script goes on."""
        # the first error is the cause; others may follow from it
        self.problem, self.active = self.problem or problem, False
        self._on_stop()


def _inside_function_transform() -> bool:
    """Within torch.func.grad or vmap tensors are wrappers whose values must not be read."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def _line_of(error: BaseException) -> str:
    """ "file.py:12", where the error was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
