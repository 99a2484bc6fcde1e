"""Does a value fit an annotation? And the annotation, and the value, in plain words."""

from __future__ import annotations

import collections.abc
import math
import numbers
import os
import reprlib
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import numpy as np
import torch

_TEXTS = (str, bytes, bytearray)
_WORDS = {
    int: "a whole number", float: "a finite number", bool: "True or False", str: "a text",
    type(None): "None", torch.Tensor: "a tensor", Path: "a path", os.PathLike: "a path", np.ndarray:
    "an array", torch.nn.Module: "an nn.Module"
}
_MANY = (collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection, list,
         tuple, set, frozenset)


def fits(value: Any, hint: Any) -> bool:
    """Whether `value` is what `hint`, an evaluated annotation, names. What cannot be told from
    outside fits.
    """
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or hint is object or isinstance(hint, TypeVar | str):
        return True
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in inside)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inside)
    if hint is None:
        return value is None
    kind = origin or hint
    if kind in _SIMPLE:
        return _SIMPLE[kind](value)
    if kind is collections.abc.Callable:
        return callable(value)
    if getattr(kind, "_is_protocol", False) and kind.__module__.startswith("recipe_widgets"):
        wanted = {*kind.__annotations__, *(name for name in vars(kind) if not name.startswith("_"))}
        return not isinstance(value, type) and all(hasattr(value, name) for name in wanted)
    if not isinstance(kind, type):
        return True
    return (isinstance(value, kind) or _numbers(value, kind, inside)) and _inside(
        value, kind, inside)


def _numbers(value: Any, kind: type, inside: tuple[Any, ...]) -> bool:
    """Arrays pass where a sequence of numbers is asked for."""
    wanted = kind is collections.abc.Sequence and inside in ((int,), (float,))
    return wanted and isinstance(value, np.ndarray) and value.ndim == 1


def _inside(value: Any, kind: type, inside: tuple[Any, ...]) -> bool:
    """The items of a collection; of an iterator they are not looked at, as that would use it up."""
    if kind in _MANY and (isinstance(value, _TEXTS) or getattr(value, "ndim", 1) == 0):
        return False
    if not inside or not isinstance(value, collections.abc.Collection | np.ndarray):
        return True
    if isinstance(value, collections.abc.Mapping) and len(inside) == 2:
        return all(fits(key, inside[0]) and fits(item, inside[1]) for key, item in value.items())
    if kind is tuple and inside[-1] is not Ellipsis:
        return len(value) == len(inside) and all(
            fits(item, one) for item, one in zip(value, inside, strict=True))
    if kind not in _MANY or isinstance(value, torch.Tensor | torch.nn.Module):
        return True
    return all(fits(item, inside[0]) for item in value)


def _whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and abs(
        int(value)) < 2**63


def _finite(value: Any) -> bool:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the floats
        return False


_SIMPLE: dict[Any, collections.abc.Callable[[Any], bool]] = {
    int: _whole, float: _finite, bool: lambda value: isinstance(value, bool | np.bool_),
    str: lambda value: isinstance(value, str), type(None): lambda value: value is None,
}


def sound(text: str) -> bool:
    """Whether a text can be written as UTF-8: it holds no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def has(wanted: type, hint: Any) -> bool:
    """Whether `wanted`, or a subclass, is among what `hint` allows."""
    kind = typing.get_origin(hint) or hint
    if kind in (Union, types.UnionType):
        return any(has(wanted, one) for one in typing.get_args(hint))
    return isinstance(kind, type) and kind is not object and issubclass(kind, wanted)


def in_words(hint: Any) -> str:
    """An annotation for a reader: "a whole number or None"."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(in_words(one) for one in inside))
    if origin is Literal:
        return "one of " + ", ".join(map(str, inside))
    kind = type(None) if hint is None else origin or hint
    if kind in _WORDS:
        return _WORDS[kind]
    if kind is collections.abc.Callable:
        return "a function"
    if kind is tuple and inside and inside[-1] is not Ellipsis:
        return "(" + ", ".join(map(in_words, inside)) + ")"
    if kind in _MANY:
        return "a sequence" + (f", each {in_words(inside[0])}"
                               if inside and inside[0] is not Any else "")
    if kind is collections.abc.Mapping or kind is dict:
        return "a mapping"
    return getattr(kind, "__name__", str(kind))


def shown(value: Any) -> str:
    """A value for a reader, short, and without calling code of the reader's."""
    if isinstance(value, torch.Tensor):
        return f"a tensor {str(value.dtype)[6:]} {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"an array {value.dtype} {value.shape}"
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a whole number of {value.bit_length()} bits"
    if value is None or type(value) in (bool, int, float, complex, str, bytes) or isinstance(
            value, np.generic):
        return ascii_safe(reprlib.repr(value))
    if type(value) in (list, tuple, dict, set):
        items = [shown(item) for item in list(value)[:3]] + ["..."] * (len(value) > 3)
        return f"{type(value).__name__} of {len(value)}" + (f" ({', '.join(items)})"
                                                            if items else "")
    return type(value).__name__


def ascii_safe(text: str) -> str:
    """A text that every terminal and file takes: lone surrogates become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
