"""Learning by heart: labels dealt at random, answers beside labels. (Notebook 05, O3 and O5.)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from matplotlib.figure import Figure

from recipe_widgets.core import RecipeError, generator
from recipe_widgets.data import Data, Split
from recipe_widgets.data.split import Samples
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import displayable, set_title

ROWS, COLUMNS = 2, 8  # pictures of one figure


def random_labels(data: Data, seed: int = 0) -> Data:
    """The same images with the training labels dealt out at random: each class keeps its number
    of samples.
    """
    old = data.train.samples
    order = torch.randperm(len(old.y), generator=generator(seed, "split")).to(old.y.device)
    shuffled = Split(Samples(old.x, old.y[order], old.index, old.origin), "train", data.mean,
                     data.std)
    return replace(data, name=f"{data.name}, random labels", train=shuffled, _copies={})


def answers_beside_labels(data: Data, answers: Mapping[str, torch.Tensor]) -> Picture:
    """The first training images, each with its label and what some networks say; wrong answers are
    red.

    answers: name of a network -> the class that it gives to each of the first samples, (n,).
    """
    count = min((len(classes) for classes in answers.values()), default=0)
    if not count or count > data.train.size:
        raise RecipeError("answers_beside_labels", found=f"answers for {count} samples",
                          expected=f"for 1 to {data.train.size}, of one network or more")
    images, labels = data.train.raw(torch.arange(count))
    figure = Figure(figsize=(9.5, 1.1 + ROWS * (1.0 + 0.18 * len(answers))), layout="constrained")
    for number, place in enumerate(figure.subplots(ROWS, COLUMNS).flat):
        place.set_axis_off()
        if number >= count:
            continue
        place.imshow(displayable(images[number].numpy()), cmap="gray", interpolation="nearest")
        truth = int(labels[number])
        for line, (name, classes) in enumerate(answers.items()):
            said = int(classes[number])
            place.text(0.5, -0.04 - 0.2 * line, f"{name}: {data.classes[said]}", fontsize=7,
                       ha="center", va="top", transform=place.transAxes,
                       color="black" if said == truth else "#b00020")
        place.set_title(data.classes[truth], fontsize=8, fontweight="bold")
    right = [f"{name}: {int((classes[:count].cpu() == labels[:count].cpu()).sum())} of {count} right"
             for name, classes in answers.items()]
    set_title(figure, f"Label above, answers below. {'; '.join(right)}", 9.5)
    return Picture(figure, f"{data.name} images with labels and answers. {'; '.join(right)}.",
                   colours=128)
