"""While `run_all` goes through the checks of a subject: what several of them need is made once, and
the time is limited.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Hashable, Iterator
from contextvars import ContextVar
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import nn

from recipe_widgets.checks.check_subject import Subject
from recipe_widgets.checks.model_copies import copied
from recipe_widgets.core import rng_guard

Made = TypeVar("Made")
Key = ParamSpec("Key")

_MOST_BYTES = 2**28  # of outputs that are kept; larger ones are computed again
_kept: ContextVar[tuple[Subject, dict[Hashable, Any]] | None] = ContextVar("kept", default=None)
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class OutOfTimeError(BaseException):
    """The time of `run_all` is over. No Exception: what makes the best of a reader's errors ends,
    too.
    """


@contextlib.contextmanager
def sharing(target: Subject) -> Iterator[None]:
    """Inside, what is `shared` is made once for this subject."""
    token = _kept.set((target, {}))
    try:
        yield
    finally:
        _kept.reset(token)


def shared(make: Callable[Concatenate[Subject, Key], Made]
           ) -> Callable[Concatenate[Subject, Key], Made]:
    """Make `make(target, *key)` keep what it gives while `sharing` lasts; whoever gets it leaves it
    as it is.

    Its random numbers begin alike at every call, so that no check's answer depends on which checks
    came before it. A model that cannot be copied is itself worked on: then nothing is kept.
    """
    @functools.wraps(make)
    def made(target: Subject, /, *key: Key.args, **options: Key.kwargs) -> Made:
        kept = _kept_of(target)
        name = (make.__qualname__, *key, *sorted(options.items()))
        if kept is not None and name in kept:
            return kept[name]  # type: ignore[no-any-return]
        with rng_guard():
            torch.manual_seed(0)
            found = make(target, *key, **options)
        if kept is not None and can_be_copied(target) and _bytes(found) <= _MOST_BYTES:
            kept[name] = found
        return found

    return made


def _bytes(found: Any) -> int:
    """Of the tensors in lists, tuples and dicts; anything else is small."""
    if isinstance(found, torch.Tensor):
        return found.numel() * found.element_size()
    parts = found.values() if isinstance(found, dict) else found
    return sum(map(_bytes, parts)) if isinstance(found, (dict, list, tuple)) else 0


def can_be_copied(target: Subject) -> bool:
    """Whether checks work on copies of the model; if not, it is restored after each of them."""
    kept = _kept_of(target)
    if kept is None:
        return copied(target.model, target.factory) is not None
    if "can be copied" not in kept:
        kept["can be copied"] = copied(target.model, target.factory) is not None
    return kept["can be copied"]  # type: ignore[no-any-return]


def _kept_of(target: Subject) -> dict[Hashable, Any] | None:
    opened = _kept.get()
    return opened[1] if opened is not None and opened[0] is target else None


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[Callable[[], bool]]:
    """Inside, `check_time` raises once so many seconds are over; None: never. Gives a function that
    says whether they are.
    """
    end = None if seconds is None else time.monotonic() + seconds
    token = _deadline.set(end)
    try:
        yield lambda: end is not None and time.monotonic() >= end
    finally:
        _deadline.reset(token)


def check_time() -> None:
    """Raises: OutOfTimeError: the time is over."""
    end = _deadline.get()
    if end is not None and time.monotonic() >= end:
        raise OutOfTimeError


def stop_in_time(model: nn.Module) -> nn.Module:
    """The model, which looks at the time limit, where there is one, before each of its passes."""
    if _deadline.get() is not None:
        with contextlib.suppress(Exception):  # a kind of model that takes no hooks
            model.register_forward_pre_hook(_look_at_the_time)
    return model


def _look_at_the_time(_module: nn.Module, _args: Any) -> None:
    check_time()
