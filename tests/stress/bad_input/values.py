"""Values that an argument should not have: of wrong types, and near misses of the right one."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from torch import nn

from recipe_widgets.core import History
from tests.stress.bad_input.subjects import few_blobs, no_validation, quick, table, tiny_net

Make = Callable[[], Any]  # values are made anew for every call

NOTHING: tuple[Make, ...] = (lambda: None, object, lambda: NotImplemented, lambda: ..., lambda: int,
                             lambda: dict)
NUMBERS: tuple[Make, ...] = tuple(
    lambda value=value: value
    for value in (True, False, 0, 1, -1, 2, 7, 10**6, 10**9, 2**31, 2**63, 10**30, 10**400, 0.0,
                  0.5, -0.5, 1.5, 1e-300, 1e308, math.nan, math.inf, -math.inf, 1j, np.int8(3),
                  np.uint8(200), np.float16(0.5), np.float64("nan"), np.bool_(True)))
TEXTS: tuple[Make, ...] = tuple(
    lambda value=value: value
    for value in ("", " ", "x", "None", "0", "mlp", "a\0b", "\ud800", "\ufeffx", "ä/ö", "../..",
                  ".", "~", "a" * 5000, "%s{0}{x}", "\n", "<b>", "'; --", b"", b"\xff\xfe\xe4",
                  bytearray(b"x"), "cuda:9", "meta"))
PATHS: tuple[Make,
             ...] = tuple(lambda value=value: value
                          for value in (Path(), Path("/proc/nowhere/at/all"), Path("/proc/version"),
                                        Path("/dev/null"), Path("/dev/full/x"), Path("a" * 300),
                                        Path("a\0b"), Path("\udce4"), Path("x/\ud800")))
COLLECTIONS: tuple[Make,
                   ...] = (list, dict, tuple, set, lambda: [None], lambda: [1, 2], lambda: ["a"],
                           lambda: [[1], [1, 2]], lambda: {"a": 1}, lambda: {1: None}, lambda:
                           (1, ), lambda: (0, 0), lambda:
                           (1, 2, 3), lambda: [math.nan] * 3, lambda: range(0), lambda: iter([]),
                           lambda: iter([1, "x"]), lambda: {"train_loss": ["x"]}, lambda: [(1, 2)],
                           lambda: [[]], lambda: frozenset({1}))
CALLABLES: tuple[Make, ...] = (lambda: lambda: None, lambda: lambda *a, **k: None,
                               lambda: lambda *a, **k: "no", lambda: lambda x: x, lambda: print)
ARRAYS: tuple[Make, ...] = (lambda: np.zeros(0), lambda: np.zeros(
    (0, 3)), lambda: np.zeros(3), lambda: np.full((4, 3), np.nan), lambda: np.zeros(
        (2, 2, 2, 2, 2)), lambda: np.array(3.0), lambda: np.zeros(4, bool), lambda: np.zeros(
            (4, 3), np.float16), lambda: np.zeros(
                (4, 3), np.complex64), lambda: np.array([None, 1]), lambda: np.array(["a", "b"]),
                            lambda: np.arange(4, dtype=np.uint8), lambda: np.array([-1, 2, 10**12]),
                            lambda: np.full(3, np.inf))
TENSORS: tuple[Make,
               ...] = (lambda: torch.zeros(0), lambda: torch.zeros(3), lambda: torch.tensor(3.0),
                       lambda: torch.zeros(4, 0, 8, 8), lambda: torch.zeros(4, 3),
                       lambda: torch.full((4, 3), math.nan), lambda: torch.zeros(2, 1, 2, 1, 2),
                       lambda: torch.zeros(4, dtype=torch.bool),
                       lambda: torch.zeros(4, 3, dtype=torch.float16),
                       lambda: torch.zeros(4, 3, dtype=torch.bfloat16),
                       lambda: torch.zeros(4, 3, dtype=torch.complex64), lambda: torch.arange(4),
                       lambda: torch.tensor([-1, 5, 10**12]),
                       lambda: torch.zeros(4, 3, device="meta"),
                       lambda: torch.zeros(4, 3).to_sparse(),
                       lambda: torch.zeros(4, 1, 8, 8, dtype=torch.uint8),
                       lambda: torch.zeros(4, 3, requires_grad=True))
MODELS: tuple[Make,
              ...] = (lambda: nn.Linear(3, 2), nn.Identity, lambda: nn.Linear(3, 2, device="meta"),
                      lambda: nn.Sequential(), lambda: nn.LSTM(8, 4),
                      lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 1)),
                      lambda: nn.Sequential(nn.Flatten(), nn.LSTM(64, 3)),
                      lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).half(),
                      lambda: tiny_net().requires_grad_(False),
                      lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Flatten(0)))
OURS: tuple[Make, ...] = (lambda: quick(width=5), History, few_blobs, table, no_validation,
                          lambda: few_blobs().train, lambda: table().validation,
                          lambda: no_validation().validation, lambda: few_blobs().vault,
                          lambda: torch.device("meta"))
FOREIGN = (*NOTHING, *NUMBERS, *TEXTS, *PATHS, *COLLECTIONS, *CALLABLES, *ARRAYS, *TENSORS, *MODELS,
           *OURS)


def near(value: Any) -> tuple[Make, ...]:
    """Near misses of a valid value."""
    if isinstance(value, bool) or value is None:
        return (lambda: int(bool(value)), lambda: str(value), lambda: None)
    if isinstance(value, int):
        return tuple(lambda x=x: x
                     for x in (-value, 0, value * 10**6, 10**9, float(value), str(value), [value],
                               value - 1, np.int64(value), torch.tensor(value)))
    if isinstance(value, float):
        return tuple(lambda x=x: x
                     for x in (-value, 0.0, value * 1e6, str(value), math.nan, 1 + value,
                               torch.tensor(value)))
    if isinstance(value, str):
        return tuple(lambda x=x: x
                     for x in (value.upper(), value + "\0", value + "x", f" {value}", value * 2000,
                               [value], value.encode(), value + "\ud800", Path(value)))
    if isinstance(value, torch.Tensor):
        return tuple(lambda f=f: f(value.clone()) for f in _NEAR_TENSORS)
    if isinstance(value, np.ndarray):
        return tuple(lambda f=f: f(torch.from_numpy(value.copy())).numpy()
                     for f in _NEAR_TENSORS[:-4])
    if isinstance(value, Mapping):
        return (dict, lambda: dict.fromkeys(value), lambda: {**value, "other": None},
                lambda: {1: 2}, lambda: list(value.items()),
                lambda: dict(zip(value, [[]] * len(value), strict=True)))
    if isinstance(value, list | tuple):
        kind = type(value) if type(value) in (list, tuple) else list
        return (kind, lambda: kind([*value, None]), lambda: kind(value[:1]),
                lambda: kind([*value, *value]), lambda: "".join(map(str, value))[:99],
                lambda: kind([list(value)]), lambda: kind(str(one) for one in value),
                lambda: iter(value), lambda: kind(reversed(value)))
    return ()


_NEAR_TENSORS: tuple[Callable[[torch.Tensor], Any],
                     ...] = (lambda x: x[:0], lambda x: x[:1], lambda x: x[None],
                             lambda x: x.reshape(-1), lambda x: x[..., :0], lambda x: x.mT
                             if x.ndim > 1 else x, lambda x: torch.cat([x, x]),
                             lambda x: x.double(), lambda x: x.to(torch.uint8), lambda x: x.bool(),
                             lambda x: x.long(), lambda x: x.to(torch.complex64), lambda x: -x
                             if x.dtype not in
                             (torch.bool, ) else ~x, lambda x: x.to(torch.int64) + 10**6,
                             lambda x: x.float() * math.nan, lambda x: x.float() * math.inf,
                             lambda x: x.to(torch.float16), lambda x: x[0]
                             if x.ndim else x, lambda x: x.to("meta"), lambda x: x.tolist(),
                             lambda x: x.float().requires_grad_(), lambda x: x.bfloat16())


@functools.cache
def drawn() -> st.SearchStrategy[Any]:
    """Values that Hypothesis makes up."""
    plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(),
                      st.text(st.characters(), max_size=20), st.binary(max_size=8))
    nested = st.recursive(
        plain, lambda inner: st.one_of(st.lists(inner, max_size=3),
                                       st.dictionaries(st.text(max_size=3), inner, max_size=3),
                                       st.tuples(inner, inner)), max_leaves=6)
    kinds = st.one_of(nps.boolean_dtypes(), nps.integer_dtypes(endianness="="),
                      nps.floating_dtypes(endianness="=", sizes=(16, 32, 64)))
    arrays = kinds.flatmap(lambda kind: nps.arrays(
        kind, nps.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)))
    tensors = arrays.filter(lambda a: a.dtype not in (np.uint16, np.uint32,
        np.uint64)).map(lambda a: torch.from_numpy(np.array(a)))
    return st.one_of(nested, arrays, tensors)


PLACES = st.integers(0, 10**6)


def bad(data: st.DataObject, value: Any, *, foreign_only: bool = False) -> Any:
    """A bad value in place of a valid one: one of the lists above, or, one time in ten, one that
    Hypothesis makes up.
    """
    place = data.draw(PLACES)
    close = () if foreign_only else near(value)
    if place % 10 == 0 and not foreign_only:
        return data.draw(drawn())
    pool = close if close and place % 2 else FOREIGN
    return pool[place // 10 % len(pool)]()
