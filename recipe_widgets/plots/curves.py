"""What a run's curves show: numbers first, then drawn as SVG text (live) or with matplotlib (standing still)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from recipe_widgets.records import Run

BINS = 240  # points per curve: more than that cannot be seen in a picture of this size


@dataclass(frozen=True)
class Curve:
    """One line: `x` in steps, `y` in the chart's unit, both float64 (n,); gaps where a value is no number are dropped."""

    label: str
    role: str  # "train", "val": its colour; "ghost-train", "ghost-val": the run before
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
    curves: tuple[Curve, ...]


def charts(run: Run | None, ghost: Run | None = None) -> tuple[Chart, Chart]:
    """The loss chart (log axis, nats) and the accuracy chart (per cent) of a run and the run before it."""
    runs = [(one, prefix) for one, prefix in ((ghost, "ghost-"), (run, "")) if one is not None]
    longest = max([one.settings.max_steps for one, _ in runs] or [100])
    loss = [_curve(one, f"{kind}_loss", f"{prefix}{kind}", 1.0) for one, prefix in runs for kind in ("train", "val")]
    hits = [_curve(one, f"{kind}_accuracy", f"{prefix}{kind}", 100.0) for one, prefix in runs for kind in ("train", "val")]
    low, high = _log_limits([curve.y for curve in loss])
    return (Chart("loss", "nats", True, longest, low, high, tuple(loss)),
            Chart("accuracy", "%", False, longest, 0.0, 100.0, tuple(hits)))


_LABELS = {"train": "training batches", "val": "validation", "ghost-train": "run before", "ghost-val": "run before"}


def _curve(run: Run, column: str, role: str, factor: float) -> Curve:
    x, y = run.history.arrays(column)
    kept = np.isfinite(y)
    x, y = thin(x[kept].astype(float), y[kept] * factor)
    return Curve(_LABELS[role], role, x, y)


def thin(x: np.ndarray, y: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, np.ndarray]:
    """At most `bins` points: the means of equally long stretches. Shapes (n,) -> (min(n, bins),)."""
    if len(x) <= bins:
        return x, y
    edges = np.linspace(0, len(x), bins + 1).astype(int)[:-1]
    counts = np.diff([*edges, len(x)])
    return np.add.reduceat(x, edges) / counts, np.add.reduceat(y, edges) / counts


def _log_limits(series: list[np.ndarray]) -> tuple[float, float]:
    """Limits that hold all positive values and move in steps (1, 3, 10, ...), so that the axes stand still in between."""
    values = [y[y > 0] for y in series]
    smallest = min((float(y.min()) for y in values if len(y)), default=0.1)
    largest = max((float(y.max()) for y in values if len(y)), default=3.0)
    return _step_down(min(smallest, 0.1)), -_step_down(-max(largest, 3.0))


def _step_down(value: float) -> float:
    """The nearest number of the form 1, 3, 10, 30, ... at or below `value`; for -value: at or above, negative."""
    size = abs(value)
    decade = 10.0 ** math.floor(math.log10(size))
    steps = [decade, 3 * decade, 10 * decade]
    if value > 0:
        return max(step for step in steps if step <= size * (1 + 1e-9))
    return -min(step for step in steps if step >= size * (1 - 1e-9))


def describe(run: Run | None) -> str:
    """The curves in words, for readers who cannot see them."""
    if run is None or not len(run.history):
        return "Loss and accuracy over training steps; nothing has been trained yet."
    history, first = run.history, run.history.series("train_loss")[0]
    text = f"Training loss went from {first:.3g} to {history.last('train_loss'):.3g} in {len(history)} steps"
    if "val_accuracy" in history:
        text += f"; validation accuracy is {history.last('val_accuracy'):.1%}"
    return f"{text}. Run {run.status}. {run.message}".strip()
