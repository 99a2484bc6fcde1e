"""What augmentation does to images, whether the label survives, and what it gains."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from matplotlib.figure import Figure

from recipe_widgets import checks
from recipe_widgets.core import CheckResult, RecipeError, Settings, generator
from recipe_widgets.data import Data, Split
from recipe_widgets.data.augment import Augment
from recipe_widgets.data.split import Samples
from recipe_widgets.data.stratified_split import stratified
from recipe_widgets.evaluation.seed_comparison import SeedComparison
from recipe_widgets.lessons.common.changed_data import changed, unnormalised
from recipe_widgets.lessons.common.comparison import end_accuracy, quiet_run
from recipe_widgets.plots import Picture
from recipe_widgets.training import evaluate
from recipe_widgets.training.validation import stratified_subset

WAYS = ("flip", "crop", "rotate", "colour", "erase", "mixup", "cutmix", "backgrounds")


def gallery(data: Data, ways: Sequence[str] = WAYS, strength: float = 1.0, count: int = 6,
            seed: int = 0) -> Picture:
    """A row per augmentation: the same `count` training images, changed; above each image its
    target, with the shares of the classes where they are mixed.
    """
    rows = _images(data, count)
    names = ["none", *(way for way in ways if way != "none")]
    figure = Figure(figsize=(0.78 * count + 1, 0.84 * len(names) + 0.3), layout="constrained")
    grid = figure.subplots(len(names), count, squeeze=False)
    for line, way in zip(grid, names, strict=True):
        images, targets = _augmented(data, way, strength, rows, seed)
        for axes, image, target in zip(line, images, targets, strict=True):
            axes.imshow(image.permute(1, 2, 0).squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1,
                        interpolation="nearest")
            axes.set_title(_words(target, data.classes), fontsize=7, pad=2)
            axes.set(xticks=[], yticks=[])
        line[0].set_ylabel(way, fontsize=8)
    figure.suptitle(f"{data.name}: the same {count} images, augmented at strength {strength:g}",
                    fontsize=9)
    first_row = ", ".join(data.classes[int(data.train.y[row])] for row in rows)
    return Picture(
        figure, f"{len(names)} rows of {count} images of {data.name}: {', '.join(names)}. "
        f"First row, unchanged: {first_row}.", colours=128)


def _images(data: Data, count: int) -> torch.Tensor:
    """Rows (count,) of training images, always the same ones, so that rows can be compared."""
    if len(data.shape) != 3:
        raise RecipeError("gallery(data)", found=f"samples of shape {data.shape}",
                          expected="images (C, H, W)")
    return torch.randperm(data.train.size, generator=generator(0, "batches"))[:count]


def _augmented(data: Data, way: str, strength: float, rows: torch.Tensor,
               seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (n,C,H,W) in [0, 1] and targets (n, K)."""
    if way == "none":
        x, targets = data.train.batch(rows)
    else:  # the second value are the labels before mixing
        x, _, targets = Augment(data.train, way, strength, data.num_classes, seed).batch(rows)
    if targets.ndim == 1:  # not mixed: the whole share belongs to one class
        targets = torch.nn.functional.one_hot(targets, data.num_classes).float()
    return unnormalised(x, data.train).clamp(0, 1), targets


def _words(target: torch.Tensor, classes: Sequence[str]) -> str:
    """The names of a target (K,): of its class, or of two with their shares."""
    shares, labels = target.topk(2)  # mixup and cutmix mix two images
    if float(shares[1]) < 0.005:  # would be written as 0 %
        return classes[int(labels[0])]
    return "\n".join(
        f"{share:.0%} {classes[int(label)]}" for share, label in zip(shares, labels, strict=True))


def keeps_label(data: Data, augment: str, strength: float = 1.0, samples: int = 1200,
                seconds: float = 2.5) -> CheckResult:
    """The check `augmentation_keeps_label` on our own augmentation.

    It asks whether a network that knows the plain images still sees the class in the changed ones.
    """
    rows, _ = stratified(data.validation.y, min(samples, data.validation.size),
                         generator(0, "check"))
    x, y = data.validation.raw(rows)
    are_bytes = x.dtype == torch.uint8
    draws = itertools.count()  # a new seed for each call, so that each call draws anew

    def once(images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One draw: images (N, C, H, W) in [0, 1] to such images and their targets."""
        # back to bytes: `Augment` takes samples as they are stored
        kept = images.mul(255).round().to(torch.uint8) if are_bytes else images
        split = Split(Samples.numbered(kept, labels, 0), "validation", data.mean, data.std)
        new, _, targets = Augment(split, augment, strength, data.num_classes,
                                  next(draws)).batch(torch.arange(len(kept)))
        return unnormalised(new, split).clamp_(0, 1), targets

    def change(images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        new, targets = once(images, labels)
        for _ in range(6):  # a flip leaves half of the images alone: these are drawn again
            same = (new - images).abs().flatten(1).amax(1) < 1e-3
            if targets.ndim > 1 or not same.any():  # mixed targets belong to their draw
                break
            new[same] = once(images[same], labels[same])[0]
        return new, targets

    return checks.augmentation_keeps_label((x.float() / 255 if are_bytes else x, y), augment=change,
                                           seconds=seconds)


def augment_effect(data: Data, settings: Settings, ways: Sequence[str], seeds: int = 4) -> SeedComparison:
    """The same run with each augmentation; the first one is what the others are compared with."""
    return SeedComparison(
        data.name, {
            way:
            [end_accuracy(data, settings.replace(augment=way, seed=seed))
             for seed in range(seeds)]
            for way in ways
        })


def under_change(data: Data, settings: Settings, change: str, ways: Sequence[str], seeds: int = 3,
                 strength: float = 1.0, judge_on: int = 2000) -> tuple[SeedComparison, SeedComparison]:
    """Train with each augmentation; judge on validation images as they are and on changed ones.

    Args:
        change: how the images of the second judgement are changed, such as "noise".
        judge_on: how many validation samples judge, at most.
    """
    plain = _some(data, judge_on)
    other = changed(plain, change, strength, seed=99)  # 99: no seed that trains
    # by way: accuracies on plain images, on changed images; one for each seed
    scores: Mapping[str, tuple[list[float], list[float]]] = {way: ([], []) for way in ways}
    for way in ways:
        for seed in range(seeds):
            run = quiet_run(plain, settings.replace(augment=way, seed=seed))
            assert run.model is not None
            scores[way][0].append(evaluate(run.model, plain.validation).accuracy)
            scores[way][1].append(evaluate(run.model, other.validation).accuracy)
    return (SeedComparison(f"{data.name} as it is", {way: pair[0] for way, pair in scores.items()}),
            SeedComparison(f"{data.name} with {change}", {way: pair[1] for way, pair in scores.items()}))


def _some(data: Data, count: int) -> Data:
    """The same data with so many validation samples at most, each class in proportion."""
    return replace(data, validation=stratified_subset(data.validation, count), _copies={})


def check_augmentation(data: Data, settings: Settings, augment: str, strength: float = 1.0,
                       seeds: int = 3) -> str:
    """Judge the exercise: an augmentation that keeps the labels and gains validation accuracy on
    these samples.
    """
    chosen = settings.replace(augment=augment, augment_strength=strength)
    if chosen.augment == "none" or not strength:
        raise RecipeError("check_augmentation", found=f"augment={augment!r}, strength={strength:g}",
                          expected="an augmentation", mend='For example "rotate".')
    # mixed images show two classes on purpose: there is no label to keep
    if not {"mixup", "cutmix"} & set(augment.split("+")):
        kept = keeps_label(data, augment, strength)
        if kept.status in ("warn", "fail"):
            return f"Not yet: {kept.message}. {kept.advice}"
    runs = {name: [end_accuracy(data, one.replace(seed=seed)) for seed in range(seeds)]
            for name, one in (("none", settings.replace(augment="none")), (augment, chosen))}
    trials = SeedComparison(f"{data.name}, {data.train.size} samples", runs)
    if trials.difference(augment).low > 0:
        return f"Right. {trials.verdict(augment)}"
    worse = trials.difference(augment).difference < 0
    hint = "Weaker, or another one." if worse else "Stronger, or one more beside it."
    return f"Not yet: the label survives, but a gain is not shown. {trials.verdict(augment)} {hint}"
