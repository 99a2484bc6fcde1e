"""How much of a picture a net needs, and in which range of numbers it likes it. (Notebook 01,
sections 6 and 7.)
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.core import RecipeError, generator
from recipe_widgets.data import Data, Split
from recipe_widgets.lessons.common.images import photos
from recipe_widgets.plots import Picture
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
