"""Losses: what they push, where they begin, and a last layer that begins well. (Notebook 02, sections
3 and 4, and an exercise.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F

from recipe_widgets.core import RecipeError, Run, Settings, generator
from recipe_widgets.data import Data, Split
from recipe_widgets.evaluation.seed_comparison import verdict_of
from recipe_widgets.lessons.common.comparison import RunComparison, compare
from recipe_widgets.lessons.common.guarded import train
from recipe_widgets.models import build_model
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE
from recipe_widgets.rules.statistics import paired
from recipe_widgets.training import eval_mode

Numbers = npt.NDArray[np.float64]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def one_hot(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return F.one_hot(y, logits.shape[1]).to(logits)


# Each: logits (N, K), labels (N,) -> mean loss. Hinge: the multi-class one, summed over the wrong
# classes (Weston & Watkins 1999, CS231n), not divided by K as in torch.
LOSSES: dict[str, Loss] = {
    "softmax": F.cross_entropy,
    "hinge": lambda logits, y: F.multi_margin_loss(logits, y) * logits.shape[1],
    "L2": lambda logits, y: F.mse_loss(logits, one_hot(logits, y)) * logits.shape[1],
    "Huber": lambda logits, y: F.huber_loss(logits, one_hot(logits, y)) * logits.shape[1],
}


def at_zero(loss: str, classes: int) -> float:
    """The loss of outputs that are all zero, by hand: ln K; one per wrong class; 1; 1/2 (distances
    up to 1 are squared and halved)."""
    return {"softmax": math.log(classes), "hinge": float(classes - 1),
            "L2": 1.0, "Huber": 0.5}[loss]


def push(loss: str, score: float, classes: int = 10) -> tuple[float, float]:
    """(loss, push) of one sample whose right class scores `score` and all others 0. The push is
    what a step of gradient descent adds to the score per unit of the learning rate."""
    if loss not in LOSSES:
        raise RecipeError("push(loss=)", found=repr(loss), expected="one of " + ", ".join(LOSSES))
    logits = torch.zeros(1, classes, dtype=torch.float64)
    logits[0, 0] = score
    logits.requires_grad_()
    value = LOSSES[loss](logits, torch.zeros(1, dtype=torch.int64))  # class 0 is the right one
    (slope,) = torch.autograd.grad(value, logits)
    return float(value.detach()), 0.0 - float(slope[0, 0])  # descent: against the slope


def loss_shapes(score: float = 2.0, classes: int = 10) -> Picture:
    """Each loss, and its push on the right class's score, against that score."""
    grid = np.linspace(-4, 8, 121)  # scores of the right class
    figure = Figure(figsize=(9.5, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    words = []
    for number, name in enumerate(LOSSES):
        curve = np.array([push(name, float(at), classes) for at in grid])  # (scores, 2)
        here = push(name, score, classes)
        for axes, part in ((left, 0), (right, 1)):
            axes.plot(grid, curve[:, part], LINES[number], color=PALETTE[number], label=name)
            axes.plot([score], [here[part]], "o", color=PALETTE[number])
        words.append(f"{name} {here[0]:.2f}, push {here[1]:+.2f}")
    left.set(xlabel="score of the right class (others: 0)", ylabel="loss (softmax: nats)",
             ylim=(0, 15))
    right.set(xlabel="score of the right class (others: 0)", ylabel="push on that score",
              ylim=(-6, 10))
    for axes in (left, right):
        axes.axvline(score, color="0.6", linewidth=0.8)
        axes.grid(alpha=0.3)
    left.legend(frameon=False, fontsize=8)
    stopped = [name for name in LOSSES if abs(push(name, score, classes)[1]) < 1e-9]
    back = [name for name in LOSSES if push(name, score, classes)[1] < -1e-9]
    state = "; ".join(
        part for part in (f"{', '.join(stopped)}: no push any more" if stopped else "",
                          f"{', '.join(back)}: back down" if back else "") if part)
    figure.suptitle(
        f"Score {score:g}, {classes} classes: {state or 'all of them push the score up'}",
        fontsize=10)
    end = f"{state[:1].upper()}{state[1:]}." if state else ""
    return Picture(figure, f"At score {score:g}: {'; '.join(words)}. {end}")


@dataclass
class Dice:
    """First losses of many initialisations of one network, before any training.

    Attributes:
        values: loss -> one number per roll, each with weights from the next seed.
    """

    data: Data
    settings: Settings
    samples: int = 500
    values: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in LOSSES})

    def roll(self, times: int = 20) -> None:
        """Draw the weights anew `times` times, and take each loss on the same training samples."""
        x, y = self.data.train.batch(torch.arange(min(self.samples, self.data.train.size)))
        for _ in range(times):
            seed = self.settings.seed + self.rolls
            model = build_model(self.settings.replace(seed=seed), self.data.shape,
                                self.data.num_classes)
            with eval_mode(model):
                logits = model(x)
            for name, loss in LOSSES.items():
                self.values[name].append(float(loss(logits, y)))

    @property
    def rolls(self) -> int:
        return len(self.values["softmax"])

    def plot(self) -> Picture:
        """One histogram per loss, with the value by hand."""
        figure = Figure(figsize=(10, 2.6), layout="constrained")
        panels = zip(figure.subplots(1, len(LOSSES)), self.values.items(), strict=True)
        for number, (axes, (name, values)) in enumerate(panels):
            by_hand = at_zero(name, self.data.num_classes)
            axes.hist(values, 20, color=PALETTE[number])
            axes.axvline(by_hand, color="black", linestyle="--")
            axes.set(xlabel=f"{name} loss{' (nats)' if name == 'softmax' else ''}",
                     ylabel="initialisations" if not number else "",
                     title=f"outputs 0: {by_hand:.3f}")
            axes.title.set_fontsize(9)
        figure.suptitle(
            f"{self.data.name}, {self.settings.model}, init {self.settings.init}: {self.rolls} "
            "rolls (dashed: all outputs zero)", fontsize=10)
        return Picture(figure, str(self))

    def __str__(self) -> str:
        parts = []
        for name, values in self.values.items():
            by_hand = at_zero(name, self.data.num_classes)
            parts.append(f"{name} {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f}; "
                         f"outputs 0: {by_hand:.3f})" if values else f"{name}: not rolled yet")
        return (f"{self.data.name}, first loss over {self.rolls} initialisations: "
                f"{'; '.join(parts)}.")


def dice(data: Data, settings: Settings, rolls: int = 100) -> Dice:
    made = Dice(data, settings)
    made.roll(rolls)
    return made


def per_class(made: Dice) -> str:
    """First softmax loss of each class's samples: the lowest and the highest over the
    initialisations.
    """
    data, classes = made.data, made.data.num_classes
    x, y = data.train.batch(torch.arange(min(2000, data.train.size)))
    found = np.zeros((min(20, made.rolls), classes))  # twenty nets are enough for a spread
    for roll in range(len(found)):
        model = build_model(made.settings.replace(seed=made.settings.seed + roll), data.shape,
                            classes)
        with eval_mode(model):
            each = F.cross_entropy(model(x), y, reduction="none")  # (N,) nats
        found[roll] = [float(each[y == k].mean()) for k in range(classes)]
    return (f"{data.name}: over the classes, one initialisation spreads from "
            f"{found.min(1).mean():.2f} to {found.max(1).mean():.2f} nats on average; each class's "
            f"mean over {len(found)} initialisations lies between {found.mean(0).min():.2f} and "
            f"{found.mean(0).max():.2f} (ln {classes} = {math.log(classes):.2f}).")


def penalised(data: Data, settings: Settings, decay: float) -> str:
    """The first number when an L2 penalty is part of the reported loss."""
    model = build_model(settings, data.shape, data.num_classes)
    x, y = data.train.batch(torch.arange(min(500, data.train.size)))
    with eval_mode(model):
        plain = float(F.cross_entropy(model(x), y))
    squares = sum(float(weight.detach().square().sum()) for weight in model.parameters())
    penalty = 0.5 * decay * squares  # its gradient is decay times the weights
    verdict = "no longer" if abs(penalty) > 0.02 * plain else "still"
    return (f"Cross-entropy {plain:.3f}, with an L2 penalty of {decay:g} in the same number "
            f"{plain + penalty:.3f}: {verdict} to be compared with ln {data.num_classes} = "
            f"{math.log(data.num_classes):.3f}.")


def lopsided(data: Data, label: int = 0, share: float = 0.9, n: int = 5000, seed: int = 0) -> Data:
    """`n` training and `n`/2 validation samples of which `share` are of one class."""
    def dealt(split: Split, count: int) -> Split:
        y, draw = split.y.cpu(), generator(seed, "check")
        order = torch.randperm(len(y), generator=draw)
        mine, others = order[y[order] == label], order[y[order] != label]
        common = min(round(share * count), len(mine))  # no more than there are
        # keeps the share where the common class ran out
        rare = min(round(common * (1 - share) / share), len(others))
        return Split(split.samples.take(torch.cat([mine[:common], others[:rare]])), split.name,
                     data.mean, data.std)

    return replace(data, name=f"{data.name}, {share:.0%} {data.classes[label]}",
                   train=dealt(data.train, n), validation=dealt(data.validation, n // 2),
                   _copies={})


def entropy(data: Data) -> float:
    """Loss (nats) of knowing the classes' shares and nothing else."""
    share = np.bincount(data.train.y.cpu().numpy(), minlength=data.num_classes) / data.train.size
    return float(-(share[share > 0] * np.log(share[share > 0])).sum())  # an absent class adds 0


def head_of(model: nn.Module) -> nn.Linear:
    """The last linear layer."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1]


def good_head(model: nn.Module, data: Data, weights: float = 0.1) -> nn.Module:
    """Bias: logarithm of each class's share (plus one sample each); weights: `weights` times
    what they were.
    """
    head = head_of(model)
    # (K,); one more sample each, as the logarithm of no sample is minus infinity
    counts = torch.bincount(data.train.y.cpu(), minlength=data.num_classes).float() + 1
    with torch.no_grad():
        head.bias.copy_((counts / counts.sum()).log())
        head.weight.mul_(weights)
    return model


@dataclass(frozen=True)
class Heads:
    """Runs with a head as torch makes it and one that knows the classes' shares, on lopsided
    data.
    """

    runs: RunComparison[str]
    knows: float  # nats: the loss of the shares alone

    def first(self, label: str) -> list[float]:
        return [run.history.series("train_loss")[0] for run in self.runs.runs[label]]

    def steps_to(self, label: str) -> list[int]:
        """Steps until the mean loss of five batches first lies under that of the shares; the
        run's length if never.
        """
        found = []
        for run in self.runs.runs[label]:
            # mean of five: single batches are noisy
            losses = np.convolve(run.history.series("train_loss"), np.ones(5) / 5, "valid")
            under = np.flatnonzero(losses < self.knows)
            found.append(int(under[0]) + 5 if len(under) else len(losses) + 4)
        return found

    def plot(self) -> Picture:
        picture = self.runs.plot(f"Shares alone give {self.knows:.2f} nats; band: lowest to highest "
                                 f"of {self.runs.seeds} seeds")
        picture.colours = 64
        return picture

    def __str__(self) -> str:
        lines = []
        for label in self.runs.runs:
            first, steps, end = self.first(label), self.steps_to(label), self.runs.scores(label)
            lines.append(f"{label}: first loss {np.mean(first):.2f} ({min(first):.2f} to "
                         f"{max(first):.2f}) nats, under {self.knows:.2f} after {min(steps)} to "
                         f"{max(steps)} steps, at the end {np.mean(end):.1%} ({min(end):.1%} to "
                         f"{max(end):.1%}) right")
        return "\n".join([*lines, *self.verdicts()])

    def verdicts(self) -> list[str]:
        """Each other head against the first, paired by seed, with the 95 % interval of the
        difference.
        """
        usual, *others = self.runs.runs
        words = []
        for label in others:
            steps = paired(self.steps_to(usual), self.steps_to(label))
            end = paired(100 * np.array(self.runs.scores(usual)),  # points
                         100 * np.array(self.runs.scores(label)))
            sooner = {"holds": "sooner", "the reverse": "later"}.get(
                verdict_of(steps, more_is_better=False), "not clearly sooner")
            better = {"holds": "better", "the reverse": "worse"}.get(
                verdict_of(end), "neither better nor worse")
            words.append(
                f"With {label}: {sooner} under the shares' loss ({steps.difference:+.1f} steps, "
                f"{steps.low:+.1f} to {steps.high:+.1f}), and at the end {better} "
                f"({end.difference:+.1f} points, {end.low:+.1f} to {end.high:+.1f}).")
        return words


def heads(data: Data, settings: Settings, seeds: int = 5) -> Heads:
    """The same net with three last layers: torch's, one whose bias knows the shares, and one
    with small weights as well.
    """
    def run(seed: int, weights: float | None) -> Run:
        chosen = settings.replace(seed=seed)
        model = build_model(chosen, data.shape, data.num_classes)
        return train(data, chosen, model if weights is None else good_head(model, data, weights))

    kinds: Mapping[str, Callable[[int], Run]] = {
        "torch's head": lambda seed: run(seed, None),
        "bias = log share": lambda seed: run(seed, 1.0),
        "bias = log share, weights x 0.1": lambda seed: run(seed, 0.1),
    }
    return Heads(compare(kinds, seeds), entropy(data))


def check_expected(guess: float, loss: str, classes: int) -> str:
    """Judge the exercise: the first loss by hand."""
    right = at_zero(loss, classes)
    if abs(guess - right) <= 0.01 * right:
        return f"Right: {right:.4g}."
    near = {  # what a slip would give
        "ln, not log10": math.log10(classes),
        "ln, not log2": math.log2(classes),
        "one for each wrong class, not for each class": float(classes),
        "it is the mean over samples, but the sum over classes": right / classes,
    }
    hints: Sequence[str] = [
        text for text, value in near.items() if abs(guess - value) <= 0.01 * abs(value)
    ]
    return f"Not {guess:g}. " + (f"Take care: {hints[0]}."
                                 if hints else "Put zeros for all scores into the formula.")
