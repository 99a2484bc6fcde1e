"""Arguments of public functions, held against their annotations before anything is done with them.

    @checked(bins=whole(1, 10_000))
    def calibration(given: Any, truth: Any, bins: int = 15) -> Calibration: ...

refuses `bins="many"` and `bins=0` with a `RecipeError` that names the argument. What an annotation
cannot say (a range, a shape, a choice of names) is a rule. It costs microseconds per call, so it
stands on doors, never inside a loop of steps.
"""

from __future__ import annotations

import functools
import inspect
import numbers
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import torch

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.hints import fits, has, in_words, shown, sound

_LIBRARIES = ("builtins", "torch", "numpy", "traitlets", "matplotlib", "PIL", "scipy", "sklearn",
              "optuna")
P = ParamSpec("P")
R = TypeVar("R")
Made = TypeVar("Made", bound=type)


@dataclass(frozen=True)
class Rule:
    """What a value of the right type must also be, and the same in words. alone: whatever the
    annotation says.
    """

    holds: Callable[[Any], bool]
    words: str
    alone: bool = False


def whole(least: int, most: int = 10**9) -> Rule:
    """A whole number from `least` to `most`."""
    words = f"a whole number from {least}" + (f" to {most:,}" if most < 10**9 else "")
    return Rule(lambda value: least <= value <= most, words)


def real(least: float, most: float = 1e300, *, above: bool = False, below: bool = False) -> Rule:
    """A finite number from `least` to `most`; `above`, `below`: without the end itself."""
    words = f"a number {'above' if above else 'from'} {least:g}"
    words += f", {'below' if below else 'up to'} {most:g}" if most < 1e300 else ""
    words = f"a number between {least:g} and {most:g}" if above and below else words
    return Rule(
        lambda value: (least < value
                       if above else least <= value) and (value < most
                                                          if below else value <= most), words)


def measured() -> Rule:
    """A number as it comes out of a computation: NaN and infinities are some, too."""
    return Rule(lambda value: isinstance(value, numbers.Real) and not isinstance(value, bool),
                "a number", alone=True)


def one_of(*names: str) -> Rule:
    return Rule(lambda value: value in names, "one of " + ", ".join(names))


def some_of(*names: str) -> Rule:
    """A collection of at least one item, each one of these names."""
    return Rule(lambda values: len(values) > 0 and all(value in names for value in values),
                "at least one item, each one of " + ", ".join(names))


def each(rule: Rule) -> Rule:
    """Every item of a sequence, or every value of a mapping, keeps the rule."""
    def holds(values: Any) -> bool:
        return all(
            rule.holds(value)
            for value in (values.values() if hasattr(values, "values") else values))

    return Rule(holds, f"each of them {rule.words}")


def filled(least: int = 1) -> Rule:
    """A collection of at least `least` items."""
    return Rule(lambda value: len(value) >= least,
                f"at least {least} item{'s' if least > 1 else ''}")


def tensor(*axes: str, kind: str = "") -> Rule:
    """A tensor or array with these axes, none of them empty, such as tensor("N", "C", "H", "W",
    kind="float").

    kind: "float", "int" or "bool"; nothing stands for numbers of any of these.
    """
    words = f"a tensor ({', '.join(axes)})" + (f" of {kind}s" if kind else "") + ", not empty"
    return Rule(
        lambda value: value.ndim == len(axes) and 0 not in tuple(value.shape) and _of_kind(
            value, kind) and getattr(value, "layout", torch.strided) is torch.strided and
        not getattr(value, "is_meta", False), words)


def _of_kind(value: Any, kind: str) -> bool:
    name = str(value.dtype).removeprefix("torch.")
    found = next((word for word in ("bool", "float", "int") if word in name), "none")
    return found == kind if kind else found != "none"


def checked(**rules: Rule | None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function whose arguments are held against their annotations and these rules at every call.

    None passes a rule where the annotation allows it. Numbers must be finite, paths must be
    possible ones. An argument whose
    rule is None is left alone: the function itself knows more to say about it.
    """
    def around(function: Callable[P, R]) -> Callable[P, R]:
        @functools.cache
        def plan() -> tuple[inspect.Signature, str, list[tuple[str, Any, Rule | None, Any]]]:
            return inspect.signature(function), _title(function), _hints(function, rules)

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            signature, title, hints = plan()
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError:
                return function(*args, **kwargs)  # Python says it best
            for name, hint, rule, kind in hints:
                if name in given:
                    for value in _values(given[name], kind):
                        check(value, hint, f"{title}({name}=)", rule)
            return function(*args, **kwargs)

        return guarded

    return around


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
    values = ", ".join(f"{name} {shown(value)}" for name, value in given.items() if name != "self")
    return RecipeError(
        f"{_title(function)}({', '.join(name for name in given if name not in ('self', 'cls'))})",
        found=f"{values} ({in_short(error)})", expected=expected)


def _passes(error: Exception) -> bool:
    """Whether an error says enough by itself: ours, or one of a class that a reader made for a
    purpose.
    """
    return isinstance(error,
                      RecipeError) or type(error).__module__.partition(".")[0] not in _LIBRARIES


def in_short(error: BaseException) -> str:
    """An error on one line: "ValueError: no such thing"."""
    return f"{type(error).__name__}: {(str(error).strip() or 'no text').splitlines()[0][:200]}"


def checked_fields(**rules: Rule | None) -> Callable[[Made], Made]:
    """The same for the fields of a dataclass."""
    def around(made: Made) -> Made:
        made.__init__ = checked(**rules)(made.__init__)  # type: ignore[misc]
        return made

    return around


def check(value: Any, hint: Any, what: str, rule: Rule | None = None) -> None:
    """Raises RecipeError: the value is not what the annotation and the rule ask for."""
    alone = rule is not None and rule.alone
    if not alone and not fits(value, hint):
        raise RecipeError(what, found=shown(value), expected=rule.words if rule else in_words(hint))
    if value is None and not alone:
        return
    if rule is not None:
        try:
            good = rule.holds(value)
        except (TypeError, AttributeError, ValueError, OverflowError, RuntimeError):
            good = False
        if not good:
            raise RecipeError(what, found=shown(value), expected=rule.words)
    if has(os.PathLike, hint) and isinstance(value, str | os.PathLike):
        possible_path(value, what)
    elif isinstance(value, str) and not sound(value):
        raise RecipeError(what, found=shown(value),
                          expected="a text of whole characters (no lone surrogates)")
    if has(torch.device, hint):
        possible_device(value, what)


def possible_path(path: str | os.PathLike[str], what: str) -> None:
    """Raises RecipeError: no file system takes such a name."""
    try:
        name = os.fsencode(path)
        good = 0 < len(name) < 4096 and b"\0" not in name and max(map(len, name.split(b"/"))) < 256
    except UnicodeEncodeError:
        good = False
    if not good:
        raise RecipeError(what, found=shown(os.fspath(path)),
                          expected="the path of a file or folder",
                          mend="The name of each is at most 255 bytes long.")


def possible_device(device: torch.device | str, what: str) -> None:
    """Raises RecipeError: this machine has no such device."""
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        found = f"{shown(device) if isinstance(device, str) else device} ({in_short(error)})"
        raise RecipeError(what, found=found, expected="a device of this machine",
                          mend='Use device="cpu".') from None


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
        raise RecipeError(what, found=in_short(error), expected=expected, mend=mend) from error


def number_like(value: Any) -> bool:
    """Whether `value` is a finite number that a float can hold."""
    return fits(value, float)


def _title(function: Callable[..., Any]) -> str:
    return function.__qualname__.removesuffix(".__init__").split("<locals>.")[-1]


def _hints(function: Callable[..., Any],
           rules: dict[str, Rule | None]) -> list[tuple[str, Any, Rule | None, Any]]:
    """(name, annotation, rule, kind of parameter) of each parameter that is annotated or ruled."""
    inner = inspect.unwrap(function)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        hint = parameter.annotation
        if name in rules and rules[name] is None:
            continue
        if isinstance(hint, str):
            try:
                hint = eval(hint, inner.__globals__)
            except (NameError, AttributeError):  # imported for type checkers only
                hint = Any
        if name in rules or hint not in (Any, inspect.Parameter.empty):
            found.append((name, Any if hint is inspect.Parameter.empty else hint, rules.get(name),
                          parameter.kind))
    unknown = rules.keys() - inspect.signature(function).parameters.keys()
    assert not unknown, f"{function.__qualname__} has no argument {unknown}"
    return found


def _values(given: Any, kind: Any) -> tuple[Any, ...]:
    """The values behind one parameter: those of *args and **kwargs are many."""
    if kind is inspect.Parameter.VAR_POSITIONAL:
        return tuple(given)
    return tuple(given.values()) if kind is inspect.Parameter.VAR_KEYWORD else (given,)
