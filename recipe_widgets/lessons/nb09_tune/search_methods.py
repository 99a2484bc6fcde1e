"""Ways to search, repeated many times on a measured landscape. Notebook 09."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError
from recipe_widgets.lessons.nb09_tune.accuracy_landscape import Landscape
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE
from recipe_widgets.rules.statistics import Paired, paired
from recipe_widgets.tune.search_space import Range
from recipe_widgets.tune.staged_search import KEPT

Floats = npt.NDArray[np.float64]
Way = Callable[[Landscape, int, int], float]  # landscape, budget, seed -> best accuracy found


def grid(land: Landscape, budget: int, seed: int) -> float:
    """A square grid, as large as the budget allows; where it begins is random, as nobody knows
    where the good values lie.
    """
    side = math.isqrt(budget)  # what is left of the budget is not used
    start = np.random.default_rng([seed, 0]).random(2)
    lines = [(np.arange(side) + begin) / side for begin in start]  # evenly, each in its own cell
    return float(land.at(np.stack(np.meshgrid(*lines), -1).reshape(-1, 2)).max())


def at_random(land: Landscape, budget: int, seed: int) -> float:
    """Every trial anywhere; the learning rate evenly over its powers of ten."""
    return float(land.at(np.random.default_rng([seed, 1]).random((budget, 2))).max())


def linear_lr(land: Landscape, budget: int, seed: int) -> float:
    """The same with learning rates drawn evenly from the lowest to the highest."""
    draws = np.random.default_rng([seed, 2]).random((budget, 2))
    # where such a rate lies on the landscape, whose first axis is log lr
    draws[:, 0] = land.share_of_lr(land.lrs[0] + draws[:, 0] * (land.lrs[-1] - land.lrs[0]))
    return float(land.at(draws).max())


def coarse_then_fine(land: Landscape, budget: int, seed: int) -> float:
    """Half of the trials anywhere, the other half around the best fifth of the first, by the
    rule of `coarse_to_fine`.
    """
    rng = np.random.default_rng([seed, 3])  # 3: another stream than those of the other ways
    first = rng.random((budget - budget // 2, 2))
    scores = land.at(first)
    good = first[np.argsort(-scores)[:max(2, round(KEPT * len(first)))]]
    whole = Range("share", 0.0, 1.0, log=False, whole=False)
    narrowed = [whole.narrowed(column.tolist()) for column in good.T]
    ends = np.array([(part.low, part.high) for part in narrowed])  # (2 knobs, 2 ends)
    second = ends[:, 0] + rng.random((budget // 2, 2)) * (ends[:, 1] - ends[:, 0])
    return float(max(scores.max(), land.at(second).max() if len(second) else 0.0))


def tpe_values(land: Landscape, budget: int, seed: int) -> list[float]:
    """What Optuna's tree-structured Parzen estimator found, trial by trial: it learns from the
    trials so far where to look next (Bergstra et al. 2011).
    """
    import optuna

    from recipe_widgets.tune.storage import quiet_optuna

    with quiet_optuna():
        study = optuna.create_study(direction="maximize",
                                    sampler=optuna.samplers.TPESampler(seed=seed))
        study.optimize(
            lambda trial: float(
                land.at([[trial.suggest_float(knob, 0, 1) for knob in ("lr", "dropout")]])[0]),
            n_trials=budget)
        trials = study.get_trials(deepcopy=False)
        return [float(one.value) for one in trials if one.value is not None]


def tpe(land: Landscape, budget: int, seed: int) -> float:
    """The best of `tpe_values`."""
    return max(tpe_values(land, budget, seed))


WAYS: dict[str, Way] = {"grid": grid, "random": at_random, "random, linear lr": linear_lr,
                        "coarse to fine": coarse_then_fine, "TPE": tpe}


@dataclass(frozen=True)
class Searches:
    """The best accuracy that each way has found with each budget."""

    title: str
    budgets: tuple[int, ...]  # trials
    found: Mapping[str, Floats]  # by way: (budgets, repeats), 0 to 1

    @property
    def repeats(self) -> int:
        return int(next(iter(self.found.values())).shape[1])

    def row(self, way: str, budget: int) -> Floats:
        """(repeats,) the best found by this way with this budget."""
        return np.asarray(self.found[way][self.budgets.index(budget)])

    def difference(self, way: str, base: str, budget: int) -> Paired:
        """Of `way` less `base`, repeat by repeat."""
        return paired(self.row(base, budget), self.row(way, budget))

    def verdict(self, way: str, base: str, budget: int) -> str:
        """Which of two is better after so many trials, with the spread over repeats."""
        gap = self.difference(way, base, budget)
        word = ("better than" if gap.low > 0 else "worse than" if gap.high < 0 else
                "neither clearly better nor worse than")
        wins = float((self.row(way, budget) > self.row(base, budget)).mean())
        each = " and ".join(f"{name} {_span(self.row(name, budget))}" for name in (way, base))
        return (f"{self.title}, best of {budget} trials, {self.repeats:,} repeats: {each}. "
                f"{way[0].upper() + way[1:]} is {word} {base}: {100 * gap.difference:+.2f} points "
                f"(95 % interval {100 * gap.low:+.2f} to {100 * gap.high:+.2f}); a single search "
                f"of it finds more in {wins:.0%} of the repeats.")

    def verdicts(self, way: str, base: str) -> str:
        """In a sentence, over all budgets."""
        budgets: dict[str, list[str]] = {"better": [], "worse": [], "not clearly either": []}
        for budget in self.budgets:
            gap = self.difference(way, base, budget)
            word = "better" if gap.low > 0 else "worse" if gap.high < 0 else "not clearly either"
            budgets[word].append(str(budget))
        parts = [f"{word} with {', '.join(found)} trials" for word, found in budgets.items()
                 if found]
        return (f"{self.title}: on average {way} is, compared with {base}, {'; '.join(parts)} "
                f"({self.repeats:,} repeats).")

    def plot(self, title: str = "") -> Picture:
        """Best found against the budget: the mean, and the band that holds nine of ten searches."""
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        axes = figure.subplots()
        for number, (way, rows) in enumerate(self.found.items()):
            low, high = np.quantile(100 * rows, [0.05, 0.95], axis=1)  # (budgets,) each
            colour = PALETTE[number % len(PALETTE)]
            axes.fill_between(self.budgets, low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(self.budgets, 100 * rows.mean(1), LINES[number % len(LINES)],
                      marker="os^D"[number % 4], color=colour, label=way)
        axes.set(xlabel="trials (each a training run)", ylabel="best validation accuracy found (%)")
        axes.set_xticks(self.budgets)
        first = self.budgets[0]
        ahead = max(self.found, key=lambda way: float(self.row(way, first).mean()))
        axes.set_title(
            title or f"{self.title}: with {first} trials {ahead} is ahead on average "
            f"(line: mean of {self.repeats:,} searches; band: nine of ten)", fontsize=9)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
        means = {way: ", ".join(f"{100 * row.mean():.1f}% after {budget}"
                                for budget, row in zip(self.budgets, rows, strict=True))
                 for way, rows in self.found.items()}
        words = "; ".join(f"{way} {text}" for way, text in means.items())
        return Picture(figure, f"{self.title}, mean of the best found: {words}.")


def _span(values: Floats) -> str:
    """Mean of shares, and the range that holds nine of ten, in percent."""
    low, high = np.quantile(100 * values, [0.05, 0.95])
    return f"{100 * values.mean():.1f} % (nine of ten: {low:.1f} to {high:.1f})"


def searches(land: Landscape, ways: Sequence[str], budgets: Sequence[int] = (4, 9, 16, 25),
             repeats: int = 1000) -> Searches:
    """Search the landscape `repeats` times in each way with each budget.

    Raises:
        RecipeError: an unknown way, or a budget below 4 (a grid of two by two).
    """
    if unknown := [way for way in ways if way not in WAYS]:
        raise RecipeError("searches(ways=)", found=", ".join(map(repr, unknown)),
                          expected="some of " + ", ".join(WAYS))
    if not budgets or min(budgets) < 4 or repeats < 2:
        raise RecipeError("searches(budgets=, repeats=)", found=f"{list(budgets)}, {repeats}",
                          expected="4 trials, 2 repeats or more")
    found = {
        way: np.array([_row(land, way, budgets, seed) for seed in range(repeats)]).T for way in ways
    }
    return Searches(land.title, tuple(budgets), found)


def _row(land: Landscape, way: str, budgets: Sequence[int], seed: int) -> list[float]:
    """The best found with each budget; a search that goes on from trial to trial is run once."""
    if way == "TPE":
        values = tpe_values(land, max(budgets), seed)
        return [max(values[:budget]) for budget in budgets]
    return [WAYS[way](land, budget, seed) for budget in budgets]
