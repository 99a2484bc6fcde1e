"""What notebook 02 measures: seeds, templates, depth, dumb baselines, capacity. (Sections 1, 2, 5 and
7, and an exercise.)
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.core.history import mean_of_last
from recipe_widgets.data import Data
from recipe_widgets.evaluation import Proportion, accuracy
from recipe_widgets.evaluation.seed_comparison import verdict_of
from recipe_widgets.lessons.common.changed_data import zeroed
from recipe_widgets.lessons.common.comparison import RunComparison
from recipe_widgets.lessons.common.guarded import train, train_many
from recipe_widgets.models import build_model, count_parameters
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE
from recipe_widgets.rules.statistics import paired


def same_weights(one: Run, other: Run) -> bool:
    """Equal to the last bit: every weight, and every loss on the way."""
    assert one.model is not None
    assert other.model is not None
    pairs = zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    return (one.history.series("train_loss") == other.history.series("train_loss")
            and all(torch.equal(weight, twin) for weight, twin in pairs))


def twice(data: Data, settings: Settings) -> str:
    """The same run again, and the same with the next seed."""
    first, again, other = (train(data, settings.replace(seed=seed))
                           for seed in (settings.seed, settings.seed, settings.seed + 1))
    one, two = (run.history.last("val_accuracy") for run in (first, other))
    return (
        f"Seed {settings.seed} twice: {'equal' if same_weights(first, again) else 'NOT equal'} to "
        f"the last bit. Seed {settings.seed + 1}: "
        f"{'equal' if same_weights(first, other) else 'another run'}, "
        f"{abs(one - two) * 100:.2f} points of validation accuracy apart.")


def seed_band(data: Data, settings: Settings, seeds: int = 8) -> RunComparison[str]:
    return RunComparison({data.name: train_many(data, settings, range(seeds))})


def spread(band: RunComparison[str]) -> str:
    """How far runs lie apart that differ in nothing but their seed."""
    lines = []
    for label in band.runs:
        scores = np.array(band.scores(label)) * 100
        deviation = scores.std(ddof=1)
        # a difference of two runs spreads √2 times as much; two standard deviations hold 95 %
        chance = 2 * np.sqrt(2) * deviation
        lines.append(
            f"{label}: {scores.mean():.1f} % on the validation set, {scores.min():.1f} to "
            f"{scores.max():.1f} % over {len(scores)} seeds, standard deviation {deviation:.2f} "
            f"points. A difference between two single runs below about {chance:.1f} points says "
            "nothing.")
    return "\n".join(lines)


def templates(run: Run, data: Data) -> Picture:
    """The weights of a linear classifier as pictures, one per class. Grey pictures: red is evidence
    for the class, blue against it. Colour pictures: the colours that speak for the class, on
    grey."""
    assert run.model is not None
    linears = [module for module in run.model.modules() if isinstance(module, nn.Linear)]
    if len(linears) != 1 or len(data.shape) != 3:
        raise RecipeError("templates(run, data)",
                          found=f"{len(linears)} linear layers on {data.shape}",
                          expected="a linear model of images",
                          mend='Train with Settings(model="linear").')
    weights = linears[0].weight.detach().cpu().reshape(-1, *data.shape).numpy()  # (K, C, H, W)
    figure = Figure(figsize=(9, 1.5), layout="constrained")
    # a few large weights would leave all others grey
    bound = float(np.quantile(np.abs(weights), 0.995))
    grey = weights.shape[1] == 1
    for axes, weight, name in zip(figure.subplots(1, len(weights)), weights, data.classes,
                                  strict=True):
        if grey:
            axes.imshow(weight[0], cmap="RdBu_r", vmin=-bound, vmax=bound)
        else:
            # (H, W, C), grey for a weight of 0
            axes.imshow(np.clip(0.5 + weight.transpose(1, 2, 0) / (2 * bound), 0, 1))
        axes.set_title(name, fontsize=8)
        axes.set_axis_off()
    share = run.history.last("val_accuracy")
    how = "red: for the class, blue: against" if grey else "colours that speak for the class"
    figure.suptitle(f"{data.name}: one template per class, {share:.0%} right ({how})", fontsize=10)
    return Picture(
        figure,
        f"Weights of a linear classifier of {data.name} as {len(weights)} images, one per class; "
        f"{share:.1%} of the validation samples are right.", colours=128)


def parameters(*widths: int) -> str:
    """Weights and biases of a fully connected net, layer by layer: parameters(16384, 1000, 10)."""
    lines, total = [], 0
    for inputs, outputs in itertools.pairwise(widths):
        count = inputs * outputs + outputs  # a weight for each pair, a bias for each output
        lines.append(f"{inputs:>7,} x {outputs:<6,} weights + {outputs:<6,} biases = {count:>12,}")
        total += count
    return "\n".join([*lines, f"{'-'.join(map(str, widths))} in all: {total:,}"])


def settings_of_depth(base: Settings, layers: int) -> Settings:
    """`layers` weight layers: 1 is the linear score function, 2 has one hidden layer, ..."""
    if layers < 1:
        raise RecipeError("Layers", found=layers, expected="at least 1")
    if layers == 1:
        return base.replace(model="linear")
    return base.replace(model="mlp", depth=layers - 1)  # depth counts hidden layers


@dataclass(frozen=True)
class Ladder:
    """Runs of growing nets: label -> one run per seed, and their parameters."""

    data: Data
    runs: RunComparison[str]
    sizes: Mapping[str, int]

    def losses(self, label: str) -> list[float]:
        """Training loss (nats) at the end of each seed: mean of the last 50 steps."""
        return [mean_of_last(run.history.series("train_loss")) for run in self.runs.runs[label]]

    def table(self) -> str:
        rows = [f"{self.data.name:>16} {'parameters':>11}   training loss (nats)      "
                f"validation accuracy   n = {self.runs.seeds} seeds"]
        for label, size in self.sizes.items():
            loss, score = self.losses(label), self.runs.scores(label)
            rows.append(f"{label:>16} {size:>11,}   {np.mean(loss):.3f} ({min(loss):.3f} to "
                        f"{max(loss):.3f})   {np.mean(score):.1%} ({min(score):.1%} to "
                        f"{max(score):.1%})")
        return "\n".join(rows)

    def verdict(self) -> str:
        """Does each step up the ladder lower the training loss? Paired by seed, 95 % interval."""
        labels, words = list(self.sizes), []
        for small, large in itertools.pairwise(labels):
            gap = paired(self.losses(small), self.losses(large))
            way = {"holds": "down", "the reverse": "UP"}.get(
                verdict_of(gap, more_is_better=False), "no clear difference")
            words.append(f"{small} to {large}: {gap.difference:+.3f} ({gap.low:+.3f} to "
                         f"{gap.high:+.3f}) nats, {way}")
        return f"{self.data.name}, {self.runs.seeds} seeds. " + "; ".join(words) + "."


def ladder(data: Data, steps_up: Mapping[str, Settings], seeds: int = 3) -> Ladder:
    """Train each of `steps_up` from the same seeds."""
    runs = {label: train_many(data, settings, range(seeds)) for label, settings in steps_up.items()}
    sizes = {label: count_parameters(build_model(settings, data.shape, data.num_classes))
             for label, settings in steps_up.items()}
    return Ladder(data, RunComparison(runs), sizes)


def ladder_picture(many: Sequence[Ladder]) -> Picture:
    """Training loss against the number of parameters."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    words = []
    for number, one in enumerate(many):
        x = list(one.sizes.values())  # numbers of parameters
        y = np.array([one.losses(label) for label in one.sizes])  # (nets, seeds), nats
        axes.fill_between(x, y.min(1), y.max(1), color=PALETTE[number], alpha=0.25, linewidth=0)
        axes.plot(x, y.mean(1), LINES[number] + "o", color=PALETTE[number], label=one.data.name)
        words.append(f"{one.data.name} from {y[0].mean():.3g} to {y[-1].mean():.3g}")
    axes.set(
        xscale="log", xlabel="parameters", ylabel="training loss at the end (nats)", ylim=(0, None),
        title=f"Training loss by capacity; band: lowest to highest of {many[0].runs.seeds} seeds")
    axes.title.set_fontsize(10)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return Picture(figure,
                   f"Training loss from the smallest to the largest net: {'; '.join(words)}.")


def blind_and_seeing(data: Data, settings: Settings, seeds: int = 4) -> RunComparison[str]:
    """The same net on real inputs and on zeros."""
    return RunComparison({"real inputs": train_many(data, settings, range(seeds)),
                          "zeros": train_many(zeroed(data), settings, range(seeds))})


class Deaf(nn.Module):
    """A classifier with a slip: the input is multiplied by the zeros that were meant to be a
    mask of ones.
    """

    def __init__(self, data: Data) -> None:
        super().__init__()
        self.net = build_model(Settings(width=64), data.shape, data.num_classes)
        self.mask = nn.Buffer(torch.zeros(data.shape))  # the slip: `ones` was meant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.net(x * self.mask)
        return logits


def nearest_template(data: Data) -> npt.NDArray[np.int64]:
    """For each validation sample the class whose mean training picture is nearest (Euclidean)."""
    x, y = data.train.x.flatten(1).float(), data.train.y  # (N, C*H*W) in bytes
    means = torch.stack([x[y == k].mean(0) for k in range(data.num_classes)])  # (K, C*H*W)
    held = data.validation.x.flatten(1).float()
    return torch.cdist(held, means).argmin(1).cpu().numpy()  # distances (validation samples, K)


def nearest_sample(data: Data, samples: int = 2000) -> npt.NDArray[np.int64]:
    """For each validation sample the class of the nearest of `samples` training pictures."""
    few = data.subset(min(samples, data.train.size)).train
    held = data.validation.x.flatten(1).float()
    return few.y[torch.cdist(held, few.x.flatten(1).float()).argmin(1)].cpu().numpy()


def baselines(data: Data, settings: Settings) -> dict[str, Proportion]:
    """Validation accuracy of dumb rules and small nets, each with Wilson's interval."""
    truth = data.validation.y.cpu().numpy()
    # counted on training labels only
    common = int(torch.bincount(data.train.y, minlength=data.num_classes).argmax())
    found = {"always the commonest class": accuracy(np.full(len(truth), common), truth),
             "nearest class mean": accuracy(nearest_template(data), truth),
             "nearest of 2,000 samples": accuracy(nearest_sample(data), truth)}
    for label, layers in (("linear", 1), ("one hidden layer", 2)):
        run = train(data, settings_of_depth(settings, layers))
        assert run.model is not None
        found[f"{label}, {settings.max_steps} steps"] = accuracy(run.model, data.validation)
    return found


def baseline_table(many: Mapping[str, Mapping[str, Proportion]]) -> str:
    """Rows: rules; columns: data sets."""
    rules = list(next(iter(many.values())))
    head = "".join(f"{name:>26}" for name in many)
    lines = [f"{'validation accuracy (95 % interval)':>36}{head}"]
    for rule in rules:
        cells = [f"{found[rule].value:.1%} ({found[rule].low:.1%} to {found[rule].high:.1%})"
                 for found in many.values()]
        lines.append(f"{rule:>36}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join(lines)


def simple_first(data: Data, fancy: Settings, seeds: int = 4) -> RunComparison[str]:
    """`fancy` settings, and the same without anything that regularises."""
    return RunComparison({
        # one by one: augmentation keeps many seeds from being trained at once
        "everything at once": [train(data, fancy.replace(seed=seed)) for seed in range(seeds)],
        "simplest": train_many(data, fancy.simplest(), range(seeds)),
    })


def check_parameters(guess: int, *widths: int) -> str:
    """Judge the exercise: how many numbers does the net hold?"""
    weights = sum(inputs * outputs for inputs, outputs in itertools.pairwise(widths))
    right = weights + sum(widths[1:])  # one bias for each output
    if guess == right:
        return f"Right: {right:,}."
    if guess == weights:
        return f"Nearly: those are the weights. Each unit also has a bias: {right - weights:,} more."
    return (f"Not {guess:,}: add up inputs x outputs + outputs for each layer of "
            f"{'-'.join(map(str, widths))}.")
