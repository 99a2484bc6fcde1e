"""Values and annotations in plain words, for error texts."""

from __future__ import annotations

import collections.abc
import os
import reprlib
import sys
import types
import typing
from pathlib import Path
from typing import Any, Literal, Union

import numpy as np

COLLECTIONS = (collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection, list,
               tuple, set, frozenset)
_WORDS = {
    int: "a whole number", float: "a finite number", bool: "True or False", str: "a text",
    type(None): "None", Path: "a path", os.PathLike: "a path", np.ndarray: "an array",
}
# torch is not imported here: `recipe rules` and the rules themselves do without it
_TORCH_WORDS = {"torch.Tensor": "a tensor", "torch.nn.modules.module.Module": "an nn.Module"}


def describe_annotation(annotation: Any) -> str:
    """An annotation for a reader: "a whole number or None"."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        limits = [str(limit) for limit in inside[1:]]
        return " and ".join(limits) or describe_annotation(inside[0])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(describe_annotation, inside)))
    if origin is Literal:
        return "one of " + ", ".join(map(str, inside))
    kind = type(None) if annotation is None else origin or annotation
    if kind in _WORDS:
        return _WORDS[kind]
    name = getattr(kind, "__name__", str(kind))
    if words := _TORCH_WORDS.get(f"{getattr(kind, '__module__', '')}.{name}"):
        return words
    if kind is collections.abc.Callable:
        return "a function"
    if kind is tuple and inside and inside[-1] is not Ellipsis:
        return "(" + ", ".join(map(describe_annotation, inside)) + ")"
    if kind in COLLECTIONS:
        items = f", each {describe_annotation(inside[0])}" if inside and inside[0] is not Any else ""
        return f"a sequence{items}"
    if kind is collections.abc.Mapping or kind is dict:
        return "a mapping"
    return name


def describe_value(value: Any) -> str:
    """A value for a reader: short, and without calling code of the reader's own classes."""
    if is_instance(value, "torch", "Tensor"):
        return f"a tensor {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"an array {value.dtype} {value.shape}"
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a whole number of {value.bit_length()} bits"
    plain = type(value) in (bool, int, float, complex, str, bytes) or isinstance(value, np.generic)
    if value is None or plain:
        return printable_text(reprlib.repr(value))  # reprlib: long texts are cut in the middle
    if type(value) in (list, tuple, dict, set):
        items = [describe_value(item) for item in list(value)[:3]]
        items += ["..."] * (len(value) > 3)
        return f"{type(value).__name__} of {len(value)}" + (f" ({', '.join(items)})"
                                                            if items else "")
    return type(value).__name__


def is_instance(value: Any, module: str, name: str) -> bool:
    """Whether `value` is an instance of a class of another library, which is not imported for it:
    where nobody did, there is no instance.
    """
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(value, kind)


def printable_text(text: str) -> str:
    """A text that every terminal and file takes: lone surrogates become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
