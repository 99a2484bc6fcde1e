"""What breaks inside a call, said about its arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from recipe_widgets.core.describe import describe_value
from recipe_widgets.core.errors import RecipeError, describe_error

_LIBRARIES = ("builtins", "torch", "numpy", "traitlets", "matplotlib", "PIL", "scipy", "sklearn",
              "optuna")
P = ParamSpec("P")
R = TypeVar("R")


def fitting(expected: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function whose arguments are each sound, and may yet not fit together: a model and data of
    another shape.

    What breaks inside becomes a `RecipeError` that shows the arguments, with the error itself as
    its cause.
    """
    def around(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                if _passes(error):
                    raise
                raise _misfit(function, args, kwargs, error, expected) from error

        return guarded

    return around


def _misfit(function: Callable[..., Any], args: Any, kwargs: Any, error: Exception,
            expected: str) -> Exception:
    try:
        given = inspect.signature(function).bind(*args, **kwargs).arguments
    except TypeError:
        return error  # a wrong number of arguments: Python says it best
    values = ", ".join(f"{name} {describe_value(value)}" for name, value in given.items() if name != "self")
    return RecipeError(
        f"{_title(function)}({', '.join(name for name in given if name not in ('self', 'cls'))})",
        found=f"{values} ({describe_error(error)})", expected=expected)


def _passes(error: Exception) -> bool:
    """Whether an error says enough by itself: ours, or one of a class that a reader made for a
    purpose.
    """
    return isinstance(error,
                      RecipeError) or type(error).__module__.partition(".")[0] not in _LIBRARIES


@contextmanager
def blamed(what: str, expected: str, mend: str = "") -> Iterator[None]:
    """What a model or a function of the reader's own raises inside, says which argument it was and
    what it should do.

    The error itself stays attached as the cause. Interrupts and errors of the reader's own classes
    pass as they are.
    """
    try:
        yield
    except Exception as error:
        if _passes(error):
            raise
        raise RecipeError(what, found=describe_error(error), expected=expected, mend=mend) from error


def _title(function: Callable[..., Any]) -> str:
    return function.__qualname__.removesuffix(".__init__").split("<locals>.")[-1]
