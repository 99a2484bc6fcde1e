"""Pictures of what a learner's own lines measured: two losses of a run, accuracies by a knob, curves of
several seeds, and what each method brings in each world. (Notebook 08.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError
from recipe_widgets.core.describe import describe_value
from recipe_widgets.core.validation import filled, measured, validated
from recipe_widgets.evaluation.recorded_experiment import RecordedExperiment
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE, set_title

Array = npt.NDArray[np.float64]
Number = Annotated[float, measured]  # NaN, too: a run may diverge
SMOOTH = 20  # steps over which a training loss is averaged


@validated
def draw_fits(curves: Annotated[Mapping[str, Mapping[str, Any]], filled()], title: str = "",
              marks: Mapping[str, int] | None = None) -> Picture:
    """One small chart a run: training loss (mean of 20 steps) and validation loss over steps.

    curves: name -> {"train_loss": (steps,), "val_loss": (steps of the looks, losses)}.
    marks: name -> a step that is marked, such as the best look.

    Raises:
        RecipeError: a run lacks one of the two curves.
    """
    runs = {name: _both(name, run) for name, run in curves.items()}
    wide = 3.2 * len(curves)
    figure = Figure(figsize=(wide, 3.0), layout="constrained")
    said = []
    for axes, (name, run) in zip(figure.subplots(1, len(curves), squeeze=False)[0], runs.items(),
                                 strict=True):
        train, steps, looks = run
        window = min(SMOOTH, len(train))
        means = np.convolve(train, np.ones(window) / window, "valid")  # (steps - window + 1,)
        axes.plot(np.arange(len(means)) + window - 1, means, "-", color=PALETTE[0], label="training")
        axes.plot(steps, looks, "--", color=PALETTE[1], label="validation")
        if marks and name in marks:
            axes.axvline(marks[name], color="0.3", linestyle=":", label=f"step {marks[name]}")
        axes.set(xlabel="step", ylabel="loss (nats)", ylim=(0, None), title=name)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
        said.append(f"{name}: training loss ends at {means[-1]:.2f}, validation loss at {looks[-1]:.2f}, "
                    f"lowest {looks.min():.2f} at step {int(steps[looks.argmin()])}")
    set_title(figure, title, wide)
    return Picture(figure, f"Training and validation loss over steps. {'; '.join(said)}.")


def _both(name: str, run: Mapping[str, Any]) -> tuple[Array, Array, Array]:
    """Training losses (n,), steps of the looks (m,), their losses (m,)."""
    try:
        train = np.asarray(run["train_loss"], float)
        steps, looks = (np.asarray(one, float) for one in run["val_loss"])
        if train.ndim == steps.ndim == looks.ndim == 1 and len(train) and len(steps) == len(looks) > 0:
            return train, steps, looks
    except (KeyError, TypeError, ValueError):
        pass
    raise RecipeError(f"Curves of {name!r}", found=describe_value(run),
                      expected='{"train_loss": losses, "val_loss": (steps, losses)}')


@validated
def draw_by_knob(values: Annotated[Mapping[str, Mapping[float, Sequence[Number]]], filled()],
                 knob: str, ylabel: str, title: str = "") -> Picture:
    """Means over seeds and their range, by the values of a knob, which stand at equal distances.

    values: name of a line -> value of the knob -> one number a seed.
    """
    figure = Figure(figsize=(7, 3.3), layout="constrained")
    axes = figure.subplots()
    said = []
    for number, (name, by_value) in enumerate(values.items()):
        seeds = [np.asarray(row, float) for row in by_value.values()]
        places, colour = np.arange(len(seeds)), PALETTE[number % len(PALETTE)]
        axes.plot(places, [row.mean() for row in seeds], LINES[number % len(LINES)], marker="o",
                  color=colour, label=name)
        axes.fill_between(places, [row.min() for row in seeds], [row.max() for row in seeds],
                          color=colour, alpha=0.2, linewidth=0)
        axes.set_xticks(places, [f"{value:g}" for value in by_value])
        means = ", ".join(f"{value:g}: {row.mean():.3g}" for value, row in
                          zip(by_value, seeds, strict=True))
        said.append(f"{name}: {means}")
    axes.set(xlabel=knob, ylabel=ylabel)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    band = f" (mean of {len(seeds[0])} seeds; band: lowest to highest)"
    set_title(figure, title + band, 7)
    return Picture(figure, f"{ylabel} by {knob}. {'; '.join(said)}.")


@validated
def draw_regimes(studies: Annotated[Mapping[str, RecordedExperiment], filled()],
                 title: str = "") -> Picture:
    """What each method of some experiments brings against their first arm, with 95 % intervals.

    studies: name of a world -> its experiment; all of them ask the same questions in the same order.
    A full dot: the record says "holds" or "the reverse"; an open one: neither.
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    grid = figure.subplots(1, len(studies), sharex=True, sharey=True, squeeze=False)[0]
    said = []
    for axes, (world, study) in zip(grid, studies.items(), strict=True):
        rows = study.answers
        names = [one.question.arm for one in rows]
        for place, (name, one) in enumerate(zip(names, rows, strict=True)):
            sure = one.verdict in ("holds", "the reverse")
            for shift, found in zip((-0.12, 0.12), one.found, strict=True):
                middle, low, high = (100 * value for value in (found.difference, found.low, found.high))
                axes.plot([low, high], [place + shift] * 2, color=PALETTE[0], linewidth=1)
                axes.plot(middle, place + shift, "o", color=PALETTE[0], markersize=6,
                          fillstyle="full" if sure else "none")
            gain = 100 * np.mean([found.difference for found in one.found])
            said.append(f"{world}, {name}: {gain:+.1f} points, {one.verdict}")
        axes.axvline(0, color="0.3", linewidth=1)
        axes.set_yticks(range(len(names)), names)
        axes.set(ylim=(len(names) - 0.5, -0.5), xlabel="gain (points of accuracy)")
        axes.set_title(world, fontsize=10)
        axes.grid(alpha=0.3, axis="x")
    set_title(figure, title, 9)
    return Picture(figure, f"Gain of each method with its interval, on two sets of seeds. {'; '.join(said)}.")
