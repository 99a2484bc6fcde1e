"""Search spaces, generated from what `Settings` say of their knobs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.validation import filled, real, validated, whole

if TYPE_CHECKING:
    import optuna

USUAL = ("lr", "momentum", "weight_decay", "batch_size", "width")
Value = float | int | str | None  # None: a knob that is off


@validated
@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; with `log` each factor of ten counts alike.
    `whole`: integers only.
    """

    name: str
    low: Annotated[float, real(-1e300)]
    high: Annotated[float, real(-1e300)]
    log: bool
    whole: bool

    def __post_init__(self) -> None:
        if self.low > self.high or (self.log and self.low <= 0):
            raise RecipeError(
                "Range(low, high)", found=f"{self.low:g} to {self.high:g}", expected="low <= high" +
                (", both above 0 on a logarithmic scale" if self.log else ""))

    def suggest(self, trial: optuna.Trial) -> Value:
        if self.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)

    def grid(self, points: int) -> list[Value]:
        """`points` values evenly spread, in the logarithm where `log`; fewer where integers fall
        together.
        """
        if points == 1:
            spread = np.array(
                [math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2])
        else:
            spread = (np.geomspace if self.log else np.linspace)(self.low, self.high, points)
        if self.whole:
            return list(dict.fromkeys(round(value) for value in spread.tolist()))
        # geomspace may end a rounding beyond the range
        inside = np.clip(spread, self.low, self.high).tolist()
        return list(dict.fromkeys(inside))

    def narrowed(self, values: Sequence[Any]) -> Range:
        """The range around good values: theirs, widened by a tenth of this range on both sides,
        and never beyond it.
        """
        low, high = self._line(self.low), self._line(self.high)  # logarithms where `log`
        margin = 0.1 * (high - low)
        left = max(low, min(map(self._line, values)) - margin)
        right = min(high, max(map(self._line, values)) + margin)
        ends = [math.exp(end) if self.log else end for end in (left, right)]
        if self.whole:  # 1e-9: exp(log(32)) may lie a rounding beyond 32
            ends = [math.floor(ends[0] + 1e-9), math.ceil(ends[1] - 1e-9)]
        ends = [min(max(end, self.low), self.high) for end in ends]
        return Range(self.name, ends[0], ends[1], self.log, self.whole)

    def _line(self, value: float) -> float:
        return math.log(value) if self.log else value


@validated
@dataclass(frozen=True)
class Categorical:
    """One of some values, without an order between them."""

    name: str
    values: Annotated[tuple[Value, ...], filled()]

    def suggest(self, trial: optuna.Trial) -> Value:
        chosen: Value = trial.suggest_categorical(self.name, self.values)
        return chosen

    def grid(self, _: int) -> list[Value]:
        return list(self.values)

    def narrowed(self, values: Sequence[Any]) -> Categorical:
        return Categorical(self.name, tuple(value for value in self.values if value in values))


class Space:
    """Which knobs are searched, and where."""

    @validated
    def __init__(self, dimensions: Sequence[Range | Categorical]) -> None:
        self.dimensions = tuple(dimensions)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.dimensions)

    def suggest(self, trial: optuna.Trial, base: Settings) -> Settings:
        """`base` with the knobs that the sampler chose for this trial."""
        return base.replace(**{one.name: one.suggest(trial) for one in self.dimensions})

    @validated
    def grid(self, points: Annotated[int, whole(1, 10**4)]) -> dict[str, list[Value]]:
        """`points` values of each range and all values of each choice."""
        return {one.name: one.grid(points) for one in self.dimensions}

    @validated
    def narrowed(self, good: Annotated[Sequence[Mapping[str, Any]], filled()]) -> Space:
        """The part of the space around some good points, `{knob: value}` each: from coarse to
        fine.
        """
        lacking = [name for name in self.names if any(name not in point for point in good)]
        if lacking:
            raise RecipeError("Space.narrowed(good=)", found=f"a point without {lacking[0]!r}",
                              expected=f"points with a value for each of {', '.join(self.names)}")
        return Space([one.narrowed([point[one.name] for point in good]) for one in self.dimensions])

    def to_dict(self) -> dict[str, Any]:
        """For JSON: `{knob: [low, high, "log" | "linear"] or {"choices": [...]}}`."""
        # stored with a study: workers compare theirs with it, so the form must stay as it is
        return {one.name: {"choices": list(one.values)} if isinstance(one, Categorical)
                else [one.low, one.high, "log" if one.log else "linear"] for one in self.dimensions}

    def __iter__(self) -> Iterator[Range | Categorical]:
        return iter(self.dimensions)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.dimensions == other.dimensions

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        words = (f"{one.name} in {list(one.values)}" if isinstance(one, Categorical) else
                 f"{one.name} {one.low:g} to {one.high:g}{' (log)' if one.log else ''}"
                 for one in self.dimensions)
        return f"Space({'; '.join(words)})"


@validated
def space(*names: str, **given: Any) -> Space:
    """A search space over knobs of `Settings`.

    >>> space("lr", width=(32, 256), optimizer=["sgd", "adam"])
    Space(lr 0.0001 to 10 (log); width 32 to 256 (log); optimizer in ['sgd', 'adam'])

    Args:
        names: knobs searched over their slider's whole range, in its scale, or over all their
            choices. Without any knob: lr, momentum, weight_decay, batch_size and width.
        given: a tuple `(low, high)` for a range of its own, a list for some values.
    Raises:
        RecipeError: unknown knobs, empty ranges, or what cannot be searched: seed, device and how a
            run is watched.
    """
    wanted: dict[str, Any] = dict.fromkeys(names if names or given else USUAL)
    return Space([_dimension(name, value) for name, value in (wanted | given).items()])


def _dimension(name: str, given: Any) -> Range | Categorical:
    knob = Settings.knob(name)
    if knob.kind == "fixed" or name == "seed":
        raise RecipeError(
            "Search space", found=f"the knob {name!r}",
            expected="a knob that makes a model better or worse",
            mend="Compare the best few over several seeds with finalists()."
            if name == "seed" else "")
    if knob.choices or isinstance(given, list | set | frozenset):
        return _choice(name, list(knob.choices) if given is None else list(given))
    low, high = (knob.low, knob.high) if given is None else _pair(name, given)
    assert low is not None
    assert high is not None
    return _range(name, low, high)


def _pair(name: str, given: Any) -> tuple[float, float]:
    if not isinstance(given, tuple) or len(given) != 2:
        raise RecipeError(f"Search space, {name}", found=repr(given),
                          expected="(low, high), or a list of values")
    # checks type and bounds
    low, high = (getattr(Settings().replace(**{name: value}), name) or 0 for value in given)
    return low, high


def _range(name: str, low: float, high: float) -> Range:
    log = Settings.knob(name).scale != "linear"
    if not low < high or (log and low <= 0):
        raise RecipeError(
            f"Search space, {name}", found=f"{low:g} to {high:g}",
            expected="low < high" + (", both above 0 on a logarithmic scale" if log else ""),
            mend=f"Some values, 0 among them, go in as a list: {name}=[0, 1e-4, 1e-3]."
            if log else "")
    return Range(name, low, high, log, Settings.knob(name).value_type is int)


def _choice(name: str, values: list[Any]) -> Categorical:
    checked = [getattr(Settings(momentum=0.5).replace(**{name: value}), name) for value in values]
    if not checked or len(set(checked)) < len(checked):
        raise RecipeError(f"Search space, {name}", found=repr(values),
                          expected="some values, each once")
    return Categorical(name, tuple(checked))


def size_of(grid: Mapping[str, Sequence[Value]]) -> int:
    """How many points a grid has."""
    return sum(1 for _ in itertools.product(*grid.values()))
