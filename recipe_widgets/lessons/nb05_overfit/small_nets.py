"""Start small: what depth costs, and what short runs tell of long ones. (Notebook 05, O7.)"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.guarded import train, train_many
from recipe_widgets.models import build_model, count_parameters
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import BLUE, ORANGE, titled_axes
from recipe_widgets.training import Training


def seconds_per_step(data: Data, settings: Settings, steps: int = 20,
                     clock: Callable[[], float] = time.perf_counter) -> float:
    """Median seconds of a training step, after three to warm up."""
    training = Training(build_model(settings, data.shape, data.num_classes), data, settings)
    times = []
    for _ in range(steps + 3):
        start = clock()
        training.step()
        times.append(clock() - start)
    # the first ones warm up; the median ignores what the machine did besides
    return statistics.median(times[3:])


@dataclass(frozen=True)
class Depths:
    """By number of layers: parameters, milliseconds a step, and validation accuracy of each seed
    after the same steps.
    """

    parameters: Mapping[int, int]
    ms: Mapping[int, float]
    scores: Mapping[int, list[float]]
    steps: int

    def __str__(self) -> str:
        rows = [f"{'layers':>7}  {'parameters':>10}  {'ms a step':>9}  "
                f"validation accuracy after {self.steps} steps"]
        for depth, scores in self.scores.items():
            rows.append(f"{depth:>7}  {self.parameters[depth]:>10,}  {self.ms[depth]:>9.2f}  "
                        f"{np.mean(scores):.1%} ({min(scores):.1%} to {max(scores):.1%}), "
                        f"n = {len(scores)}")
        return "\n".join([*rows, self.verdict])

    @property
    def verdict(self) -> str:
        """The deepest net beside the one with a fifth of its layers (or the nearest there is)."""
        deep = max(self.scores)
        small = min((depth for depth in self.scores if depth != deep),
                    key=lambda depth: abs(depth - deep / 5))
        cheaper = self.ms[deep] / self.ms[small]
        few, many = self.scores[small], self.scores[deep]
        how = ("better" if min(few) > max(many) else "worse" if max(few) < min(many)
               else "no different beyond the seeds' spread")
        return (f"{small} instead of {deep} hidden layers: a step is {cheaper:.1f} times as fast, and "
                f"the result is {how} ({np.mean(few):.1%} against {np.mean(many):.1%}).")


def depths(data: Data, settings: Settings, layers: Sequence[int], seeds: int = 3) -> Depths:
    """The same run at each number of hidden layers (at least two numbers)."""
    if len(layers) < 2:
        raise RecipeError("depths(layers=)", found=repr(list(layers)),
                          expected="two numbers or more", mend="Try (2, 10).")
    parameters, ms, scores = {}, {}, {}
    for depth in layers:
        chosen = settings.replace(depth=depth)
        parameters[depth] = count_parameters(build_model(chosen, data.shape, data.num_classes))
        ms[depth] = 1000 * seconds_per_step(data, chosen)
        scores[depth] = [run.history.last("val_accuracy")
                         for run in train_many(data, chosen, range(seeds))]
    return Depths(parameters, ms, scores, settings.max_steps)


@dataclass(frozen=True)
class ShortLong:
    """Validation accuracy of the same candidates after a short run and after a long one, (n,)
    each, in the same order.
    """

    names: Sequence[str]
    short: Sequence[float]
    long: Sequence[float]
    short_steps: int
    long_steps: int

    @property
    def rank_correlation(self) -> float:
        """Spearman's: 1, the short runs order the candidates as the long ones do; 0, they tell
        nothing.
        """
        from scipy.stats import spearmanr  # imported late: it takes a second

        return float(spearmanr(self.short, self.long).statistic)

    def __str__(self) -> str:
        correlation = self.rank_correlation
        if not correlation > 0.5:  # also where NaN: all candidates equal
            return (f"Here {self.short_steps} steps tell little of {self.long_steps}: rank "
                    f"correlation {correlation:.2f}.")
        first = int(np.argmax(self.short))
        rank = 1 + sum(value > self.long[first] for value in self.long)
        behind = 100 * (max(self.long) - self.long[first])  # points
        end = ("also wins the long ones" if rank == 1 else
               f"comes in as number {rank} of the long ones, {behind:.1f} points behind the best")
        return (f"{self.short_steps} steps order {len(self.names)} candidates much as "
                f"{self.long_steps} steps do: rank correlation {correlation:.2f}. The winner of the "
                f"short runs ({self.names[first]}) {end}, at "
                f"{self.short_steps / self.long_steps:.0%} of the time.")

    def plot(self) -> Picture:
        figure, axes = titled_axes(
            f"Rank correlation {self.rank_correlation:.2f}: each dot is one candidate", width=5.2)
        axes.scatter(100 * np.array(self.short), 100 * np.array(self.long), color=BLUE)
        first = int(np.argmax(self.short))
        axes.plot(100 * self.short[first], 100 * self.long[first], "s", color=ORANGE, markersize=9,
                  fillstyle="none", label="best short run")
        axes.set(xlabel=f"accuracy after {self.short_steps} steps (%)",
                 ylabel=f"accuracy after {self.long_steps} steps (%)")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        return Picture(figure, str(self))


def short_and_long(data: Data, candidates: Sequence[Settings], short: int) -> ShortLong:
    """Train each candidate once; look at the whole validation set after `short` steps, and at
    the end.
    """
    if len(candidates) < 3 or not all(0 < short < one.max_steps for one in candidates):
        raise RecipeError("short_and_long(candidates, short)",
                          found=f"{len(candidates)} candidates, short={short}",
                          expected="three candidates or more, all longer than short")
    early, late = [], []
    for one in candidates:
        run = train(data, one.replace(eval_every=short))
        accuracy = dict(zip(run.history.steps("val_accuracy"),
                            run.history.series("val_accuracy"), strict=True))  # by step, from 0
        early.append(accuracy.get(short - 1, 0.0))
        late.append(run.history.last("val_accuracy") if run.status == "done" else 0.0)
    base = candidates[0]
    names = []
    for one in candidates:
        changes = [f"{knob} {getattr(one, knob):g}" for knob in base.to_dict() if knob in one - base]
        names.append(", ".join(changes) or "the first")
    return ShortLong(names, early, late, short, base.max_steps)
