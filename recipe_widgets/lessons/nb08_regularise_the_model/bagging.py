"""Bagging: models of several training sets, averaged; what that does to accuracy and variance.

Notebook 08, R11.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.data import Data
from recipe_widgets.ensembles import bagging, models_of, probabilities
from recipe_widgets.evaluation.seed_comparison import SeedComparison
from recipe_widgets.lessons.common.guarded import train_many
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE


@dataclass(frozen=True)
class Bags:
    """Groups of models, made in several ways. All mappings are by way."""

    title: str
    members: int  # models of a group
    one: Mapping[str, list[float]]  # accuracy (0 to 1) of a single member, for each group
    all_: Mapping[str, list[float]]  # of the average of all members, for each group
    # of predicted probabilities over groups, mean over samples and classes
    variance_one: Mapping[str, float]
    variance_all: Mapping[str, float]

    def share(self, way: str) -> float:
        """Variance of the average as a share of the variance of a single member; 1/members if
        they were independent.
        """
        return self.variance_all[way] / max(self.variance_one[way], 1e-12)

    def gain(self, way: str) -> SeedComparison:
        """The average against a single member, group by group."""
        return SeedComparison(f"{self.title}, {way}",
                      {"one member": self.one[way], f"average of {self.members}": self.all_[way]},
                      repeats="groups")

    def verdict(self) -> str:
        """Whether averaging helped in each way, what the variance became, and which average is
        best.
        """
        rows = [
            f"{self.gain(way).verdict(f'average of {self.members}')} Variance of the predictions: "
            f"{self.share(way):.0%} of one member's." for way in self.one
        ]
        full = SeedComparison(self.title, self.all_, repeats="groups")  # averages against one another
        rows += [full.verdict(way) for way in self.all_ if way != full.base]
        return "\n".join(rows)

    def __str__(self) -> str:
        rows = [
            f"{'':>24}  one member  average of {self.members}  variance left   {self.title}, "
            f"n = {len(next(iter(self.one.values())))} groups"
        ]
        rows += [
            f"{way:>24}  {np.mean(self.one[way]):>10.1%}  {np.mean(self.all_[way]):>12.1%}  "
            f"{self.share(way):>13.0%}" for way in self.one
        ]
        return "\n".join(rows)

    def plot(self) -> Picture:
        """Accuracy of members and averages to the left, variance to the right."""
        figure = Figure(figsize=(9.5, 2.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        names, average = list(self.one), f"average of {self.members}"
        for row, way in enumerate(names):
            for shift, values, mark, label in ((-0.15, self.one[way], "o", "one member"),
                                               (0.15, self.all_[way], "D", average)):
                # a mark for each group, a little above or below the way's line
                left.plot(100 * np.asarray(values), np.full(len(values), row + shift), mark,
                          alpha=0.6, markersize=5, color=PALETTE[int(shift > 0)],
                          label=None if row else label)
        heights = np.arange(len(names))
        right.barh(heights - 0.18, [self.variance_one[way] for way in names], 0.34,
                   color=PALETTE[0], label="one member")
        right.barh(heights + 0.18, [self.variance_all[way] for way in names], 0.34,
                   color=PALETTE[1], hatch="//", edgecolor="white", label=average)
        for axes, label in ((left, "validation accuracy (%)"),
                            (right, "variance of probabilities over groups")):
            axes.set_yticks(heights, names if axes is left else [""] * len(names), fontsize=8)
            axes.set(xlabel=label, ylim=(len(names) - 0.5, -0.5))  # the first way on top
            axes.grid(axis="x", alpha=0.3)
            axes.legend(frameon=False, fontsize=7)
        shares = ", ".join(f"{self.share(way):.0%}" for way in names)
        figure.suptitle(f"{self.title}: averaging {self.members} models leaves {shares} of one "
                        "model's variance", fontsize=10)
        words = "; ".join(
            f"{way}: one member {np.mean(self.one[way]):.1%}, average "
            f"{np.mean(self.all_[way]):.1%}, variance left {self.share(way):.0%}" for way in names)
        return Picture(figure, f"{words}.")


def bags(data: Data, settings: Settings, groups: int = 4, members: int = 3) -> Bags:
    """Train groups of members on the same samples with other seeds, on bootstrap samples, and on
    disjoint parts.
    """
    if groups < 2 or members < 2:
        raise RecipeError("bags", found=f"{groups} groups of {members}",
                          expected="two or more of each")
    makers: dict[str, Callable[[Settings], list[Run]]] = {
        "same samples, new seeds":
            lambda one: train_many(data, one, range(one.seed, one.seed + members)),
        f"{members} bootstrap samples":
            lambda one: bagging(data, one, members),
        f"{members} disjoint parts":
            lambda one: bagging(data, one, members, disjoint=True),
    }
    y = data.validation.y.cpu()
    # each a pair: of a single member, of the average
    scores: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
    variances: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for way, make in makers.items():
        # (members, N, K) for each group; groups have no seed in common
        predictions = [
            probabilities(models_of(make(settings.replace(seed=group * members))), data.validation)
            for group in range(groups)
        ]
        single = torch.stack([group[0] for group in predictions])  # (groups, N, K)
        average = torch.stack([group.mean(0) for group in predictions])
        for number, probs in enumerate((single, average)):
            scores[number][way] = (probs.argmax(2) == y).double().mean(1).tolist()
            variances[number][way] = float(probs.var(0).mean())
    return Bags(f"{data.name}, {settings.model}", members, *scores, *variances)
