"""How much of a picture a net needs, and in which range of numbers it likes it. (Notebook 01,
sections 6 and 7.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F

from recipe_widgets.core import RecipeError, Run, Settings, generator
from recipe_widgets.data import Data, Split
from recipe_widgets.lessons.common.guarded import train, train_many
from recipe_widgets.lessons.common.images import photos
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import LINES, PALETTE
from recipe_widgets.training import evaluate

SCALES = {  # name -> (mean, std) that normalise pixels in [0, 1]; None: the data set's own
    "0 to 255": (0.0, 1 / 255), "0 to 1": (0.0, 1.0), "-1 to 1": (0.5, 0.5), "mean 0, std 1": None
}


def blurred(x: torch.Tensor, factor: int) -> torch.Tensor:
    """Images (n,C,H,W) averaged over squares of `factor` pixels a side, at their old size: what
    a lower resolution keeps.
    """
    if factor < 1 or factor > min(x.shape[2:]):
        raise RecipeError("blurred(factor=)", found=factor,
                          expected=f"1 to {min(x.shape[2:])} pixels")
    if factor == 1:
        return x
    # partial squares at the border: the mean of what is there
    small = F.avg_pool2d(x.float(), factor, ceil_mode=True, count_include_pad=False)
    big = small.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    big = big[:, :, :x.shape[2], :x.shape[3]]  # the last square may hang over the border
    return big.round().to(x.dtype) if x.dtype == torch.uint8 else big


def patch_shuffled(x: torch.Tensor, grid: int, seed: int = 0) -> torch.Tensor:
    """Images (n,C,H,W) cut into `grid` x `grid` patches which are put back in another order, a new
    one for each image. What does not divide is cut off at the right and at the bottom, and stays
    where it was."""
    n, channels, height, width = x.shape
    if grid < 1 or grid > min(height, width):
        raise RecipeError("patch_shuffled(grid=)", found=grid,
                          expected=f"1 to {min(height, width)} patches a side")
    if grid == 1:
        return x
    tall, wide = height // grid, width // grid  # pixels of a patch
    part = x[:, :, :tall * grid, :wide * grid].reshape(n, channels, grid, tall, grid, wide)
    # (n, grid, grid, C, tall, wide) -> one row of patches for each image
    patches = part.permute(0, 2, 4, 1, 3, 5).reshape(n, grid * grid, channels, tall, wide)
    # (n, grid²): sorting random numbers gives a permutation for each image
    order = torch.rand(n, grid * grid, generator=generator(seed, "check")).argsort(1).to(x.device)
    mixed = patches.gather(1, order[:, :, None, None, None].expand_as(patches))
    out = x.clone()
    back = mixed.reshape(n, grid, grid, channels, tall, wide).permute(0, 3, 1, 4, 2, 5)
    out[:, :, :tall * grid, :wide * grid] = back.reshape(n, channels, tall * grid, wide * grid)
    return out


def spoiled(split: Split, factor: int = 1, grid: int = 1, most: int = 2000) -> Split:
    """The first `most` samples of a split, blurred and then patch-shuffled."""
    few = split.samples.take(torch.arange(min(most, split.size)))  # bytes, before normalisation
    x = patch_shuffled(blurred(few.x, factor), grid)
    return Split(replace(few, x=x), split.name, split.mean, split.std)


@dataclass(frozen=True)
class Detail:
    """Validation accuracy (0 to 1) of nets that learnt on whole pictures: kind -> amount -> one
    number per seed.
    """

    scores: Mapping[str, Mapping[int, Sequence[float]]]
    models: Mapping[str, nn.Module]
    sets: Mapping[str, Data]

    def plot(self) -> Picture:
        figure = Figure(figsize=(9.5, 3), layout="constrained")
        words = []
        for axes, what in zip(figure.subplots(1, 2),
                              ("pixels averaged", "patches a side, shuffled"), strict=True):
            for number, (name, data) in enumerate(self.sets.items()):
                found = self.scores[f"{name}, {what}"]
                # y: (amounts, seeds) per cent
                x, y = list(found), np.array([found[k] for k in found]) * 100
                axes.fill_between(x, y.min(1), y.max(1), color=PALETTE[number], alpha=0.25,
                                  linewidth=0)
                axes.plot(x, y.mean(1), LINES[number] + "o", color=PALETTE[number], label=name)
                means = ", ".join(f"{amount}: {mean:.0f} %"
                                  for amount, mean in zip(x, y.mean(1), strict=True))
                words.append(f"{name}, {what}: {means}")
                guess = 100 / data.num_classes
            axes.axhline(guess, color="0.4", linestyle=":", label=f"a guess: {guess:.0f} %")
            axes.set(
                xscale="log", xlabel="side of the squares that are averaged (pixels)"
                if "pixels" in what else what, ylabel="validation accuracy (%)", ylim=(0, 100))
            axes.set_xticks(x, map(str, x))
            axes.minorticks_off()
            axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
        figure.suptitle(
            f"Nets that learnt on whole pictures; band: lowest to highest of {len(y[0])} seeds",
            fontsize=10)
        return Picture(figure, "Validation accuracy. " + "; ".join(words) + ".")

    def __str__(self) -> str:
        lines = []
        for name in self.sets:
            blur, mix = (self.scores[f"{name}, {what}"]
                         for what in ("pixels averaged", "patches a side, shuffled"))
            whole = float(np.mean(blur[1]))
            lines.append(f"{name}: {whole:.0%} on whole pictures, {np.mean(blur[4]):.0%} when "
                         f"squares of 4 x 4 pixels are averaged, {np.mean(mix[4]):.0%} when "
                         "4 x 4 patches are shuffled.")
        return "\n".join(lines)


def detail(sets: Sequence[Data], settings: Settings, seeds: int = 2,
           amounts: Sequence[int] = (1, 2, 4, 7)) -> Detail:
    """Train on whole pictures, then look how the accuracy falls when the validation pictures
    lose detail or order.
    """
    scores: dict[str, dict[int, list[float]]] = {}
    models: dict[str, nn.Module] = {}
    for data in sets:
        nets = [train(data, settings.replace(seed=seed)).model for seed in range(seeds)]
        # the first that did not diverge; None where it did
        models[data.name] = next(net for net in nets if net is not None)
        for what, chosen in (("pixels averaged", "factor"), ("patches a side, shuffled", "grid")):
            scores[f"{data.name}, {what}"] = {
                k: [
                    evaluate(net, spoiled(data.validation, **{chosen: k})).accuracy
                    for net in nets
                    if net is not None
                ]
                for k in amounts
            }
    return Detail(scores, models, {data.name: data for data in sets})


def spoiled_pictures(data: Data, model: nn.Module, factor: int, grid: int,
                     count: int = 8) -> Picture:
    """Some validation pictures with less detail, what the net takes them for, and its accuracy
    on 1,000 of them.
    """
    split = spoiled(data.validation, factor, grid, most=1000)
    found = evaluate(model, split)
    x, y = split.batch(torch.arange(count))
    with torch.no_grad():
        guess = model.eval()(x).argmax(1)  # (count,) class numbers
    captions = [f"{data.classes[label]}\nnet: {data.classes[answer]}"
                for label, answer in zip(y.tolist(), guess.tolist(), strict=True)]
    side = "" if factor == 1 else f"squares of {factor} x {factor} pixels averaged; "
    order = "patches in order" if grid == 1 else f"{grid} x {grid} patches shuffled"
    title = f"{data.name}: {side}{order}: {found.accuracy:.0%} of {found.n:,} right"
    return photos(split.x[:count], captions, title,
                  f"{title}. {'; '.join(text.replace(chr(10), ', ') for text in captions)}.")


def as_fed(data: Data, scale: str) -> Data:
    """The same samples, fed to the net in another range of numbers: one of `SCALES`. Its name
    says which.
    """
    if scale not in SCALES:
        raise RecipeError("as_fed(scale=)", found=repr(scale),
                          expected="one of " + ", ".join(SCALES))
    mean, std = data.mean, data.std  # one number per channel
    if (found := SCALES[scale]) is not None:
        mean, std = (found[0], ) * len(data.mean), (found[1], ) * len(data.mean)
    train_split, validation = (Split(split.samples, split.name, mean, std)
                               for split in (data.train, data.validation))
    return replace(data, name=f"{data.name}, {scale}", train=train_split, validation=validation,
                   _copies={})


@dataclass(frozen=True)
class Scales:
    """Validation accuracy (0 to 1) by range of the inputs and learning rate: scale -> lr -> one
    run per seed.
    """

    name: str
    runs: Mapping[str, Mapping[float, Sequence[Run]]]

    def scores(self, scale: str, lr: float) -> list[float]:
        return [
            run.history.last("val_accuracy") if run.status == "done" else 0.0
            for run in self.runs[scale][lr]
        ]

    def best_lr(self, scale: str) -> float:
        return max(self.runs[scale], key=lambda lr: float(np.mean(self.scores(scale, lr))))

    def plot(self) -> Picture:
        figure = Figure(figsize=(7, 3), layout="constrained")
        axes = figure.subplots()
        words = []
        for number, scale in enumerate(self.runs):
            lrs = list(self.runs[scale])
            y = np.array([self.scores(scale, lr) for lr in lrs]) * 100  # (lrs, seeds) per cent
            axes.fill_between(lrs, y.min(1), y.max(1), color=PALETTE[number], alpha=0.2,
                              linewidth=0)
            axes.plot(lrs, y.mean(1), LINES[number] + "o", color=PALETTE[number], label=scale,
                      markersize=4)
            words.append(
                f"{scale}: best {y.mean(1).max():.0f} % at learning rate {self.best_lr(scale):g}")
        axes.set(
            xscale="log", xlabel="learning rate", ylabel="validation accuracy (%)", ylim=(0, 100),
            title=f"{self.name}: mean and lowest to highest of {len(y[0])} seeds (0: diverged)")
        axes.title.set_fontsize(10)
        axes.legend(frameon=False, fontsize=8, title="inputs")
        axes.grid(alpha=0.3)
        return Picture(
            figure, f"{self.name}, validation accuracy by range of the inputs. {'; '.join(words)}.")

    def __str__(self) -> str:
        best = {scale: self.scores(scale, self.best_lr(scale)) for scale in self.runs}
        rows = [f"{scale:>14}: {np.mean(scores):.1%} ({min(scores):.1%} to {max(scores):.1%}) "
                f"at learning rate {self.best_lr(scale):g}" for scale, scores in best.items()]
        lrs = list(next(iter(self.runs.values())))
        # nearest on a log scale to 0.05, the panel's default
        usual = min(lrs, key=lambda lr: abs(np.log(lr / 0.05)))
        rows += [f"All at the same learning rate {usual:g}: " + ", ".join(
            f"{scale} {np.mean(self.scores(scale, usual)):.0%}" for scale in self.runs) + "."]
        return "\n".join(
            [f"{self.name}, validation accuracy at the best of {len(lrs)} learning rates:", *rows])


def scales(data: Data, settings: Settings, lrs: Sequence[float], seeds: int = 3) -> Scales:
    """The same net on the same samples in each range of numbers, at each learning rate."""
    runs = {
        scale:
        {lr: train_many(as_fed(data, scale), settings.replace(lr=lr), range(seeds))
         for lr in lrs}
        for scale in SCALES
    }
    return Scales(data.name, runs)


def spacing(value: float) -> str:
    """How far apart float32 numbers lie around `value`, and what that swallows."""
    here = np.float32(value)
    gap = float(np.spacing(here))  # float32 has 24 bits: about 6e-8 of the value
    lost = bool(here + np.float32(gap / 4) == here)  # less than half a gap is rounded away
    return (f"Around {value:g} the next float32 is {gap:g} away: adding {gap / 4:g} "
            f"{'changes nothing' if lost else 'is seen'}.")
