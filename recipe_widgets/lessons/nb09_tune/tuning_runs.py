"""Searches with real training runs: what they tried, what pruning saves, searching in rounds.

Notebook 09.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.data import Data
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE
from recipe_widgets.rules.statistics import paired
from recipe_widgets.tune import Categorical, Finalists, Space, Tuning, tune
from recipe_widgets.tune.samplers import Pruner


def same_budget(data: Data, searched: Space, base: Settings, side: int = 3) -> dict[str, Tuning]:
    """A grid of `side` x `side` runs over two knobs, and as many runs at random; no run is cut
    short.
    """
    if len(searched.dimensions) != 2 or any(isinstance(one, Categorical) for one in searched):
        raise RecipeError("same_budget(searched)", found=repr(searched),
                          expected="two ranges, such as space('lr', 'dropout')")
    # at random the same number of runs tries as many values of each knob as there are runs
    return {
        way:
        tune(data, searched, base, trials=side * side, sampler=way, pruner="none",
             metric="val_accuracy", grid_points=side, name=f"{data.name}, {way}")
        for way in ("grid", "random")
    }


def _tried(tuning: Tuning, knob: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of a knob (trials,) and what came out (trials,); NaN where a run diverged."""
    table = tuning.table()
    values = np.array([float(one.knobs[knob]) for one in table])
    return values, np.array([one.value for one in table])


def distinct(tuning: Tuning, knob: str) -> int:
    """How many different values of a knob were tried."""
    # rounded: a grid computes the same value twice with different last bits
    return len(np.unique(np.round(_tried(tuning, knob)[0], 12)))


def budget_words(pair: Mapping[str, Tuning]) -> str:
    """What each way tried and found, in a sentence."""
    return "; ".join(
        f"{way}: {len(one.table())} runs, {distinct(one, one.space.names[0])} learning rates, "
        f"best {one.best_value:.1%}" for way, one in pair.items())


def plot_budget(pair: Mapping[str, Tuning]) -> Picture:
    """Above, where each way looked; below, the same runs seen along the first knob alone."""
    figure = Figure(figsize=(8.5, 4.4), layout="constrained")
    grid = figure.subplots(2, len(pair), squeeze=False, sharex="col", sharey="row",
                           height_ratios=(1.1, 1))
    low, high = _limits(pair)
    for column, (way, one) in enumerate(pair.items()):
        (x, value), (y, _) = (_tried(one, knob) for knob in one.space.names)
        seen = np.isfinite(value)  # diverged runs are drawn as crosses
        points = grid[0, column].scatter(x[seen], y[seen], c=100 * value[seen], cmap="cividis",
                                         vmin=low, vmax=high, edgecolor="black", s=70)
        grid[0, column].plot(x[~seen], y[~seen], "x", color=PALETTE[1])
        grid[0, column].set_title(
            f"{way}: {distinct(one, one.space.names[0])} learning rates in {len(x)} runs",
            fontsize=9)
        grid[1, column].plot(x[seen], 100 * value[seen], "o", color=PALETTE[0])
        grid[1, column].plot(x[~seen], np.full((~seen).sum(), low), "x", color=PALETTE[1],
                             label=None if seen.all() else "diverged")
        grid[1, column].axhline(100 * one.best_value, color=PALETTE[1], linestyle="--",
                                label=f"best {one.best_value:.1%}")
        grid[1, column].set(xscale="log", xlabel="learning rate")
        grid[1, column].legend(frameon=False, fontsize=8)
        for axes in grid[:, column]:
            axes.grid(alpha=0.3)
    grid[0, 0].set_ylabel(next(iter(pair.values())).space.names[1])
    grid[1, 0].set_ylabel("validation accuracy (%)")
    figure.colorbar(points, ax=grid[0], label="accuracy (%)")  # one scale for both, see _limits
    data = next(iter(pair.values())).data.name
    found = ", ".join(f"{way} finds {one.best_value:.1%}" for way, one in pair.items())
    figure.suptitle(f"{data}, the same budget twice: {found}", fontsize=10)
    return Picture(figure, f"{data}. {budget_words(pair)}.")


def _limits(pair: Mapping[str, Tuning]) -> tuple[float, float]:
    """Lowest and highest accuracy of all runs, in percent."""
    values = np.concatenate([_tried(one, one.space.names[0])[1] for one in pair.values()])
    return 100 * float(np.nanmin(values)), 100 * float(np.nanmax(values))


@dataclass(frozen=True)
class Pruning:
    """The same random trials with and without pruning, once for each repeat."""

    title: str
    trials: int  # of a search
    steps: Mapping[str, Sequence[int]]  # by pruner: trained in all, for each repeat
    best: Mapping[str, Sequence[float]]  # by pruner: lowest validation loss (nats)

    def verdict(self) -> str:
        """What pruning saves, and what it costs."""
        whole, cut = (np.asarray(self.steps[way], np.float64) for way in ("none", "median"))
        saved, gap = 1 - cut / whole, paired(self.best["none"], self.best["median"])
        word = "more" if gap.low > 0 else "less" if gap.high < 0 else "not clearly more or less"
        # trials are the same, so a worse best one means that the best itself was cut
        missed = sum(pruned > full + 1e-9 for full, pruned in zip(
            self.best["none"], self.best["median"], strict=True))
        return (f"{self.title}: pruning saves {saved.mean():.0%} of the steps ({saved.min():.0%} "
                f"to {saved.max():.0%}, {len(saved)} repeats of {self.trials} trials). The best "
                f"loss is {word}: {gap.difference:+.3f} nats; the best trial itself was cut in "
                f"{missed} of {len(saved)} repeats.")


def pruning(data: Data, searched: Space, base: Settings, trials: int = 12,
            repeats: int = 3) -> Pruning:
    """Random searches from seeds 0, 1, ...: every trial to its end, and with the median pruner."""
    ways: tuple[Pruner, ...] = ("none", "median")
    steps: dict[str, list[int]] = {way: [] for way in ways}
    best: dict[str, list[float]] = {way: [] for way in ways}
    for seed in range(repeats):
        for way in ways:
            found = tune(data, searched, base.replace(seed=seed), trials=trials, sampler="random",
                         pruner=way)
            steps[way].append(steps_trained(found))
            best[way].append(found.best_value)
    return Pruning(f"{data.name}, {repeats} searches", trials, steps, best)


def steps_trained(tuning: Tuning) -> int:
    """Steps of all trials together: whole ones count in full, others up to their last validation."""
    from optuna.trial import TrialState

    total = 0
    for trial in tuning.study.get_trials(deepcopy=False):
        whole = trial.state == TrialState.COMPLETE
        # its values on the way have the step as their key
        total += tuning.base.max_steps if whole else max(trial.intermediate_values, default=0)
    return total


def flattery(tuning: Tuning, judged: Finalists) -> str:
    """What the search said of its winner, and what other seeds say of the very same settings."""
    claimed = tuning.best_value
    # the same settings but for the seed
    again = next(one for one in judged.entries
                 if one.settings.replace(seed=0) == tuning.best.replace(seed=0))
    worse = again.mean - claimed if tuning.metric == "val_loss" else claimed - again.mean
    side = "worse" if worse > 0 else "better"

    def number(value: float) -> str:
        return f"{value:.1%}" if tuning.metric == "val_accuracy" else f"{value:.3f} nats"

    in_points = tuning.metric == "val_accuracy"
    gap = f"{100 * abs(worse):.1f} points" if in_points else number(abs(worse))
    rank = 1 + judged.entries.index(again)
    return (f"{tuning.data.name}: the search says {number(claimed)} of its winner; "
            f"{len(again.values)} other seeds give {number(again.mean)} "
            f"({number(min(again.values))} to {number(max(again.values))}), {side} by {gap}. "
            f"Among the best {len(judged.entries)} it comes in as number {rank}.")


def plot_rounds(rounds: Sequence[Tuning], knob: str = "lr") -> Picture:
    """Value against a knob, round by round; the range that the next round searches is shaded."""
    figure = Figure(figsize=(8.5, 2.9), layout="constrained")
    ranges = [_range(one, knob) for one in rounds]
    row = figure.subplots(1, len(rounds), squeeze=False)[0]
    for number, (axes, one) in enumerate(zip(row, rounds, strict=True)):
        _draw_round(axes, one, knob)
        if number + 1 < len(rounds):  # the last round has no next one
            axes.axvspan(*ranges[number + 1], color=PALETTE[1], alpha=0.15, label="searched next")
            axes.legend(frameon=False, fontsize=8)
        low, high = ranges[number]
        axes.set_title(
            f"round {number + 1}: {one.base.max_steps} steps a run, {low:.2g} to {high:.2g}",
            fontsize=9)
    figure.suptitle(f"{rounds[0].data.name}: {round_words(rounds, knob)}", fontsize=10)
    return Picture(figure, f"{rounds[0].data.name}, {knob}: {round_words(rounds, knob)}.")


def _draw_round(axes: Axes, one: Tuning, knob: str) -> None:
    values, losses = _tried(one, knob)
    seen = np.isfinite(losses)
    axes.plot(values[seen], losses[seen], "o", color=PALETTE[0])
    if seen.any():
        ranked = np.sort(losses[seen])
        # 2.5 times from the best to the median: wild trials lie above the picture
        tall = 2.5 * max(ranked[len(ranked) // 2] - ranked[0], 0.02)
        axes.set_ylim(ranked[0] - 0.08 * tall, ranked[0] + tall)
    axes.set(xscale="log", xlabel="learning rate" if knob == "lr" else knob,
             ylabel="validation loss (nats)")
    axes.grid(alpha=0.3)


def _range(tuning: Tuning, knob: str) -> tuple[float, float]:
    """Lowest and highest value that a search tries; both the same where the knob is fixed."""
    found = tuning.space.to_dict().get(knob)
    if found is None:
        return (float(getattr(tuning.base, knob)),) * 2
    return float(found[0]), float(found[1])


def round_words(rounds: Sequence[Tuning], knob: str = "lr") -> str:
    """How the range shrank, and the best of each round."""
    ranges = [_range(one, knob) for one in rounds]
    decades = [math.log10(max(high / low, 1)) for low, high in ranges]
    return "; ".join(f"round {number}: {wide:.1f} decades, best {one.best_value:.3f} nats"
                     for number, (wide, one) in enumerate(zip(decades, rounds, strict=True), 1))
