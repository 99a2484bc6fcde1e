"""The same data with other inputs: smaller images, inputs that mean nothing, images changed once
and for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import torch
from torch.nn import functional as F

from recipe_widgets.core import RecipeError, generator
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data, Split
from recipe_widgets.data.augment import Augment
from recipe_widgets.data.dataset import assemble
from recipe_widgets.data.split import Samples


def resized(data: Data, side: int) -> Data:
    """Images of `side` x `side` pixels, each the mean of the area that it covers; the name tells
    the side.
    """
    if len(data.shape) != 3 or not 1 <= side <= min(data.shape[1:]):
        raise RecipeError("resized(data, side)",
                          found=f"side {side!r} for samples of shape {data.shape}",
                          expected="images, and a side no larger than theirs")

    def smaller(x: torch.Tensor) -> torch.Tensor:
        out = F.adaptive_avg_pool2d(x.float(), side)  # (N, C, side, side)
        return out if x.is_floating_point() else out.round_().to(torch.uint8)

    made = _each(data, lambda split: smaller(split.x), f"resized to {side}x{side}")
    return replace(made, name=f"{data.name} {side}x{side}", _copies={})


def with_noise_inputs(data: Data, extra: int, seed: int = 0) -> Data:
    """Samples as a table of their normalised values, and `extra` columns of normal noise that
    tell nothing about labels.
    """
    def table(split: Split) -> torch.Tensor:
        x = torch.cat([x.flatten(1) for x, _ in split.batches(1000)])  # (N, C*H*W), normalised
        # A generator per split, or the noise of the validation samples would be that of the
        # training samples.
        draw = generator(seed * 10 + {"train": 1, "validation": 2, "test": 3}[split.name],
                         "augmentation")
        return torch.cat([x, torch.randn((len(x), extra), generator=draw)], 1)  # (N, C*H*W + extra)

    return _each(data, table, f"{extra} inputs of pure noise added")


def changed(data: Data, names: str, strength: float = 1.0, seed: int = 0) -> Data:
    """Every validation image changed once by these augmentations: a world that the training samples
    do not show.

    Training samples stay as they are. Labels stay: only augmentations that keep them make sense
        here.
    """
    if {"mixup", "cutmix"} & set(names.split("+")):
        raise RecipeError("changed(names=)", found=repr(names),
                          expected="augmentations that leave labels alone",
                          mend='For example "backgrounds" or "erase".')
    split = data.validation
    x, _, _ = Augment(split, names, strength, data.num_classes,
                      seed).batch(torch.arange(split.size))
    kept = Samples(
        _as_bytes(x, split) if split.x.dtype == torch.uint8 else x, split.y, split.index,
        split.origin)
    return replace(data, validation=Split(kept, split.name, split.mean, split.std), _copies={})


def _as_bytes(x: torch.Tensor, split: Split) -> torch.Tensor:
    """Normalised images (n,C,H,W) back to bytes."""
    return (unnormalised(x, split) * 255).round_().clamp_(0, 255).to(torch.uint8)


def unnormalised(x: torch.Tensor, split: Split) -> torch.Tensor:
    """Normalised images (n,C,H,W) back to units of [0, 1]."""
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (split.mean, split.std))
    return x * std + mean  # (N, C, H, W) in [0, 1], but for what rounding and augmentation add


def _each(data: Data, change: Callable[[Split], torch.Tensor], note: str) -> Data:
    """New samples for all three splits, normalised anew; the test set unseen, in a new, closed
    vault.
    """
    splits = (Samples(change(split), split.y, split.index, split.origin)
              # sealed: changed unseen, no opening of the vault
              for split in (data.train, data.validation, data.vault.sealed()))
    return assemble(*splits, name=data.name, classes=data.classes, source=data.source,
                    licence=data.licence, notes=(*data.notes, note))


@validated
def few_samples(data: Data,
                count: Annotated[int, whole(1, 10**4)]) -> tuple[torch.Tensor, torch.Tensor]:
    """The first `count` training samples of a fixed shuffle, normalised."""
    return data.train.batch(
        # one fixed seed: the same samples in every cell and at every visit
        torch.randperm(data.train.size, generator=generator(0, "check"))[:count])
