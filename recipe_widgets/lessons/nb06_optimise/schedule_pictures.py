"""Schedules: the learning rate over a run. Notebook 06, P7."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE, set_title
from recipe_widgets.training import lr_at

SCHEDULES = ("constant", "step", "halve", "epoch", "exponential", "inverse", "cosine", "linear",
             "onecycle", "wsd")


def rates(settings: Settings, steps_per_epoch: int = 0) -> np.ndarray:
    """The learning rate of every step of a run: (max_steps,)."""
    return np.array([lr_at(step, settings, steps_per_epoch) for step in range(settings.max_steps)])


def show_schedule(settings: Settings, steps_per_epoch: int = 100,
                  others: Sequence[str] = SCHEDULES) -> Picture:
    """The learning rate over the steps: the chosen schedule, and the others pale."""
    if settings.max_steps < 2:
        raise RecipeError("show_schedule(settings)", found=f"{settings.max_steps} steps",
                          expected="at least 2")
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    for name in others:
        if name != settings.schedule:
            axes.plot(rates(settings.replace(schedule=name), steps_per_epoch), color="0.8",
                      linewidth=1)
    course = rates(settings, steps_per_epoch)
    axes.plot(course, color=PALETTE[0], linewidth=2.5, label=settings.schedule)
    axes.plot([], color="0.8", label="other schedules")  # one entry of the legend for all of them
    middle, end, peak = float(course[len(course) // 2]), float(course[-1]), int(course.argmax())
    set_title(
        figure, f"{settings.schedule}: at most {course.max():.2g} (step {peak}), {middle:.2g} "
        f"half way, {end:.2g} at the end; mean {course.mean():.2g}", 8)
    axes.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return Picture(
        figure, f"Learning rate under the schedule {settings.schedule}: {course[0]:.2g} at first, "
        f"{middle:.2g} half way, {end:.2g} at the end of {len(course)} steps; its mean is "
        f"{course.mean():.2g}.")
