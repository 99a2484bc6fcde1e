"""Columns of numbers that a run writes and anyone may read."""

from __future__ import annotations

import bisect
import json
import math
import threading
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from recipe_widgets.core.describe import describe_value
from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.json_files import parse_json
from recipe_widgets.core.validation import validated

_EMPTY: tuple[array[int], array[float]] = (array("q"), array("d"))
_FLUSH = 64  # losses that wait on a GPU before one copy brings them home: a copy waits for it


class History:
    """Named columns of `(step, value)`, appended in O(1), readable from another thread while it
    grows.

    It holds numbers only, never tensors of activations. Common columns: `train_loss` (mean loss of
    the batch of each step, nats), `train_accuracy` (share right in the batch, every tenth step,
    training mode), `val_loss`, `val_accuracy` (validation set, eval mode), `lr`.
    """

    def __init__(self) -> None:
        # name -> (steps int64, values float64); arrays of the standard library, since they append
        # in O(1) and copy in one go
        self._columns: dict[str, tuple[array[int], array[float]]] = {}
        self._waiting: list[tuple[str, int, torch.Tensor]] = []
        self._lock = threading.Lock()

    def append(self, name: str, step: int, value: float) -> None:
        """Add one number. Steps of a column must not go back."""
        if not isinstance(name, str):
            raise RecipeError("History.append(name=)", found=describe_value(name), expected="a text")
        column = self._columns.get(name)
        if column is None:
            # setdefault: two threads that come at once agree on one column
            column = self._columns.setdefault(name, (array("q"), array("d")))
        steps, values = column
        try:
            values.append(value)
            steps.append(step)  # last: a reader that sees the step finds its value
        except (TypeError, ValueError, OverflowError, RuntimeError):
            del values[len(steps):]  # the value may be in already, and its step was refused
            raise RecipeError("History.append(step, value)",
                              found=f"step {describe_value(step)}, value {describe_value(value)}",
                              expected="a whole number and a number") from None

    def append_later(self, name: str, step: int, value: torch.Tensor) -> None:
        """Add a 0-d tensor that lives on a GPU, without waiting for the GPU now."""
        with self._lock:
            self._waiting.append((name, step, value))
        if len(self._waiting) >= _FLUSH:
            self.flush()

    def flush(self) -> None:
        """Bring home the numbers that still wait on a GPU."""
        if not self._waiting:  # without the lock: most calls end here
            return
        with self._lock:
            waiting, self._waiting = self._waiting, []
            if waiting:  # one transfer for all of them
                values = torch.stack([value.detach().float() for _, _, value in waiting]).tolist()
                for (name, step, _), value in zip(waiting, values, strict=True):
                    self.append(name, step, value)

    @property
    def names(self) -> tuple[str, ...]:
        self.flush()
        return tuple(self._columns)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    @validated
    def __getitem__(self, name: str) -> np.ndarray:
        """The numbers of one column as an array (n,) of float64, a copy: `history["val_loss"]`.

        `history.steps("val_loss")` says at which steps they were taken.
        """
        self._column(name)  # raises where there is none
        return self.arrays(name)[1].copy()  # writable

    def __repr__(self) -> str:
        columns = (f"{name} {len(self.steps(name))} ({self.last(name):.4g})" for name in self)
        return f"History({', '.join(columns) or 'empty'})"

    def __len__(self) -> int:
        """Number of steps whose training loss is known."""
        return len(self._column("train_loss")[0]) if "train_loss" in self else 0

    @validated
    def series(self, name: str) -> list[float]:
        """The numbers of one column, oldest first."""
        steps, values = self._column(name)
        return values[: len(steps)].tolist()  # a value whose step is not in yet does not count

    @validated
    def steps(self, name: str) -> list[int]:
        """The step of each number in `series(name)`; steps count from 0."""
        return self._column(name)[0].tolist()

    @validated
    def last(self, name: str) -> float:
        """The newest number of one column; NaN when there is none yet."""
        self.flush()
        steps, values = self._columns.get(name, _EMPTY)
        count = len(steps)  # first: the value of a step that is seen is there
        return values[count - 1] if count else math.nan

    def before(self, name: str, step: int) -> float | None:
        """The newest number of one column that was taken before `step`; None when there is none."""
        self.flush()
        steps, values = self._columns.get(name, _EMPTY)
        number = bisect.bisect_left(steps, step)  # steps of a column never go back
        return values[number - 1] if number else None

    @validated
    def arrays(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps (int64) and values (float64) of one column as copies; empty arrays when there is
        no such column yet.
        """
        self.flush()
        steps, values = self._columns.get(name, _EMPTY)
        # tobytes copies in one go, while the trainer cannot append
        at = np.frombuffer(steps.tobytes(), np.int64)
        return at, np.frombuffer(values.tobytes(), np.float64)[: len(at)]

    def since(self, name: str, count: int,
              stop: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """What `arrays` gives, without the first `count` numbers, and without those from number
        `stop` on: costs only what it gives. Called many times a second, so its arguments are not
        looked at.
        """
        self.flush()
        steps, values = self._columns.get(name, _EMPTY)
        at = np.frombuffer(steps[count:stop].tobytes(), np.int64)
        return at, np.frombuffer(values[count:count + len(at)].tobytes(), np.float64)

    def _column(self, name: str) -> tuple[array[int], array[float]]:
        self.flush()
        if name not in self._columns:
            raise RecipeError("History", found=f"no column {name!r}",
                              expected="one of " + ", ".join(self._columns),
                              mend="Columns appear with their first number.")
        return self._columns[name]

    def copy(self) -> History:
        """Another history with the same numbers."""
        self.flush()
        made = History()
        for name, (steps, values) in self._columns.items():
            made._columns[name] = (array("q", steps), array("d", values))
        return made

    @validated
    def until(self, step: int) -> History:
        """Another history with the numbers of the steps before `step`."""
        self.flush()
        made = History()
        for name, (steps, values) in self._columns.items():
            count = bisect.bisect_left(steps, step)  # steps of a column never go back
            if count:
                made._columns[name] = (steps[:count], values[:count])
        return made

    def to_dict(self) -> dict[str, dict[str, list[Any]]]:
        """Plain lists; NaN and infinities become the texts "NaN", "Infinity", "-Infinity", which
        JSON can carry.
        """
        # steps and values of one moment each
        columns = {name: self.arrays(name) for name in self.names}
        return {name: {"steps": steps.tolist(), "values": [_to_text(v) for v in values.tolist()]}
                for name, (steps, values) in columns.items()}

    @classmethod
    @validated
    def from_dict(cls, columns: Mapping[str, Any]) -> History:
        if not isinstance(columns, Mapping):
            raise RecipeError("History", found=type(columns).__name__,
                              expected="columns of numbers by name")
        history = cls()
        for name, column in columns.items():
            try:
                pairs = list(zip(column["steps"], column["values"], strict=True))
                for step, value in pairs:
                    history.append(str(name), int(step), float(value))
            except RecipeError:
                raise
            except (TypeError, ValueError, KeyError, OverflowError) as error:
                raise RecipeError(
                    f"History column {name!r}", found=repr(error),
                    expected='{"steps": [...], "values": [...]} of equal length') from None
        return history

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    def to_dataframe(self) -> Any:
        """A pandas DataFrame: one row a step, one column a name, NaN where nothing was measured.

        Raises:
            RecipeError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise RecipeError("History.to_dataframe()", found="no pandas", expected="it installed",
                              mend="pip install pandas; or take history.to_dict().") from None
        columns = {}
        for name in self.names:
            steps, values = self.arrays(name)
            column = pd.Series(values, index=steps)
            columns[name] = column[~column.index.duplicated(keep="last")]  # one row a step
        return pd.DataFrame(columns).rename_axis("step")

    @classmethod
    @validated
    def from_json(cls, text: str) -> History:
        return cls.from_dict(
            parse_json(text, "History file", "a JSON object", "Write one with history.to_json()."))


def mean_of_last(values: Iterable[float], count: int = 50) -> float:
    """Mean of the last `count` numbers; NaN when there are none."""
    tail = list(values)[-count:]
    return sum(tail) / len(tail) if tail else math.nan


def _to_text(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
