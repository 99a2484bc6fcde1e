"""Lists and buffers of the script whose entries are all one object."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
import torch

from recipe_widgets.rules.repeated_entries import RepeatedEntry
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import (
    SourceLocation,
    caller_location,
    is_users_class,
    user_frames,
)

_FEWEST, _LOOKED_AT = 3, 32  # entries
_MOST_OBJECTS, _MOST_VALUES, _DEEPEST = 400, 60, 3  # of a look; of one object; attributes of attributes
_MOST_FOUND, _MOST_PARTS, _NUMBERS = 20, 8, 64
Containers = Iterator[tuple[str, Any]]


@dataclass(eq=False)
class _Entries:
    """A container all of whose entries are the same, at the last look."""

    container: Any
    name: str
    kind: str
    same: Hashable
    content: Hashable
    length: int
    line: SourceLocation | None
    times: int = 0


class RepeatedEntries(Observer):
    """found: by (id of the container, place in its entries)."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.found: dict[tuple[int, int], _Entries] = {}

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        if self.progress.full:  # a few looks in the whole run
            for name, container in _containers():
                self._look(name, container)

    def _look(self, name: str, container: Any) -> None:
        length = len(container)
        places = sorted({*range(min(length, _LOOKED_AT // 2)), *range(max(0, length - _LOOKED_AT // 2), length)})
        entries = [container[i] for i in places]
        rows = [one if isinstance(one, tuple) else (one, ) for one in entries]
        if len({len(row) for row in rows}) != 1:
            return
        for place, parts in enumerate(list(zip(*rows, strict=True))[:_MOST_PARTS]):
            key, same = (id(container), place), _identity(parts[0])
            if same is None or any(_identity(one) != same for one in parts[1:]):
                self.found.pop(key, None)
                continue
            content, known = _content(parts[0]), self.found.get(key)
            if known is None or known.container is not container or known.same != same:
                if len(self.found) < _MOST_FOUND:
                    self.found[key] = _Entries(container, name, _kind(parts[0]), same, content, length,
                                               caller_location())
                continue
            full = isinstance(container, deque) and length == container.maxlen
            known.times += content != known.content and (length > known.length or full)
            known.content, known.length = content, length


def _containers() -> Containers:
    """Lists and deques in the local names of the script's frames, and in attributes of its objects."""
    seen: set[int] = set()
    todo = deque(
        (name, value, 0) for frame in user_frames() for name, value in _locals_of(frame).items()
        if not name.startswith("__"))
    while todo and len(seen) < _MOST_OBJECTS:
        name, value, depth = todo.popleft()
        if id(value) in seen:
            continue
        if isinstance(value, (list, deque)):
            seen.add(id(value))
            if len(value) >= _FEWEST:
                yield name, value
        elif depth < _DEEPEST and (type(value) is dict or is_users_class(type(value))):
            seen.add(id(value))
            held = value if type(value) is dict else getattr(value, "__dict__", {})
            todo.extend((str(key), one, depth + 1) for key, one in list(held.items())[:_MOST_VALUES])


def _locals_of(frame: FrameType) -> dict[str, Any]:
    held = frame.f_locals
    found = dict(held)
    if type(held) is dict and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        held.clear()  # before Python 3.13 a snapshot, which would keep alive what the script deletes
    return found


def _identity(thing: Any) -> Hashable | None:
    """The same for two names of one object, or of one memory; None for what cannot change."""
    if isinstance(thing, torch.Tensor):
        return ("tensor", thing.data_ptr(), tuple(thing.shape)) if thing.numel() \
            and thing.layout == torch.strided else None
    if isinstance(thing, np.ndarray):
        return ("array", thing.__array_interface__["data"][0], thing.shape) if thing.size else None
    if isinstance(thing, (list, deque)):
        return "list", id(thing)
    if isinstance(thing, dict):  # a state dict is a new dict of the same tensors
        first = next((v for v in thing.values() if isinstance(v, torch.Tensor) and v.numel()), None)
        return _identity(first) if first is not None else ("dict", id(thing))
    return None


def _kind(thing: Any) -> str:
    names = ((torch.Tensor, "tensor"), (np.ndarray, "array"), (dict, "dict"))
    return next((name for kind, name in names if isinstance(thing, kind)), type(thing).__name__)


def _content(thing: Any) -> Hashable:
    """Something that changes with what it holds."""
    if isinstance(thing, torch.Tensor):
        return tuple(thing.detach().reshape(-1)[:_NUMBERS].tolist())
    if isinstance(thing, np.ndarray):
        return thing.reshape(-1)[:_NUMBERS].tobytes()
    values = list(thing.values() if isinstance(thing, dict) else thing)[:_NUMBERS]
    return len(thing), tuple(
        _content(one) if isinstance(one, (torch.Tensor, np.ndarray)) else
        one if isinstance(one, (int, float, str)) else id(one) for one in values)


@builds(RepeatedEntry)
def repeated_entries(run: WatchedRun) -> Built:
    for one in run.observer(RepeatedEntries).found.values():
        yield RepeatedEntry(one.name, one.kind, one.length, one.times), one.line
