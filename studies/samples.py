"""The samples of the experiments: more validation samples than usual, as a quarter of them chooses
and the rest judges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from recipe_widgets import Data, load
from recipe_widgets.core import generator
from recipe_widgets.data.split import Samples, Split


def mnist() -> Data:
    """40,000 images to train on; 5,000 choose, 15,000 judge."""
    return load("mnist").split(4 / 7, 2 / 7, 1 / 7)


def cifar10() -> Data:
    """6,000 images to train on; 1,000 choose, 3,000 judge."""
    return load("cifar10").split(6 / 12, 4 / 12, 2 / 12)


def first(count: int) -> Callable[[Data], Data]:
    """What keeps so many of the training images, each class in proportion."""
    def subset(data: Data) -> Data:
        return data.subset(count)

    subset.__name__ = f"subset_{count}"
    return subset


def mislabelled(count: int, share: float) -> Callable[[Data], Data]:
    """What keeps so many of the training images and gives a share of them another label, drawn
    alike from the other classes. Validation labels stay right.
    """
    def changed(data: Data) -> Data:
        few = data.subset(count)
        old, draw = few.train.samples, generator(0, "split")
        wrong = torch.randperm(count, generator=draw)[:round(share * count)]
        y = old.y.clone()
        away = torch.randint(1, data.num_classes, (len(wrong), ), generator=draw)
        y[wrong] = (y[wrong] + away) % data.num_classes
        made = Samples(old.x, y, old.index, old.origin)
        return replace(few, train=Split(made, few.train.name, few.train.mean, few.train.std), _copies={})

    changed.__name__ = f"mislabelled_{count}_{share:g}"
    return changed
