"""Arguments of public functions, compared with their annotations at every call.

    @validated
    def calibration(given: Any, truth: Any,
                    bins: Annotated[int, whole(1, 10_000)] = 15) -> Calibration: ...

refuses `bins="many"` and `bins=0` with a `RecipeError` that names the argument, what was found and
what was expected. What a type cannot say (a range, a shape, a choice of names) stands beside it in
`Annotated`. A call costs some microseconds more, so inner loops call undecorated functions.

The matching is our own and small, because the libraries do not fit: beartype looks at one random
item of a list, so that `[1, 2, "3"]` passes now and then; pydantic copies lists, takes no numpy
numbers where it is strict, and builds its own model of every dataclass it meets.
"""

from __future__ import annotations

import collections.abc
import functools
import inspect
import math
import numbers
import os
import sys
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union

import numpy as np

from recipe_widgets.core.describe import (
    COLLECTIONS,
    describe_annotation,
    describe_value,
    is_instance,
)
from recipe_widgets.core.errors import RecipeError, describe_error

if TYPE_CHECKING:
    import torch

Validated = TypeVar("Validated", bound=Callable[..., Any])


# --- What stands beside a type in Annotated[type, ...] --------------------------------------------


@dataclass(frozen=True)
class Limit:
    """What a value of the right type must also be, and the same in words.

    replaces_type: it alone judges the value, whatever the type beside it says.
    """

    holds: Callable[[Any], bool]
    words: str
    replaces_type: bool = False

    def __str__(self) -> str:
        return self.words

    def allows(self, value: Any) -> bool:
        try:
            return bool(self.holds(value))
        except (TypeError, AttributeError, ValueError, OverflowError, RuntimeError):
            return False  # it cannot even be asked: another shape, or no order between them


# The function judges this argument itself, since it knows more to say about it.
unchecked = Limit(lambda _: True, "anything", replaces_type=True)

# A number as it comes out of a computation: NaN and infinities are some, too.
measured = Limit(lambda value: isinstance(value, numbers.Real) and not isinstance(value, bool),
                 "a number", replaces_type=True)


def whole(least: int, most: int = 10**9) -> Limit:
    """A whole number from `least` to `most`."""
    words = f"a whole number from {least}" + (f" to {most:,}" if most < 10**9 else "")
    return Limit(lambda value: least <= value <= most, words)


def real(least: float, most: float = 1e300, *, above: bool = False, below: bool = False) -> Limit:
    """A finite number from `least` to `most`; `above`, `below`: without the end itself."""
    words = f"a number {'above' if above else 'from'} {least:g}"
    words += f", {'below' if below else 'up to'} {most:g}" if most < 1e300 else ""
    if above and below:
        words = f"a number between {least:g} and {most:g}"

    def holds(value: Any) -> bool:
        from_least = value > least if above else value >= least
        to_most = value < most if below else value <= most
        return bool(from_least and to_most)

    return Limit(holds, words)


def one_of(*names: str) -> Limit:
    return Limit(lambda value: value in names, "one of " + ", ".join(names))


def some_of(*names: str) -> Limit:
    """A collection of at least one item, each one of these names."""
    return Limit(lambda values: len(values) > 0 and all(value in names for value in values),
                 "at least one item, each one of " + ", ".join(names))


def filled(least: int = 1) -> Limit:
    """A collection of at least `least` items."""
    return Limit(lambda value: len(value) >= least,
                 f"at least {least} item{'s' if least > 1 else ''}")


def tensor(*axes: str, kind: str = "") -> Limit:
    """A tensor or array with these axes, none of them empty: tensor("N", "K", kind="float").

    kind: "float", "int" or "bool"; nothing stands for numbers of any of these.
    """
    words = f"a tensor ({', '.join(axes)})" + (f" of {kind}s" if kind else "") + ", not empty"

    def holds(value: Any) -> bool:
        # sparse tensors and those without numbers ("meta") have shapes, but break what follows
        plain = str(getattr(value, "layout", "torch.strided")) == "torch.strided"
        plain = plain and not getattr(value, "is_meta", False)
        sizes = tuple(value.shape)
        return plain and len(sizes) == len(axes) and 0 not in sizes and _of_kind(value, kind)

    return Limit(holds, words)


def _of_kind(value: Any, kind: str) -> bool:
    name = str(value.dtype).removeprefix("torch.")
    found = next((word for word in ("bool", "float", "int") if word in name), "none")
    return found == kind if kind else found != "none"


# --- Functions and dataclasses whose arguments are checked ----------------------------------------


def validated(function: Validated) -> Validated:
    """A function, or a dataclass, that refuses arguments which do not fit their annotations.

    None passes where the type allows it, whatever limits stand beside. Numbers must be finite,
    texts and paths ones that can be written, devices ones of this machine.

    Raises:
        RecipeError: at the call; names the argument.
    """
    if isinstance(function, type):
        function.__init__ = _guarded(function.__init__, function)  # type: ignore[misc]
        return function
    return typing.cast(Validated, _guarded(function))


def _guarded(function: Callable[..., Any], made: type | None = None) -> Callable[..., Any]:
    """made: the dataclass whose `__init__` the function is."""

    @functools.cache  # at the first call: annotations may name what stands further down the file
    def plan() -> tuple[inspect.Signature, str, list[tuple[str, Any, Any]]]:
        signature = inspect.signature(function)
        return signature, _title(function), _parameters(function, signature, made)

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        signature, title, parameters = plan()
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:
            return function(*args, **kwargs)  # a wrong number of arguments: Python says it best
        for name, annotation, kind in parameters:
            if name in given:
                for value in _values(given[name], kind):
                    check_value(value, annotation, f"{title}({name}=)")
        return function(*args, **kwargs)

    checked.__dict__["validation_plan"] = plan  # so that a test can read all of them
    return checked


def check_value(value: Any, annotation: Any, what: str) -> None:
    """Raises RecipeError: the value is not what the annotation and its limits ask for."""
    if not matches(value, annotation):
        raise RecipeError(what, found=describe_value(value),
                          expected=describe_annotation(annotation))
    if _mentions(os.PathLike, annotation) and isinstance(value, str | os.PathLike):
        check_path(value, what)
    elif isinstance(value, str) and not _writable(value):
        raise RecipeError(what, found=describe_value(value),
                          expected="a text of whole characters (no lone surrogates)")
    torch = sys.modules.get("torch")  # where it is not imported, no annotation names its device
    if torch is not None and value is not None and _mentions(torch.device, annotation):
        check_device(value, what)


def check_path(path: str | os.PathLike[str], what: str) -> None:
    """Raises RecipeError: no file system takes such a name."""
    try:
        name = os.fsencode(path)
        # 4096 and 256 bytes: PATH_MAX and NAME_MAX of Linux; others allow as much or less
        good = 0 < len(name) < 4096 and b"\0" not in name and max(map(len, name.split(b"/"))) < 256
    except UnicodeEncodeError:
        good = False
    if not good:
        raise RecipeError(what, found=describe_value(os.fspath(path)),
                          expected="the path of a file or folder",
                          mend="The name of each is at most 255 bytes long.")


def check_device(device: torch.device | str, what: str) -> None:
    """Raises RecipeError: this machine has no such device."""
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        name = describe_value(device) if isinstance(device, str) else device
        raise RecipeError(what, found=f"{name} ({describe_error(error)})",
                          expected="a device of this machine", mend='Use device="cpu".') from None


def _title(function: Callable[..., Any]) -> str:
    return function.__qualname__.removesuffix(".__init__").split("<locals>.")[-1]


def _parameters(function: Callable[..., Any], signature: inspect.Signature,
                made: type | None) -> list[tuple[str, Any, Any]]:
    """(name, evaluated annotation, kind) of each parameter that is annotated."""
    # A dataclass inherits fields whose annotations are texts about the base's module.
    homes = {name: vars(sys.modules[base.__module__])
             for base in reversed(made.__mro__ if made else ())
             for name in inspect.get_annotations(base)}
    found = []
    for name, parameter in signature.parameters.items():
        if parameter.annotation is inspect.Parameter.empty:
            continue
        home = homes.get(name, inspect.unwrap(function).__globals__)
        holder = types.SimpleNamespace(__annotations__={name: parameter.annotation})
        try:
            annotation = typing.get_type_hints(holder, home, include_extras=True)[name]
        except (NameError, AttributeError):
            # a class that is imported for type checkers only; limits must not get lost with it
            assert "Annotated" not in str(parameter.annotation), (function, name)
            continue
        if annotation is not Any and unchecked not in typing.get_args(annotation):
            found.append((name, annotation, parameter.kind))
    return found


def _values(given: Any, kind: Any) -> tuple[Any, ...]:
    """The values behind one parameter: those of *args and **kwargs are many."""
    if kind is inspect.Parameter.VAR_POSITIONAL:
        return tuple(given)
    return tuple(given.values()) if kind is inspect.Parameter.VAR_KEYWORD else (given, )


# --- Does a value fit an annotation? --------------------------------------------------------------


def matches(value: Any, annotation: Any) -> bool:
    """Whether `value` is what `annotation` names; what cannot be told from outside fits."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _within_limits(value, inside[0], inside[1:])
    if annotation is Any or annotation is object or isinstance(annotation, TypeVar | str):
        return True
    if origin in (Union, types.UnionType):
        return any(matches(value, one) for one in inside)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inside)
    kind = type(None) if annotation is None else origin or annotation
    if kind in _BASIC:
        return _BASIC[kind](value)
    if kind is collections.abc.Callable:
        return callable(value)
    if not isinstance(kind, type):
        return True
    if getattr(kind, "_is_protocol", False) and kind.__module__.startswith("recipe_widgets"):
        wanted = {*kind.__annotations__, *(name for name in vars(kind) if name[0] != "_")}
        return not isinstance(value, type) and all(hasattr(value, name) for name in wanted)
    if isinstance(value, np.ndarray) and value.ndim == 1 and inside in ((int, ), (float, )):
        return kind is collections.abc.Sequence and all(matches(item, inside[0]) for item in value)
    return isinstance(value, kind) and _items_match(value, kind, inside)


def _within_limits(value: Any, annotation: Any, limits: tuple[Any, ...]) -> bool:
    alone = any(limit.replaces_type for limit in limits)
    if not alone and not matches(value, annotation):
        return False
    return (value is None and not alone) or all(limit.allows(value) for limit in limits)


def _items_match(value: Any, kind: type, inside: tuple[Any, ...]) -> bool:
    """The items of a collection; those of an iterator are not looked at, as that uses it up."""
    if kind in COLLECTIONS:
        if isinstance(value, str | bytes | bytearray) or getattr(value, "ndim", 1) == 0:
            return False  # a text is no sequence of texts here; a 0-d tensor has no items
        # what they hold are tensors and modules, not items to compare
        if is_instance(value, "torch", "Tensor") or is_instance(value, "torch.nn", "Module"):
            return True
    if not inside or not isinstance(value, collections.abc.Collection | np.ndarray):
        return True
    if isinstance(value, collections.abc.Mapping) and len(inside) == 2:
        return all(
            matches(key, inside[0]) and matches(item, inside[1]) for key, item in value.items())
    if kind is tuple and inside[-1] is not Ellipsis:
        return len(value) == len(inside) and all(map(matches, value, inside))
    return kind not in COLLECTIONS or all(matches(item, inside[0]) for item in value)


def _is_whole(value: Any) -> bool:
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        return False
    return abs(int(value)) < 2**63  # as large as a tensor's int64


def is_finite_number(value: Any) -> bool:
    """Whether `value` is a finite number that a float can hold."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the floats
        return False


_BASIC: dict[Any, Callable[[Any], bool]] = {
    int: _is_whole, float: is_finite_number,
    bool: lambda value: isinstance(value, bool | np.bool_),
    str: lambda value: isinstance(value, str), type(None): lambda value: value is None,
}


def _mentions(wanted: type, annotation: Any) -> bool:
    """Whether `wanted`, or a subclass, is among what `annotation` allows."""
    kind = typing.get_origin(annotation) or annotation
    if kind is typing.Annotated:
        return _mentions(wanted, typing.get_args(annotation)[0])
    if kind in (Union, types.UnionType):
        return any(_mentions(wanted, one) for one in typing.get_args(annotation))
    return isinstance(kind, type) and kind is not object and issubclass(kind, wanted)


def _writable(text: str) -> bool:
    """Whether a text can be written as UTF-8: it holds no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
