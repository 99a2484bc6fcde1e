"""Accuracy against the number of samples, and against the size of the net. (Notebook 05, O4 and
O6.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from recipe_widgets.core import Settings
from recipe_widgets.data import Data
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE, set_title
from recipe_widgets.training import Training, advance, evaluate

# training samples: about equal steps on a log scale
COUNTS = (5, 10, 30, 100, 300, 1000, 3000, 10_000)


@dataclass(frozen=True)
class CurvePoint:
    """Shares right (0 to 1) of the training samples and of the validation samples, one per seed."""

    train: tuple[float, ...]
    val: tuple[float, ...]

    @property
    def gap(self) -> float:
        return float(np.mean(self.train) - np.mean(self.val))


def measure(data: Data, settings: Settings, n: int, seeds: int,
            look: int = 2000) -> Iterator[CurvePoint]:
    """Train on `n` samples, other ones for each seed; yields what is known so far, after every
    few steps and at the end.
    """
    train: list[float] = []
    val: list[float] = []
    for seed in range(seeds):
        # other samples for each seed: which ones matters when few
        few, chosen = data.subset(n, seed), settings.replace(seed=seed, eval_samples=look,
                                                             eval_every=settings.max_steps)
        training = Training(build_model(chosen, data.shape, data.num_classes), few, chosen)
        for step in advance(training, training.new_run()):
            if step.index % 8 == 0:  # often enough for a page that shows how far it is
                yield CurvePoint(tuple(train), tuple(val))
        train.append(evaluate(training.model, few.train).accuracy)
        val.append(training.history.last("val_accuracy"))
    yield CurvePoint(tuple(train), tuple(val))


@dataclass
class AccuracyCurve:
    """What is known: `points[(name, x)]`, for lines with names over x (samples, or units)."""

    label: str
    chance: float
    points: dict[tuple[str, int], CurvePoint] = field(default_factory=dict)

    def names(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.points))

    def line(self, name: str) -> dict[int, CurvePoint]:
        points = {x: point for (who, x), point in self.points.items() if who == name}
        return dict(sorted(points.items()))

    def onset(self, name: str) -> int | None:
        """The smallest number of samples from which on every seed does better than chance by 5
        points or more.
        """
        line = self.line(name)
        good = [min(point.val) > self.chance + 0.05 for point in line.values()]  # every seed
        return next((count for number, count in enumerate(line) if all(good[number:])), None)

    def __str__(self) -> str:
        rows = [f"{'':>24}  {self.label:>8}  training  "
                "validation: mean, lowest and highest of the seeds"]
        for (name, x), point in self.points.items():
            rows.append(
                f"{name:>24}  {x:>8,}  {np.mean(point.train):>8.1%}  {np.mean(point.val):.1%} "
                f"({min(point.val):.1%} to {max(point.val):.1%}), n = {len(point.val)}")
        return "\n".join(rows)

    def plot(self, title: str = "", mark: tuple[str, int] | None = None) -> Picture:
        """Training (dotted) and validation accuracy over x, bars from lowest to highest seed;
        `mark` gets a ring.
        """
        figure = Figure(figsize=(7.5, 3.3), layout="constrained")
        axes, words = figure.subplots(), []
        for number, name in enumerate(self.names()):
            line, colour = self.line(name), PALETTE[number % len(PALETTE)]
            at = list(line)  # samples, or units
            # (3, x) per cent: mean, lowest, highest
            val = np.array([[np.mean(point.val), min(point.val), max(point.val)]
                            for point in line.values()]).T * 100
            train = [100 * np.mean(point.train) for point in line.values()]
            axes.errorbar(at, val[0], yerr=np.abs(val[1:] - val[0]), fmt="o" + LINES[number % 3],
                          color=colour, label=name, markersize=4, capsize=3)
            axes.plot(at, train, ":", color=colour, linewidth=1)
            means = ", ".join(f"{x}: {mean:.0f} %" for x, mean in zip(at, val[0], strict=True))
            words.append(f"{name}: {means}")
        if mark is not None and mark in self.points:
            axes.plot(mark[1],
                      np.mean(self.points[mark].val) * 100, "o", color="black", markersize=12,
                      fillstyle="none")
        # one entry of the legend for all dotted lines
        axes.plot([], ":", color="0.4", label="training")
        axes.axhline(100 * self.chance, color="0.5", linestyle="--", linewidth=1, label="chance")
        axes.set(xscale="log", xlabel=self.label, ylabel="accuracy (%)", ylim=(0, 102))
        places = sorted({x for _, x in self.points})  # round numbers of a log axis would be others
        axes.set_xticks(places, [f"{x:,}" for x in places])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
        set_title(figure, title or self.verdict(), 7.5)
        return Picture(figure, f"Validation accuracy by {self.label}. {'; '.join(words)}.")

    def verdict(self, counts: Sequence[int] = ()) -> str:
        """One sentence about where generalisation begins, computed.

        counts: the numbers of samples that could be measured; by default those that were.
        """
        parts = []
        for name in self.names():
            onset, line = self.onset(name), self.line(name)
            fewer = [count for count in counts if onset is not None and count < onset]
            if onset is None:
                parts.append(f"{name}: not yet")
            elif fewer and fewer[-1] not in line:
                parts.append(f"{name}: with {onset:,} {self.label}; {fewer[-1]:,} are not measured")
            else:
                parts.append(f"{name}: from {onset:,} {self.label} on")
        if not parts:
            return "Nothing measured yet"
        return f"Better than chance by 5 points, with every seed: {'; '.join(parts)}"


def width_verdict(curve: AccuracyCurve, widths: Sequence[int] = ()) -> str:
    """For each line: the best width, and whether the widest net is worse than it beyond the
    seeds' spread; no verdict where the widths beside the best one are not measured.

    widths: those that could be measured; by default those that were.
    """
    lines = {name: curve.line(name) for name in curve.names()}
    return "; ".join(f"{name}: {_best_width(line, sorted({*widths, *line}))}"
                     for name, line in lines.items()) + "."


def _best_width(line: dict[int, CurvePoint], grid: list[int]) -> str:
    best = max(line, key=lambda x: float(np.mean(line[x].val)))
    reached = f"{np.mean(line[best].val):.1%}"
    if len(line) == 1 < len(grid):
        return f"{best} units reach {reached}. One of {len(grid)} widths is measured: no verdict yet"
    at = grid.index(best)
    beside = [width for width in (*grid[max(0, at - 1):at], *grid[at + 1:at + 2]) if width not in line]
    if beside:
        return (f"the highest of {len(line)} measured widths is {best} ({reached}). "
                f"No verdict before {' and '.join(map(str, beside))} beside it")
    widest = max(line)
    if best == grid[-1]:
        return f"best at {best} units ({reached}), the widest there is"
    worse = max(line[widest].val) < min(line[best].val)  # the ranges of the seeds do not meet
    tail = "worse" if worse else "as good within the seeds' spread"
    return f"best at {best} units ({reached}), {widest} units are {tail}"
