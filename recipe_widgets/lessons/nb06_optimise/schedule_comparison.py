"""Schedules: learning rates over a run, and what they are worth. Notebook 06, P7."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.comparison import RunComparison
from recipe_widgets.lessons.common.guarded import train_many
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE, set_title
from recipe_widgets.training import Training, lr_at

SCHEDULES = ("constant", "step", "halve", "epoch", "exponential", "inverse", "cosine", "linear",
             "onecycle")


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


def compare_schedules(data: Data, settings: Settings, names: Sequence[str],
                      seeds: int = 4) -> RunComparison[str]:
    """The same run under each schedule, from the same seeds."""
    return RunComparison(
        {name: train_many(data, settings.replace(schedule=name), range(seeds)) for name in names})


def few(runs: RunComparison[str], *names: str) -> RunComparison[str]:
    """Some of a comparison, for a picture with fewer lines."""
    for name in names:
        if name not in runs.runs:
            raise RecipeError("few", found=repr(name), expected="one of " + ", ".join(runs.runs))
    return RunComparison({name: runs.runs[name] for name in names})


def train_with_rate(data: Data, settings: Settings, rate: Callable[[int], float]) -> Run:
    """Train with a schedule of your own: `rate(step)` is the learning rate of each step, from 0."""
    # constant: the loop then leaves the rate alone, and the lines below set it
    training = Training(build_model(settings, data.shape, data.num_classes), data,
                        settings.replace(schedule="constant"))
    run = training.new_run()
    for step in range(settings.max_steps):
        for group in training.optimizer.param_groups:
            group["lr"] = rate(step)
        training.step()
        training.history.append("lr", step, rate(step))
        if not training.finite():
            run.status = "diverged"
            return run
    training.evaluate()
    run.status = "done"
    return run


def cooldowns(data: Data, settings: Settings, shares: Sequence[float],
              seeds: int = 3) -> RunComparison[str]:
    """Exponential decay of the learning rate to a hundredth, and after that it stays low.

    Args:
        shares: of the run after which the hundredth is reached, in (0, 1]; 1 is the run's end.
    """

    def run(seed: int, share: float) -> Run:
        return train_with_rate(
            data, settings.replace(seed=seed),
            lambda step: settings.lr * 0.01**min(1.0, step / (share * settings.max_steps)))

    made = {
        "no decay": [
            train_with_rate(data, settings.replace(seed=seed), lambda _: settings.lr)
            for seed in range(seeds)
        ]
    }
    for share in shares:
        made[f"cold at {share:.0%}"] = [run(seed, share) for seed in range(seeds)]
    return RunComparison(made)
