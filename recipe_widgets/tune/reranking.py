"""The best few of a search, judged again on seeds that all of them share."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.validation import filled, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.training import evaluate, train
from recipe_widgets.tune.study import Metric, Tuning


@dataclass(frozen=True)
class Finalist:
    """Settings and their value (nats, or share right) for each seed; NaN where that run
    diverged.
    """

    settings: Settings
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float:
        """Standard deviation over seeds (n - 1); NaN for one seed."""
        return statistics.stdev(self.values) if len(self.values) > 1 else math.nan


@dataclass(frozen=True)
class Finalists:
    """Finalists, the best mean first, over the same seeds."""

    metric: Metric
    seeds: tuple[int, ...]
    entries: tuple[Finalist, ...]

    @property
    def winner(self) -> Settings:
        return self.entries[0].settings

    @validated
    def against_winner(self, place: Annotated[int, whole(1)]) -> tuple[float, float, float]:
        """Mean difference of the finalist at `place` (from 1) to the winner, with its 95 %
        interval.

        Differences are taken seed by seed, so that what a seed does to both drops out; Student's t
        over n - 1.
        """
        from scipy import stats

        # entry by entry from the same seed
        pairs = zip(self.entries[place].values, self.entries[0].values, strict=True)
        differences = [one - other for one, other in pairs]
        mean, n = statistics.fmean(differences), len(differences)
        if n < 2 or not all(map(math.isfinite, differences)):  # one seed, or a run that diverged
            return mean, math.nan, math.nan
        half = float(stats.t.ppf(0.975, n - 1)) * statistics.stdev(differences) / math.sqrt(n)
        return mean, mean - half, mean + half

    def __str__(self) -> str:
        lines = [f"{self.metric} over seeds {', '.join(map(str, self.seeds))}"]
        for place, one in enumerate(self.entries):
            knobs = ", ".join(f"{name}={mine:.3g}" if isinstance(mine, float) else f"{name}={mine}"
                              for name, (mine, _) in (one.settings - Settings()).items())
            line = f"{place + 1}. {one.mean:.4g} ± {one.spread:.2g}  {knobs}"
            if place:
                mean, low, high = self.against_winner(place)
                line += f"; to the first {mean:+.3g} [{low:+.3g}, {high:+.3g}]"
            lines.append(line)
        return "\n".join(lines)

    __repr__ = __str__


@validated
def finalists(tuning: Tuning, data: Data, top: Annotated[int, whole(1, 10**6)] = 3,
              seeds: Annotated[Sequence[int], filled()] = (0, 1, 2, 3, 4)) -> Finalists:
    """Train the best `top` settings of a search on every seed, and rank them by their mean.

    The search's own numbers flatter its winner: it was chosen for them. Here every finalist gets
    the same seeds, which give the same initial weights (for equal shapes) and the same batches.

    Raises:
        RecipeError: fewer than one finalist or seed, a seed named twice, or no validation samples.
    """
    if len(set(seeds)) < len(seeds):
        raise RecipeError("finalists(top=, seeds=)", found=f"{top}, {list(seeds)}",
                          expected="at least one, no seed twice")
    if not len(data.validation.y):
        raise RecipeError("finalists(data)", found="no validation samples",
                          expected="some: they rank the finalists")
    chosen = [tuning.settings_of(trial) for trial in tuning.ranked()[:top]] or [tuning.best]
    entries = [
        Finalist(one, tuple(_value(data, one.replace(seed=seed), tuning.metric)
                            for seed in seeds))
        for one in chosen
    ]
    sign = 1 if tuning.metric == "val_loss" else -1
    order = sorted(entries, key=lambda one: math.inf if math.isnan(one.mean) else sign * one.mean)
    return Finalists(tuning.metric, tuple(seeds), tuple(order))


def _value(data: Data, settings: Settings, metric: Metric) -> float:
    run = train(data, settings)
    if run.status == "diverged" or run.model is None:
        return math.nan
    result = evaluate(run.model, data.validation)
    return result.loss if metric == "val_loss" else result.accuracy
