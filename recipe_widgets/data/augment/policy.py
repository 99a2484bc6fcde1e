"""What a training run does to its batches: parameters drawn for each image, from a generator of
its own.
"""

from __future__ import annotations

from typing import Annotated

import torch
from torch.nn import functional as F

from recipe_widgets.core import RecipeError, Settings, generator
from recipe_widgets.core.validation import Limit, real, validated, whole
from recipe_widgets.data.augment import colour, geometry, mix
from recipe_widgets.data.split import Split

# at strength 1: largest angle, change of a colour factor, part of the side to pad by
DEGREES, COLOUR, CROP = 15.0, 0.3, 8

_WAYS = Settings.knob("augment").choices[1:]
_NAMES = Limit(lambda names: set(names.split("+")) <= set(_WAYS), "some of " + "+".join(_WAYS))


class Augment:
    """Batches of a split, augmented on its device: `batch(rows)` instead of `split.batch(rows)`.

    Every image has random numbers of its own. They are drawn on the CPU, so that the same seed
    gives the same images on every device. What each name does at strength s:
        flip: left and right exchanged in half of the images (at any strength above 0).
        crop: shifted by up to s/8 of a side, the gap mirrored in colour images, black in grey ones.
        rotate: by up to 15·s degrees. colour: brightness, contrast, saturation by factors within 1
            ± 0.3·s.
        erase: a rectangle of 2 to 33 % of the image becomes the mean colour, in s/2 of the images
            (Zhong et al. 2020).
        backgrounds: smooth noise of up to s/2 behind bright strokes.
        mixup: the partner's share is s·U(0,1) at most 1. cutmix: its area is. With both, a coin per
            batch decides.
    """

    @validated
    def __init__(self, split: Split, names: Annotated[str, _NAMES],
                 strength: Annotated[float, real(0, 4)],
                 num_classes: Annotated[int, whole(1, 10**6)],
                 seed: Annotated[int, whole(0, 2**63 - 1)]) -> None:
        if split.x.ndim != 4 or not split.size:
            raise RecipeError("Settings.augment",
                              found=f"{names!r} for samples of shape {tuple(split.x.shape[1:])}",
                              expected="some images (C, H, W)",
                              mend='Use augment="none" for tables.')
        self.split, self.names, self.strength = split, names.split("+"), strength
        self.num_classes, self.generator = num_classes, generator(seed, "augmentation")

    def batch(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Normalised images (n,C,H,W), their own labels (n,) int64, and what the loss aims at: the
        labels again, or after mixing probabilities (n, K) float32. rows: int64 (n,)."""
        x, y = self.split.raw(rows)
        x = self._moved(x)
        x = self._recoloured(x)
        x = self.split.normalise(x)
        if "erase" in self.names:
            x = geometry.erase(x, self._holes(x))
        x, targets = self._mixed(x, y)
        return x, y, targets

    def _moved(self, x: torch.Tensor) -> torch.Tensor:
        n, side = len(x), min(x.shape[2:])
        if "flip" in self.names and self.strength > 0:
            x = geometry.flip(x, self._uniform(n, x) < 0.5)
        reach = round(self.strength * side / CROP)
        if "crop" in self.names and reach:
            top, left = (self._whole(2 * reach + 1, n, x) for _ in range(2))
            x = geometry.crop(x, top, left, reach,
                              "reflect" if x.shape[1] == 3 and reach < side else "constant")
        if "rotate" in self.names:
            x = geometry.rotate(x, (2 * self._uniform(n, x) - 1) * DEGREES * self.strength)
        return x

    def _recoloured(self, x: torch.Tensor) -> torch.Tensor:
        """In units of [0, 1] and back; images that are no bytes are taken to be in them."""
        wanted = {"colour", "backgrounds"} & set(self.names)
        if not wanted:
            return x
        bytes_ = not x.is_floating_point()
        x = x.to(torch.float32).div_(255) if bytes_ else x
        if "colour" in wanted:
            for change in (colour.brightness, colour.contrast, colour.saturation):
                x = change(
                    x,
                    (1 + (2 * self._uniform(len(x), x) - 1) * COLOUR * self.strength).clamp_min_(0))
        if "backgrounds" in wanted:
            noise = torch.rand((len(x), x.shape[1], 4, 4), generator=self.generator).to(x.device)
            smooth = F.interpolate(noise, x.shape[2:], mode="bilinear", align_corners=False)
            x = mix.backgrounds(x, smooth * min(1.0, 0.5 * self.strength))
        return x.mul(255) if bytes_ else x

    def _holes(self, x: torch.Tensor) -> torch.Tensor:
        """Bool (n,1,H,W): rectangles of 2 to 33 % of the area, with sides in a ratio of 0.3 to
        3.3.
        """
        n, (rows, columns) = len(x), x.shape[2:]
        area = (0.02 + 0.31 * self._uniform(n, x)) * rows * columns
        ratio = torch.exp((2 * self._uniform(n, x) - 1) * 1.19)  # log(3.3)
        high = (area * ratio).sqrt_().round_().clamp_(1, rows).long()
        wide = (area / ratio).sqrt_().round_().clamp_(1, columns).long()
        high *= self._uniform(n, x) < 0.5 * self.strength
        return geometry.box(self._place(rows - high, x), self._place(columns - wide, x), high, wide,
                            size=(rows, columns))

    def _mixed(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        ways = [name for name in self.names if name in ("mixup", "cutmix")]
        if not ways or not self.strength:
            return x, y
        way = ways[int(self._whole(2, 1, y.cpu()))] if len(ways) == 2 else ways[0]
        targets = F.one_hot(y, self.num_classes).to(torch.float32)
        n, (rows, columns) = len(x), x.shape[2:]
        partner = torch.randperm(n, generator=self.generator).to(x.device)
        given = (self._uniform(n, x) * self.strength).clamp_(max=1.0)  # the partner's share
        if way == "mixup":
            return mix.mixup(x, targets, partner, 1 - given)
        high, wide = ((given.sqrt() * side).round_().long() for side in (rows, columns))
        corner = self._place(rows - high, x), self._place(columns - wide, x)
        return mix.cutmix(x, targets, partner, corner, (high, wide))

    def _place(self, room: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Whole numbers from 0 to `room`, equally likely."""
        return (self._uniform(len(room), x) * (room + 1)).long()

    def _uniform(self, n: int, like: torch.Tensor) -> torch.Tensor:
        return torch.rand(n, generator=self.generator).to(like.device)

    def _whole(self, below: int, n: int, like: torch.Tensor) -> torch.Tensor:
        return torch.randint(below, (n,), generator=self.generator).to(like.device)
