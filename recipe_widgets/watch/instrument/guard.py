"""The way from a patched call into the watcher: an error of ours never reaches the script."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from recipe_widgets.watch.instrument.source_location import caller_location
from recipe_widgets.watch.instrument.tracing import torch_traces

_MOST_FAILURES = 8  # objects for which one listener may fail before it hears of nothing more
_MOST_PROBLEMS = 50  # that are told


class Guard:
    """Calls the watcher's own handlers.

    Attributes:
        active: False once watching has ended.
        aside: torch traces a program; nothing is heard of meanwhile.
        busy: a handler is at work; what it calls itself is no event.
        seconds: time spent in handlers.
        problems: what failed, for which object, and why.
    """

    def __init__(self) -> None:
        self.active, self.seconds = True, 0.0
        self.aside = self.busy = False
        self.problems: list[str] = []
        # One thread is watched: another one's training would be mistaken for this one's.
        self._thread = threading.get_ident()
        self._failed: set[tuple[Any, ...]] = set()  # (listener, object)
        self._failures: Counter[tuple[Any, ...]] = Counter()  # by listener
        self._told: set[tuple[str, str]] = set()

    @property
    def listens(self) -> bool:
        """May anything be read at this moment?"""
        # checked at each call: the script may start threads and transforms at any time
        return (self.active and not self.busy and not self.aside and self.in_watched_thread()
                and not torch_traces())

    def __call__(self, handler: Callable[..., Any], *arguments: Any) -> Any:
        """handler(*arguments), or None when nothing is watched here, or where it fails."""
        return self.heard(handler, *arguments) if self.listens else None

    def heard(self, handler: Callable[..., Any], *arguments: Any) -> Any:
        """The same, where the caller has just asked `listens`."""
        start = time.perf_counter()
        self.busy = True
        try:
            return self.attempt(handler, *arguments)
        finally:
            self.busy = False
            self.seconds += time.perf_counter() - start

    def attempt(self, listener: Callable[..., Any], *arguments: Any) -> Any:
        """listener(*arguments), or None where it fails: from then on it hears nothing more of the
        object that it failed for, and everything else goes on.

        The object is a module, an optimiser or a loader among the arguments, or else the line of
        the script.
        """
        if self.is_off(listener, arguments):
            return None
        try:
            return listener(*arguments)
        except Exception as error:
            self.failed(listener, arguments, error)
            return None

    @property
    def has_failures(self) -> bool:
        """Has any listener failed so far?"""
        return bool(self._failures)

    def is_off(self, listener: Any, arguments: tuple[Any, ...]) -> bool:
        """Does it hear nothing more of the object of this call?"""
        if not self._failures:
            return False
        key = _key_of(listener)
        count = self._failures[key]
        return count > 0 and (count >= _MOST_FAILURES
                              or (*key, _object_of(arguments)[0]) in self._failed)

    def failed(self, listener: Any, arguments: tuple[Any, ...], error: Exception) -> None:
        """An error of ours is noted, and the listener hears nothing more of that object."""
        key, (what, words) = _key_of(listener), _object_of(arguments)
        self._failures[key] += 1
        self._failed.add((*key, what))
        name = getattr(listener, "__qualname__", str(listener))
        why = error_text(error)
        if (name, why) not in self._told and len(self.problems) < _MOST_PROBLEMS:
            self._told.add((name, why))
            self.problems.append(f"{name} failed{words}: {why}")

    def in_watched_thread(self) -> bool:
        return threading.get_ident() == self._thread

    @contextmanager
    def step_aside(self) -> Iterator[None]:
        """Nothing is heard of inside this block."""
        before, self.aside = self.aside, True
        try:
            yield
        finally:
            self.aside = before


def _key_of(listener: Any) -> tuple[Any, ...]:
    owner = getattr(listener, "__self__", None)
    return id(owner), getattr(listener, "__qualname__", id(listener))


def _object_of(arguments: tuple[Any, ...]) -> tuple[Any, str]:
    """What a call is about, and words for it."""
    for one in arguments:
        if isinstance(one, (nn.Module, torch.optim.Optimizer, DataLoader)):
            return id(one), f" for {type(one).__name__}"
    line = caller_location()
    return line, f" at {line}" if line is not None else ""


def error_text(error: BaseException) -> str:
    """ "ValueError: why (file.py:12)"."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text} ({_line_of(error)})"


def _line_of(error: BaseException) -> str:
    """ "file.py:12", where the error was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
