"""Splits, the price of choosing on the test set, and what a small subset can tell. (Notebook 01,
section 9.)
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure

from recipe_widgets.core import Run, Settings, generator
from recipe_widgets.data import Data
from recipe_widgets.data.stratified_split import stratified
from recipe_widgets.lessons.common.guarded import train_many
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import PALETTE
from recipe_widgets.training import eval_mode


@dataclass(frozen=True)
class Draws:
    """Samples of one class in a validation set, over many random draws: dealt in proportion, and
    not.
    """

    name: str
    samples: int
    stratified: npt.NDArray[np.int64]
    plain: npt.NDArray[np.int64]

    def __str__(self) -> str:
        return (f"{self.name} among {self.samples} validation samples, {len(self.plain)} draws: "
                f"{self.plain.min()} to {self.plain.max()} when dealt at random, "
                f"{self.stratified.min()} to {self.stratified.max()} when dealt class by class.")


def strata(data: Data, n: int, label: int, draws: int = 200) -> Draws:
    """Deal a validation fifth of `n` training samples many times, with and without regard to the
    classes.
    """
    y = data.subset(n).train.y.cpu()
    held, found = n // 5, []  # a fifth, as in a split of 60/20/20
    for seed in range(draws):
        order = torch.randperm(n, generator=generator(seed, "check"))[:held]
        found.append(int((y[order] == label).sum()))
    dealt = [
        int((y[stratified(y, held, generator(seed, "split"))[0]] == label).sum())
        # class by class the counts hardly differ: a few draws show it
        for seed in range(min(draws, 30))
    ]
    return Draws(f"Class {data.classes[label]}", held, np.array(dealt), np.array(found))


def split_table(data: Data) -> str:
    """Samples of each split, and the share of each class there."""
    parts = {"train": data.train, "validation": data.validation, "test":
             data.vault.sealed()}  # counting is not looking
    lines = [f"{'':>12}{'samples':>9}   share of each class, smallest to largest"]
    for name, split in parts.items():
        share = np.bincount(split.y.cpu().numpy(), minlength=data.num_classes) / max(1, split.size)
        lines.append(f"{name:>12}{split.size:>9,}   {share.min():.2%} to {share.max():.2%}")
    return "\n".join(lines)


@dataclass(frozen=True)
class Chosen:
    """The best of many on one sample, and the same one on a fresh sample (accuracies 0 to 1), once
    per trial.

    all_mean: (trials,) mean of all candidates on the sample they were chosen on.
    """

    what: str
    candidates: int
    n: int
    on_chosen: npt.NDArray[np.float64]
    on_fresh: npt.NDArray[np.float64]
    all_mean: npt.NDArray[np.float64]

    @property
    def optimism(self) -> npt.NDArray[np.float64]:
        """(trials,) how much better the best looks than it is."""
        return self.on_chosen - self.on_fresh

    def __str__(self) -> str:
        gap = self.optimism * 100
        low, high = np.quantile(gap, [0.05, 0.95])  # nine of ten trials lie between
        return (f"The best of {self.candidates} {self.what} on {self.n} test samples: "
                f"{self.on_chosen.mean():.1%} there, {self.on_fresh.mean():.1%} on fresh samples. "
                f"It looks {gap.mean():.1f} points better than it is (9 of 10 trials: {low:+.1f} to "
                f"{high:+.1f} points; {len(gap)} trials).")


def useless_models(n: int = 500, candidates: int = 1000, classes: int = 10, trials: int = 100,
                   seed: int = 0) -> Chosen:
    """Models that answer at random, all of them; the luckiest is taken."""
    rng = np.random.default_rng(seed)  # numpy: binomial draws for all candidates at once
    # each answer is right with 1 / classes
    hits = rng.binomial(n, 1 / classes, size=(trials, candidates)) / n
    fresh = rng.binomial(n, 1 / classes, size=trials) / n
    return Chosen("useless models", candidates, n, hits.max(1), fresh, hits.mean(1))


def same_nets(data: Data, settings: Settings, candidates: int = 16, n: int = 200,
              trials: int = 200) -> Chosen:
    """Nets that differ in their seed only, judged on `n` samples drawn anew in each trial; the
    fresh samples are all others of the validation set, which plays the test set here."""
    runs = train_many(data, settings, range(candidates))
    right = right_answers(data, runs)  # (candidates, N) of bool
    total = right.shape[1]
    chosen, fresh, mean = np.empty(trials), np.empty(trials), np.empty(trials)
    for trial in range(trials):
        order = torch.randperm(total, generator=generator(trial, "check")).numpy()
        scores = right[:, order[:n]].mean(1)  # (candidates,) accuracies on the samples to choose by
        best = int(scores.argmax())
        chosen[trial], mean[trial] = scores[best], scores.mean()
        fresh[trial] = right[best, order[n:]].mean()
    return Chosen("equal nets of other seeds", candidates, n, chosen, fresh, mean)


def right_answers(data: Data, runs: Sequence[Run]) -> npt.NDArray[np.bool_]:
    """(runs, N): whether each validation sample is answered rightly."""
    found = []
    for run in runs:
        assert run.model is not None
        with eval_mode(run.model):
            found.append(
                torch.cat([run.model(x).argmax(1) == y for x, y in data.validation.batches(1000)]))
    return torch.stack(found).cpu().numpy()


def chosen_picture(many: Sequence[Chosen]) -> Picture:
    """What the best seemed to be, and what it is, trial by trial."""
    figure = Figure(figsize=(9.5, 2.8), layout="constrained")
    for axes, one in zip(figure.subplots(1, len(many), squeeze=False).flat, many, strict=True):
        # both histograms share their bins
        values = np.concatenate([one.on_chosen, one.on_fresh]) * 100
        edges = np.linspace(values.min() - 0.5, values.max() + 0.5, 32)
        axes.hist(one.on_chosen * 100, edges, color=PALETTE[1], alpha=0.7,
                  label="where it was chosen")
        axes.hist(one.on_fresh * 100, edges, color=PALETTE[0], alpha=0.7, label="on fresh samples",
                  hatch="//")
        axes.set(
            xlabel="accuracy of the best (%)", ylabel="trials",
            title=f"{one.candidates} {one.what}: {one.optimism.mean() * 100:+.1f} points too good")
        axes.title.set_fontsize(10)
        axes.legend(frameon=False, fontsize=8)
    return Picture(figure, " ".join(map(str, many)))


@dataclass(frozen=True)
class Subsets:
    """Validation accuracies (0 to 1) of some settings by number of training samples: n -> label ->
    one per seed.

    seconds: n -> time of one epoch of one run, as measured.
    """

    scores: Mapping[int, Mapping[str, Sequence[float]]]
    epochs: Mapping[int, float]
    seeds: int

    def best(self, n: int) -> str:
        return max(self.scores[n], key=lambda label: float(np.mean(self.scores[n][label])))

    def order(self, n: int) -> list[str]:
        """Labels, the best first."""
        return sorted(self.scores[n], key=lambda label: -float(np.mean(self.scores[n][label])))

    def __str__(self) -> str:
        labels = list(next(iter(self.scores.values())))
        head = "".join(f"{label:>18}" for label in labels)
        lines = [f"{'samples':>9}{head}   one epoch   (n = {self.seeds} seeds)"]
        for n, found in self.scores.items():
            cells = "".join(f"{_span(scores):>18}" for scores in found.values())
            lines.append(f"{n:>9,}{cells}   {self.epochs[n]:>6.2f} s")
        full = max(self.scores)
        same = [n for n in self.scores if n != full and self.best(n) == self.best(full)]
        lines.append(f"Best on all {full:,}: {self.best(full)}. " + (
            f"The same one is best on {', '.join(f'{n:,}' for n in same)} samples." if same else
            "No smaller subset finds the same one: here a subset does not replace the full set."))
        return "\n".join(lines)


def _span(scores: Sequence[float]) -> str:
    if not max(scores):  # every seed counts as 0
        return "diverged"
    return f"{np.mean(scores):.0%} ({min(scores):.0%} to {max(scores):.0%})"


def subsets(data: Data, candidates: Mapping[str, Settings], sizes: Sequence[int],
            seeds: int = 3) -> Subsets:
    """Each of the candidates on each subset, for the same number of steps."""
    scores: dict[int, dict[str, list[float]]] = {}
    epochs: dict[int, float] = {}
    for n in sizes:
        small = data if n == data.train.size else data.subset(n)
        begin, done = time.perf_counter(), 0
        scores[n] = {}
        for label, settings in candidates.items():
            runs = train_many(small, settings, range(seeds))
            # samples that were trained on
            done += sum(run.steps_done * settings.batch_size for run in runs)
            scores[n][label] = [
                run.history.last("val_accuracy") if run.status == "done" else 0.0 for run in runs
            ]
        epochs[n] = (time.perf_counter() - begin) / max(1, done) * n  # seconds for n samples
    return Subsets(scores, epochs, seeds)
