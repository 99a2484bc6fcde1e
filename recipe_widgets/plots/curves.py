"""What runs' curves show: numbers first, then drawn as SVG text (live) or with matplotlib
(standing still).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from recipe_widgets.core import Run
from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.number_words import percent
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.plots.curve_summary import curve_points
from recipe_widgets.rules.curve_shape import NO_FALL, ROSE

BINS = 240  # points per curve: more cannot be seen in a picture of this size
Part = Literal["new", "other", "ghost", "pinned"]


@dataclass(frozen=True)
class PlottedRun:
    """A run in a chart.

    Attributes:
        part: "new" is the newest run, "other" the other branch of a fork, "ghost" the run before,
            "pinned" one that the reader keeps.
        label: for the legend; empty for the newest.
    """

    run: Run
    part: Part
    label: str = ""


@dataclass(frozen=True)
class CurveBand:
    """A band, or where low and high are the middle a line, in the chart "loss" or "accuracy".
    All (n,), in its unit.
    """

    label: str
    role: str  # "new", "old", "guess"
    chart: str
    x: np.ndarray
    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class ChartLine:
    """One line: `x` in steps, `y` in the chart's unit, both float64 (n,); gaps where a value is no
    number are dropped.

    Attributes:
        role: "train" or "val" of the newest run; "other-train", "ghost-val" and so on; "pin1-val"
            of a pinned one.
    """

    label: str
    role: str
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Chart:
    """One set of axes."""

    title: str
    unit: str
    log: bool
    x_max: float
    low: float
    high: float
    curves: tuple[ChartLine, ...]
    ribbons: tuple[CurveBand, ...] = ()


@validated
def charts(shown: Sequence[PlottedRun], ribbons: Sequence[CurveBand] = ()) -> tuple[Chart, Chart]:
    """The loss chart (log axis, nats) and the accuracy chart (per cent)."""
    longest = max([_length(one.run) for one in shown] or [100])
    # shares become per cent
    loss, accuracy = (tuple(line for one, number in _numbered(shown)
                            for line in _lines(one, number, column, factor))
                      for column, factor in (("loss", 1.0), ("accuracy", 100.0)))
    loss_bands, accuracy_bands = (tuple(band for band in ribbons if band.chart == title)
                                  for title in ("loss", "accuracy"))
    low, high = _log_limits([line.y for line in loss] + [band.middle for band in loss_bands])
    return (Chart("loss", "nats", True, longest, low, high, loss, loss_bands),
            Chart("accuracy", "%", False, longest, 0.0, 100.0, accuracy, accuracy_bands))


def _length(run: Run) -> float:
    """Steps on the axis. A run without a known end grows in steps: 100, 200, 500, 1000, ..."""
    planned = run.newest.max_steps
    if planned < 10**9:  # the largest that Settings take stands for "until it is stopped"
        return planned
    decade = 10.0 ** math.floor(math.log10(max(run.steps_done, 100)))
    return next(decade * factor for factor in (1, 2, 5, 10) if decade * factor >= run.steps_done)


def _numbered(shown: Sequence[PlottedRun]) -> list[tuple[PlottedRun, int]]:
    """Each run with the number of its pin, 1 to 4: there are four styles for pinned runs."""
    pins = 0
    found = []
    for one in shown:
        pins += one.part == "pinned"
        found.append((one, (pins - 1) % 4 + 1))
    return found


def _lines(one: PlottedRun, number: int, column: str, factor: float) -> list[ChartLine]:
    prefix = {"new": "", "other": "other-", "ghost": "ghost-", "pinned": f"pin{number}-"}[one.part]
    # of a pinned run the validation alone, so that the chart stays readable
    val_only = one.part == "pinned" and f"val_{column}" in one.run.history
    kinds = ["val"] if val_only else ["train", "val"]
    return [_line(one, f"{kind}_{column}", f"{prefix}{kind}", factor) for kind in kinds]


_KINDS = {"train": "training batches", "val": "validation"}


def _line(one: PlottedRun, column: str, role: str, factor: float) -> ChartLine:
    x, y = curve_points(one.run.history, column, BINS)
    y = y * factor
    kind = _KINDS[role.rsplit("-")[-1]]
    label = ", ".join(filter(None, [one.label, kind]))
    if one.part in ("ghost", "pinned") and one.label:
        label = one.label  # one name for both of their lines
    return ChartLine(label, role, x, y)


@validated
def downsample(x: np.ndarray, y: np.ndarray,
               bins: Annotated[int, whole(1)] = BINS) -> tuple[np.ndarray, np.ndarray]:
    """At most `bins` points: the means of equally long stretches. Shapes (n,) -> (min(n,
    bins),).
    """
    if x.ndim != 1 or x.shape != y.shape:
        raise RecipeError("downsample(x, y)", found=f"shapes {x.shape} and {y.shape}",
                          expected="two arrays (n,) of equal length")
    if len(x) <= bins:
        return x, y
    edges = np.linspace(0, len(x), bins + 1).astype(int)[:-1]  # where each stretch begins
    counts = np.diff([*edges, len(x)])
    return np.add.reduceat(x, edges) / counts, np.add.reduceat(y, edges) / counts


def _log_limits(series: list[np.ndarray]) -> tuple[float, float]:
    """Limits that hold all positive values and move in steps (1, 3, 10, ...), so that the axes
    stand still in between.
    """
    values = [y[y > 0] for y in series]
    smallest = min((float(y.min()) for y in values if len(y)), default=0.1)
    largest = max((float(y.max()) for y in values if len(y)), default=3.0)
    return _step_down(min(smallest, 0.1)), -_step_down(-max(largest, 3.0))


def _step_down(value: float) -> float:
    """The nearest number of the form 1, 3, 10, 30, ... at or below `value`; for -value: at or
    above, negative.
    """
    size = abs(value)
    decade = 10.0 ** math.floor(math.log10(size))
    # 1e-9: log10 of a number such as 0.3 is not exact
    steps = [decade, 3 * decade, 10 * decade]
    if value > 0:
        return max(step for step in steps if step <= size * (1 + 1e-9))
    return -min(step for step in steps if step >= size * (1 - 1e-9))


def headline(shown: Sequence[PlottedRun]) -> str:
    """The finding: what the newest run, the last one shown, came to, and the one it is compared
    with.
    """
    run = shown[-1].run
    if not run.steps_done:
        return f"{run.what}: nothing has been trained yet"
    if run.status == "diverged":
        return f"{run.what} diverged: the loss is no number after {run.steps_done:,} steps"
    other = next((one for one in reversed(shown[:-1])
                  if one.part in ("other", "ghost") and one.run.steps_done), None)
    if "val_accuracy" in run.history:
        samples = run.settings.eval_samples  # 0: all of them
        judged = f"{samples:,} validation samples" if samples else "the validation set"
        text = f"{run.what} gets {run.history.last('val_accuracy'):.1%} of {judged} right"
        if other is not None and "val_accuracy" in other.run.history:
            text += f", {_against(other)} {other.run.history.last('val_accuracy'):.1%}"
        return f"{text} ({run.steps_done:,} steps)"
    count = len(run.history)
    # medians: single batches jump
    first, last = (float(np.median(run.history.since("train_loss", start, stop)[1]))
                   for start, stop in ((0, 5), (count - max(1, count // 20), count)))
    word = "falls" if last < NO_FALL * first else "rises" if last > ROSE * first else "stays"
    ends = f"near {last:.2g}" if word == "stays" else f"from {first:.2g} to {last:.2g}"
    return f"{run.what}: the training loss {word} {ends} in {run.steps_done:,} steps"


def _against(other: PlottedRun) -> str:
    return "the run before" if other.part == "ghost" else "the old settings"


@validated
def describe(run: Run | None) -> str:
    """The curves in words, for readers who cannot see them."""
    if run is None or not len(run.history):
        return "Loss and accuracy over training steps; nothing has been trained yet."
    history = run.history
    first, last = history.since("train_loss", 0, 1)[1][0], history.last("train_loss")
    text = f"Training loss went from {first:.3g} to {last:.3g} in {len(history)} steps"
    # one accuracy: the message of a run that is done may have that of the whole validation set
    if "val_accuracy" in history and "whole validation set" not in run.message:
        text += f"; validation accuracy is {percent(history.last('val_accuracy'))}"
    return f"{text}. Run {run.status}. {run.message}".strip()


def describe_all(shown: Sequence[PlottedRun], ribbons: Sequence[CurveBand] = ()) -> str:
    """All curves in words, the newest run's first."""
    if not shown:
        return describe(None)
    parts = [describe(shown[-1].run)]
    parts += [f"{one.label or 'another run'}: {describe(one.run)}" for one in reversed(shown[:-1])]
    parts += list(dict.fromkeys(f"Also shown: {ribbon.label}." for ribbon in ribbons))
    return " ".join(parts)
