"""Several models as one, and one model that has learnt from several. Notebook 10, Q1 and Q2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.data import Data
from recipe_widgets.ensembles import Ensemble, Gain, distill, gain, models_of
from recipe_widgets.evaluation.seed_comparison import SeedComparison
from recipe_widgets.lessons.common.comparison import GLANCE
from recipe_widgets.lessons.common.guarded import train_many
from recipe_widgets.models import count_parameters
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE
from recipe_widgets.plots.seed_comparison import plot_seed_comparisons
from recipe_widgets.training import evaluate


def members(data: Data, settings: Settings, count: int = 8) -> list[nn.Module]:
    """Models that differ in their seed only: first weights and order of batches."""
    # evaluated on few samples while they train: their curves are not shown
    runs = train_many(data, settings.replace(eval_samples=GLANCE), range(count))
    found = models_of(runs)
    if len(found) < 2:
        raise RecipeError("members(settings)", found=f"{len(found)} models that did not diverge",
                          expected="two or more", mend="Lower the learning rate.")
    return found


@dataclass(frozen=True)
class Gains:
    """What averaging gains, on the validation set."""

    found: Mapping[str, Gain]  # by name of the data

    def verdict(self, name: str) -> str:
        """All together against each single member, and how much of that a pair brings."""
        one = self.found[name]
        # points by which all together are better than each member
        over = [100 * (one.accuracy[-1] - alone) for alone in one.members]
        # accuracy[k - 1] is the mean over choices of k members
        whole, pair = one.accuracy[-1] - one.accuracy[0], one.accuracy[1] - one.accuracy[0]
        part = "there is no mean gain"
        if whole > 0:
            part = f"two of them bring {pair / whole:.0%} of the mean gain"
        return (f"{name}: {len(over)} averaged reach {one.accuracy[-1]:.1%}, a single one "
                f"{one.accuracy[0]:.1%} ({min(one.members):.1%} to {max(one.members):.1%}, "
                f"n = {len(over)} seeds). That beats {sum(gap > 0 for gap in over)} of {len(over)} "
                f"members, by {min(over):+.1f} to {max(over):+.1f} points; {part}. Two members "
                f"name different classes for {one.diversity:.1%} of the samples.")

    def __str__(self) -> str:
        return "\n".join(map(self.verdict, self.found))

    def plot(self) -> Picture:
        """Accuracy against the number of members: mean over choices of members, and lowest to
        highest.
        """
        figure = Figure(figsize=(4.7 * len(self.found), 2.9), layout="constrained")
        places = figure.subplots(1, len(self.found), squeeze=False)[0]
        for axes, (name, one) in zip(places, self.found.items(), strict=True):
            counts = np.arange(1, len(one.accuracy) + 1)  # of members that are averaged
            axes.fill_between(counts, 100 * np.array(one.lowest), 100 * np.array(one.highest),
                              color=PALETTE[0], alpha=0.25, linewidth=0,
                              label="lowest to highest choice of members")
            axes.plot(counts, 100 * np.array(one.accuracy), "-o", color=PALETTE[0], label="mean")
            axes.set(xlabel="models averaged (k), each k times the cost",
                     ylabel="validation accuracy (%)")
            axes.set_xticks(counts)
            won = 100 * (one.accuracy[-1] - one.accuracy[0])
            axes.set_title(f"{name}: {won:+.1f} points with {counts[-1]} models", fontsize=9)
            axes.grid(alpha=0.3)
            axes.legend(frameon=False, fontsize=8)
        return Picture(figure, str(self).replace("\n", " "))


def gains(data: Sequence[Data], models: Sequence[Sequence[nn.Module]]) -> Gains:
    """`ensembles.gain` of each group of models on the validation set of its data."""
    return Gains(
        {one.name: gain(group, one.validation) for one, group in zip(data, models, strict=True)})


@dataclass(frozen=True)
class Distilled:
    """One net taught by labels and one taught by an ensemble, beside the ensemble itself."""

    trials: SeedComparison  # of the two nets, over the same seeds
    teacher: float  # validation accuracy of the ensemble, 0 to 1
    parameters: tuple[int, int]  # of the student, of the teacher

    def verdict(self) -> str:
        labels, soft = self.trials.scores  # names of the two nets
        gap = self.teacher - self.trials.mean(labels)
        won = self.trials.mean(soft) - self.trials.mean(labels)
        if gap <= 0:
            part = "The ensemble is no better than the student"
        elif won > 0:
            part = f"That is {won / gap:.0%} of what the ensemble gains"
        else:
            part = "Nothing of the ensemble's gain came over"
        return (f"{self.trials.verdict(soft)} {part} (ensemble {self.teacher:.1%}), with "
                f"{self.parameters[0]:,} parameters instead of {self.parameters[1]:,}.")


def distilled(data: Data, settings: Settings, teachers: Sequence[nn.Module], seeds: int = 4,
              temperature: float = 4.0, share: float = 0.9) -> Distilled:
    """Train a net on the labels, and on what an ensemble says, for the same number of steps.

    Args:
        settings: of the net. teachers: models whose probabilities are averaged.
        temperature, share: see `ensembles.distill` (Hinton, Vinyals and Dean 2015).
    """
    teacher = Ensemble(teachers)
    # evaluated once, and on few samples: the accuracies below are of the whole validation set
    quick = settings.replace(eval_samples=GLANCE, eval_every=max(1, settings.max_steps))
    plain = [evaluate(model, data.validation).accuracy
             for model in models_of(train_many(data, quick, range(seeds)))]
    runs = [distill(teacher, data, quick.replace(seed=seed), temperature=temperature, share=share)
            for seed in range(seeds)]
    soft = [evaluate(model, data.validation).accuracy for model in models_of(runs)]
    student = runs[0].model
    assert student is not None
    return Distilled(
        SeedComparison(data.name, {"one net, labels": plain, "one net, taught by the ensemble": soft}),
        evaluate(teacher, data.validation).accuracy,
        (count_parameters(student), count_parameters(teacher)))


def plot_distilled(*found: Distilled) -> Picture:
    """A dot per seed; the ensemble as a dashed line."""
    picture = plot_seed_comparisons(*(one.trials for one in found),
                     title="Taught by labels or by the ensemble (dashed: the ensemble)")
    for axes, one in zip(picture.figure.axes, found, strict=True):
        axes.axvline(100 * one.teacher, color="black", linestyle="--", linewidth=1)
    ensembles = ", ".join(f"{one.trials.title} {one.teacher:.1%}" for one in found)
    return Picture(picture.figure, f"{picture.alt} Ensembles: {ensembles}.")
