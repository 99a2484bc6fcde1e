"""Pictures of the checks on a training: curves, range test, timing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe_widgets.core import CheckResult
from recipe_widgets.plots.figures import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    YELLOW,
    legend,
    legend_below,
    set_title,
    threshold_line,
    titled_axes,
)
from recipe_widgets.rules.statistics import smooth
from recipe_widgets.rules.timing import SLOW_MS

Array = npt.NDArray[np.float64]


def loss_axis(axes: Axes, *series: Array) -> None:
    """A log axis where all losses are above zero and span a decade or more; a grid."""
    values = np.concatenate([np.asarray(s, np.float64).ravel() for s in series])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 10 * values.min():
        axes.set_yscale("log")
    axes.grid(alpha=0.3)


def draw_curve(result: CheckResult, title: str, _colour: str) -> tuple[Figure, str]:
    """Single steps pale, their running level over them; jumps and the first number that is none
    are marked.
    """
    loss = np.asarray(result.details["train_loss"], np.float64)
    ratio = np.asarray(result.details.get("ratio", ()), np.float64)
    figure = Figure(figsize=(9.5 if len(ratio) else 7, 3.2), layout="constrained")
    set_title(figure, title, 9.5 if len(ratio) else 7)
    axes, *more = figure.subplots(1, 1 + bool(len(ratio)), squeeze=False)[0]
    loss_axis(axes, loss)
    axes.plot(np.arange(len(loss)), loss, color=GREY, alpha=0.5, linewidth=0.8, label="each step")
    x, y = smooth(loss)
    axes.plot(x, y, color=BLUE, linewidth=2, label="level (median)")
    for number, at in enumerate(np.asarray(result.details.get("jumps", ()))):
        axes.axvline(at, color=ORANGE, linestyle=":", label=None if number else "jump")
    wrong = np.flatnonzero(~np.isfinite(loss))
    if len(wrong):
        threshold_line(axes, float(wrong[0]), f"no number from step {wrong[0]} on")
    axes.set(xlabel="step", ylabel="training loss")
    legend(axes)
    for beside in more:
        _draw_ratio(beside, ratio)
    words = f"The level goes from {y[0]:.3g} to {y[-1]:.3g} in {len(loss)} steps." if len(
        y) else "No number at all."
    return figure, words


def _draw_ratio(axes: Axes, ratio: Array) -> None:
    shown = np.where(ratio > 0, ratio, np.nan)
    if np.isfinite(shown).any():
        axes.set_yscale("log")
        axes.plot(np.arange(len(ratio)), shown, color=PINK)
        axes.axhspan(1e-4, 1e-1, color=GREEN, alpha=0.12, label="healthy, 1e-4 to 1e-1")
        legend(axes)
    axes.set(xlabel="look", ylabel="update / weights, per step")
    axes.grid(alpha=0.3)


def draw_fit(result: CheckResult, title: str, _colour: str) -> tuple[Figure, str]:
    """Training and validation loss over the steps, and the best step."""
    steps, train, looks, held = (np.asarray(result.details[key], np.float64)
                                 for key in ("train_steps", "train_loss", "val_steps", "val_loss"))
    figure, axes = titled_axes(title)
    loss_axis(axes, train, held)
    x, y = smooth(train)
    if len(x):
        axes.plot(np.interp(x, np.arange(len(steps)), steps), y, color=BLUE,
                  label="training (median)")
    axes.plot(looks, held, "o--", color=ORANGE, markersize=3, label="validation")
    best = result.details.get("best_step")
    if best is not None:
        threshold_line(axes, best, f"best step {best}", colour=GREEN)
    axes.set(xlabel="step", ylabel="loss")
    legend(axes)
    words = f"Validation loss ends at {held[-1]:.3g}, lowest {held.min():.3g} at step {best}." if len(
        held) else ""
    return figure, words


def draw_range_test(result: CheckResult, title: str, _colour: str) -> tuple[Figure, str]:
    """Loss over the learning rate, and the suggestion."""
    rates, loss, level = (np.asarray(result.details[key], np.float64)
                          for key in ("lr", "loss", "smooth"))
    figure, axes = titled_axes(title)
    axes.set_xscale("log")
    loss_axis(axes, loss)
    axes.plot(rates[:len(loss)], loss, color=GREY, alpha=0.5, linewidth=0.8, label="each step")
    axes.plot(rates[:len(level)], level, color=BLUE, linewidth=2, label="level")
    suggestion = result.details.get("suggestion")
    if suggestion is not None:
        threshold_line(axes, suggestion, f"suggestion {suggestion:g}", colour=GREEN)
        threshold_line(axes, result.details["lowest"], f"lowest at {result.details['lowest']:.2g}")
    axes.set(xlabel="learning rate", ylabel="training loss")
    legend(axes)
    return figure, f"Rates from {rates[0]:.2g} to {rates[-1]:.2g}; suggestion {suggestion}." if len(
        rates) else ""


def draw_timing(result: CheckResult, title: str, _colour: str) -> tuple[Figure, str]:
    """One bar, cut into the parts of a step."""
    ms = {str(part): float(value) for part, value in result.details["ms"].items()}
    figure, axes = titled_axes(title, height=1.8)
    left, colours = 0.0, dict(
        zip(("data", "forward", "backward", "step"), (YELLOW, BLUE, PINK, GREEN), strict=True))
    hatches = {"data": "//", "forward": "", "backward": "..", "step": "xx"}
    for part, value in ms.items():
        axes.barh([0], [value], left=left, color=colours.get(part, GREY),
                  hatch=hatches.get(part, ""), edgecolor="white", label=f"{part} {value:.3g} ms")
        left += value
    if left > SLOW_MS / 5:
        threshold_line(axes, SLOW_MS, f"{SLOW_MS:g} ms: trouble", colour="black")
    axes.set(xlabel="milliseconds per step", yticks=[])
    legend_below(axes)
    return figure, ", ".join(f"{part} {value:.3g} ms" for part, value in ms.items()) + "."
