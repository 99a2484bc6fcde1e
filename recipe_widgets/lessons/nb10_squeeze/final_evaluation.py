"""The final evaluation: the test set opened once, and all that is said of it.

Notebook 10, Q5 and Q6.
"""

from __future__ import annotations

import contextlib
import io
import math
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import RecipeError
from recipe_widgets.data import Data
from recipe_widgets.evaluation import (
    Calibration,
    ClassTable,
    Confusion,
    Difference,
    McNemar,
    Mistakes,
    Predictions,
    Proportion,
    accuracy,
    as_predictions,
    bootstrap_difference,
    calibration,
    confusion,
    mcnemar,
    per_class,
    proportion,
    worst_mistakes,
)
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE


def openings(data: Data) -> int:
    """How often this test set was opened before on this machine."""
    return sum(entry.get("kind") == "open" for entry in data.vault_log())


def luck(looks: int) -> float:
    """The mean of the largest of `looks` standard normal numbers."""
    if looks < 1:
        raise RecipeError("luck(looks=)", found=looks, expected="1 or more")
    from scipy import integrate, stats

    def integrand(x: float) -> float:
        """x times the density of the largest of `looks` normal numbers."""
        return float(x * looks * stats.norm.pdf(x) * stats.norm.cdf(x)**(looks - 1))

    # beyond 9 standard deviations the density is below 1e-17
    return float(integrate.quad(integrand, -9, 9)[0])


def price(n: int, share_right: float, looks: int) -> float:
    """By how much the best of `looks` equally good models looks better than it is, on `n` test
    samples (0 to 1).

    An upper bound: it takes the models' mistakes as independent, and real ones share many.
    """
    standard_error = math.sqrt(share_right * (1 - share_right) / n)  # of a binomial share
    return standard_error * luck(looks)


def price_words(data: Data, share_right: float) -> str:
    """What looking again would cost."""
    two, ten = (100 * price(data.vault.size, share_right, looks) for looks in (2, 10))
    return ("Whoever looks again with another model and keeps the better one gains up to "
            f"{two:.2f} points that are not there; with ten models up to {ten:.2f}.")


@dataclass(frozen=True, eq=False)
class Final:
    """What one opening says of a model and of its baseline, on the same test samples."""

    data_name: str
    names: tuple[str, str]  # of the model, of the baseline
    time: int  # which opening of this test set this was, from 1
    found: Predictions  # of the model; so are confusion, classes, calibration and mistakes
    accuracy: Proportion  # of the model
    baseline: Proportion  # accuracy of the baseline
    mcnemar: McNemar
    bootstrap: Difference
    confusion: Confusion
    classes: ClassTable
    calibration: Calibration
    mistakes: Mistakes

    def rows(self) -> list[tuple[str, str]]:
        """What is asked, and the answer."""
        better, worse = self.names
        test, gap = self.mcnemar, self.bootstrap
        verdict = "no difference that could not be chance"
        if test.p < 0.05:  # the usual level
            verdict = f"{better if test.only_a > test.only_b else worse} is better"
        said = (f"{better} is better" if gap.low > 0 else
                f"{worse} is better" if gap.high < 0 else "could be chance")
        bent = ": a choice made after an earlier one has bent these numbers"
        return [
            (f"accuracy of {better}", str(self.accuracy)),
            (f"accuracy of {worse}", str(self.baseline)),
            ("McNemar's test",
             f"{better} alone is right on {test.only_a:,} samples, {worse} alone on "
             f"{test.only_b:,}: p = {test.p:.2g}, {verdict}"),
            ("paired bootstrap",
             f"{100 * gap.value:+.2f} points (95 % interval {100 * gap.low:+.2f} to "
             f"{100 * gap.high:+.2f}, {gap.resamples:,} resamples): {said}"),
            ("openings", f"this is number {self.time}{'' if self.time == 1 else bent}"),
        ]

    def __str__(self) -> str:
        head = f"{self.data_name}, test set of {self.found.n:,}"
        return "\n".join([head, *(f"{ask:>28}  {said}" for ask, said in self.rows())])

    def plot(self) -> Picture:
        """Both accuracies with their intervals, and the difference."""
        figure = Figure(figsize=(8.5, 2.1), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
        for row, one in enumerate((self.accuracy, self.baseline)):
            left.plot([100 * one.low, 100 * one.high], [row, row], color=PALETTE[row], linewidth=3)
            left.plot(100 * one.value, row, "os"[row], color=PALETTE[row], markersize=8)
        left.set_yticks((0, 1), self.names)
        left.set(xlabel="test accuracy (%), 95 % interval", ylim=(1.5, -0.5))
        gap = self.bootstrap
        right.plot([100 * gap.low, 100 * gap.high], [0, 0], color=PALETTE[2], linewidth=3)
        right.plot(100 * gap.value, 0, "D", color=PALETTE[2], markersize=8)
        right.axvline(0, color="0.4", linestyle="--")  # no difference
        right.set_yticks((0,), ["difference"])
        right.set(xlabel="points, 95 % interval", ylim=(0.5, -0.5))
        for axes in (left, right):
            axes.grid(axis="x", alpha=0.3)
        figure.suptitle(
            f"{self.data_name}, vault opened: {self.names[0]} {self.accuracy.value:.2%}, "
            f"{self.names[1]} {self.baseline.value:.2%} on {self.found.n:,} test samples",
            fontsize=10)
        return Picture(figure, str(self).replace("\n", "; "))

    def worst(self) -> Picture:
        """The worst mistakes as pictures, in few colours."""
        picture: Picture = self.mistakes.plot()
        picture.colours = 128  # photographs in all colours make large files
        return picture

    def cooled(self, temperature: float) -> Calibration:
        """The calibration after all logits are divided by `temperature`; which class wins does
        not change.
        """
        # (N, K) logits but for a constant for each sample, which soft-max ignores
        logs = np.log(np.maximum(self.found.probabilities, 1e-30)) / temperature
        # less the largest of each sample: no overflow
        soft = np.exp(logs - logs.max(1, keepdims=True))
        return calibration(soft / soft.sum(1, keepdims=True), self.found.truth)

    def cooled_words(self, temperature: float) -> str:
        """Before and after."""
        before, after = self.calibration, self.cooled(temperature)
        word = "smaller" if after.ece < before.ece else "no smaller"
        return (f"{self.data_name}: temperature {temperature:.2f} from the validation set. On the "
                f"test set the expected calibration error is {word}: {before.ece:.2%} before, "
                f"{after.ece:.2%} after; NLL {before.nll:.3f} and {after.nll:.3f} nats.")


def open_final(data: Data, model: nn.Module, baseline: nn.Module, why: str,
               names: tuple[str, str] = ("the model", "the baseline")) -> Final:
    """Open the vault of `data` (logged, with the reason) and judge both on it."""
    with contextlib.redirect_stdout(io.StringIO()):  # what it prints is said in the report
        test = data.open_vault(why)
    found, other = as_predictions(model, test), as_predictions(baseline, test)
    truth = found.truth
    return Final(data.name, names, openings(data), found, accuracy(found, truth),
                 accuracy(other, truth), mcnemar(found, other, truth),
                 bootstrap_difference(found, other, truth), confusion(found, truth, data.classes),
                 per_class(found, truth, data.classes), calibration(found, truth),
                 worst_mistakes(found, truth, 12, data.classes))


def check_samples(n: int, share_right: float = 0.98, half: float = 0.005) -> str:
    """Judge the exercise: how many test samples make the 95 % interval no wider than +- `half`?"""
    def width(samples: int) -> float:
        """Half the width of Wilson's interval at this accuracy, 0 to 1."""
        one = proportion(round(samples * share_right), samples)
        return (one.high - one.low) / 2

    if n < 1:
        return "Take at least one sample."
    if width(n) > half:
        return f"Too few: with {n:,} samples the interval is ± {100 * width(n):.2f} points wide."
    fewer = max(1, round(0.8 * n))
    if width(fewer) <= half:
        return ("More than it takes: with a fifth less it is still "
                f"± {100 * width(fewer):.2f} points.")
    return f"Right: with {n:,} samples it is ± {100 * width(n):.2f} points."
