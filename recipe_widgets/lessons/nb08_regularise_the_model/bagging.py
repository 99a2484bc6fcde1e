"""Bagging: models of several training sets, averaged; what that does to accuracy and to
variance.
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
from recipe_widgets.lessons.common.comparison import PALETTE
from recipe_widgets.lessons.common.trials import Trials
from recipe_widgets.plots import Picture
from recipe_widgets.training import train_many


@dataclass(frozen=True)
class Bags:
    """Groups of `members` models, made in several ways. All mappings are by way.

    one, all_: accuracy (0 to 1) of a single member and of the average, one number per group.
    variance_one, variance_all: of the predicted probabilities over groups, mean over samples and
        classes.
    """

    title: str
    members: int
    one: Mapping[str, list[float]]
    all_: Mapping[str, list[float]]
    variance_one: Mapping[str, float]
    variance_all: Mapping[str, float]

    def share(self, way: str) -> float:
        """Variance of the average as a share of the variance of a single member; 1/members if
        they were independent.
        """
        return self.variance_all[way] / max(self.variance_one[way], 1e-12)

    def gain(self, way: str) -> Trials:
        return Trials(f"{self.title}, {way}",
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
        full = Trials(self.title, self.all_, repeats="groups")
        rows += [full.verdict(way) for way in self.all_ if way != full.base]
        return "\n".join(rows)

    def __str__(self) -> str:
        rows = [
            f"{'':>24}  one member  average of {self.members}  variance left   {self.title}, n = "
            f"{len(next(iter(self.one.values())))} groups"
        ]
        rows += [
            f"{way:>24}  {np.mean(self.one[way]):>10.1%}  {np.mean(self.all_[way]):>12.1%}  {self.share(way):>13.0%}"
            for way in self.one
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
                left.plot(100 * np.asarray(values), np.full(len(values),
                                                            row + shift), mark, alpha=0.6,
                          markersize=5, color=PALETTE[int(shift > 0)], label=None if row else label)
        at = np.arange(len(names))
        right.barh(at - 0.18, [self.variance_one[way] for way in names], 0.34, color=PALETTE[0],
                   label="one member")
        right.barh(at + 0.18, [self.variance_all[way] for way in names], 0.34, color=PALETTE[1],
                   hatch="//", edgecolor="white", label=average)
        for axes, label in ((left, "validation accuracy (%)"),
                            (right, "variance of probabilities over groups")):
            axes.set_yticks(at, names if axes is left else [""] * len(names), fontsize=8)
            axes.set(xlabel=label, ylim=(len(names) - 0.5, -0.5))
            axes.grid(axis="x", alpha=0.3)
            axes.legend(frameon=False, fontsize=7)
        shares = ", ".join(f"{self.share(way):.0%}" for way in names)
        figure.suptitle(
            f"{self.title}: averaging {self.members} models leaves {shares} of one model's variance",
            fontsize=10)
        return Picture(
            figure, "; ".join(
                f"{way}: one member {np.mean(self.one[way]):.1%}, average {np.mean(self.all_[way]):.1%}, variance left "
                f"{self.share(way):.0%}" for way in names) + ".")


def bags(data: Data, settings: Settings, groups: int = 4, members: int = 3) -> Bags:
    """Members on the same samples with other seeds, on bootstrap samples, and on disjoint parts;
    `groups` of each.
    """
    if groups < 2 or members < 2:
        raise RecipeError("bags", found=f"{groups} groups of {members}",
                          expected="two or more of each")
    makers: dict[str, Callable[[Settings], list[Run]]] = {
        "same samples, new seeds":
        lambda one: train_many(data, one, range(one.seed, one.seed + members)),
        f"{members} bootstrap samples":
        lambda one: bagging(data, one, members), f"{members} disjoint parts":
        lambda one: bagging(data, one, members, disjoint=True)
    }
    y = data.validation.y.cpu()
    scores: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
    variances: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for way, make in makers.items():
        # (M, N, K) each
        many = [
            probabilities(models_of(make(settings.replace(seed=group * members))), data.validation)
            for group in range(groups)
        ]
        for at, rows in enumerate(
            (torch.stack([p[0] for p in many]), torch.stack([p.mean(0) for p in many]))):
            scores[at][way] = (rows.argmax(2) == y).double().mean(1).tolist()
            variances[at][way] = float(rows.var(0).mean())
    return Bags(f"{data.name}, {settings.model}", members, *scores, *variances)
