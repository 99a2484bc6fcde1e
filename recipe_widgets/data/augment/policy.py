"""What a training run does to its batches: the table of augmentations, and `Augment`, which applies
those that `Settings.augment` names.

To add an augmentation: put its name among the choices of `Settings.augment` and a row into
`AUGMENTATIONS`. All random numbers come from the generator `draw`, which is on the CPU, so that the
same seed gives the same images on every device. An exported script holds the source of the
functions that it needs: so they use torch, `F` and functions of this folder only, by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch.nn import functional as F

from recipe_widgets.core import RecipeError, Settings, generator
from recipe_widgets.core.choice_table import ChoiceTable
from recipe_widgets.core.randomness import sent
from recipe_widgets.core.validation import Limit, real, validated, whole
from recipe_widgets.data.augment.transforms import (
    backgrounds,
    box,
    brightness,
    contrast,
    crop,
    cutmix,
    erase,
    flip,
    mixup,
    rotate,
    saturation,
)
from recipe_widgets.data.split import Split

_NAMES = Limit(lambda names: set(names.split("+")) <= set(Settings.knob("augment").choices[1:]),
              "some of " + "+".join(Settings.knob("augment").choices[1:]))


def uniform(n: int, x: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """(n,) numbers from 0 to 1, on the device of x."""
    return sent(torch.rand(n, generator=draw), x.device)


def place(room: torch.Tensor, x: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Whole numbers from 0 to `room` (n,), equally likely."""
    return (uniform(len(room), x, draw) * (room + 1)).long()


def random_flip(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    return flip(x, uniform(len(x), x, draw) < 0.5) if strength > 0 else x


def random_crop(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    side = min(x.shape[2:])
    reach = round(strength * side / 8)  # pixels
    if not reach:
        return x
    top, left = (sent(torch.randint(2 * reach + 1, (len(x),), generator=draw), x.device)
                 for _ in range(2))
    # a digit stands on black; a photo goes on beyond its border
    on_black = x.shape[1] != 3 or reach >= side
    return crop(x, top, left, reach, "constant" if on_black else "reflect")


def random_rotation(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    return rotate(x, (2 * uniform(len(x), x, draw) - 1) * 15.0 * strength)  # degrees


def random_colour(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    for change in (brightness, contrast, saturation):
        x = change(x, (1 + (2 * uniform(len(x), x, draw) - 1) * 0.3 * strength).clamp_min_(0))
    return x


def random_background(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    noise = sent(torch.rand((len(x), x.shape[1], 4, 4), generator=draw), x.device)
    smooth = F.interpolate(noise, x.shape[2:], mode="bilinear", align_corners=False)
    return backgrounds(x, smooth * min(1.0, 0.5 * strength))


def random_erase(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:
    n, (rows, columns) = len(x), x.shape[2:]
    area = (0.02 + 0.31 * uniform(n, x, draw)) * rows * columns  # pixels
    ratio = torch.exp((2 * uniform(n, x, draw) - 1) * 1.19)  # of the sides; 1.19 is log(3.3)
    high = (area * ratio).sqrt_().round_().clamp_(1, rows).long()
    wide = (area / ratio).sqrt_().round_().clamp_(1, columns).long()
    high *= uniform(n, x, draw) < 0.5 * strength  # a rectangle without rows erases nothing
    top = place(rows - high, x, draw)
    left = place(columns - wide, x, draw)
    return erase(x, box(top, left, high, wide, (rows, columns)))  # 0 is the mean colour by now


def random_mixup(x: torch.Tensor, targets: torch.Tensor, strength: float,
                 draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    partner = sent(torch.randperm(len(x), generator=draw), x.device)
    given = (uniform(len(x), x, draw) * strength).clamp_(max=1.0)  # the partner's share
    return mixup(x, targets, partner, 1 - given)


def random_cutmix(x: torch.Tensor, targets: torch.Tensor, strength: float,
                  draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    rows, columns = x.shape[2:]
    partner = sent(torch.randperm(len(x), generator=draw), x.device)
    given = (uniform(len(x), x, draw) * strength).clamp_(max=1.0)  # the partner's area
    high, wide = ((given.sqrt() * side).round_().long() for side in (rows, columns))
    top = place(rows - high, x, draw)
    left = place(columns - wide, x, draw)
    return cutmix(x, targets, partner, (top, left), (high, wide))


@dataclass(frozen=True)
class AugmentationRow:
    """One augmentation.

    Attributes:
        name: its choice in `Settings.augment`.
        takes: what it works on. "pixels": images as they are stored. "unit": floats in [0, 1].
            "normalised": what the model gets. "pairs": normalised images and their targets (n, K).
        apply: (x, strength, draw) -> x; of pairs (x, targets, strength, draw) -> (x, targets).
        hint: what it does at strength s, in one sentence.
    """

    name: str
    takes: Literal["pixels", "unit", "normalised", "pairs"]
    apply: Callable[..., Any]
    hint: str


def nothing(x: torch.Tensor, strength: float, draw: torch.Generator) -> torch.Tensor:  # noqa: ARG001
    return x


# In the order in which they are applied.
AUGMENTATIONS = ChoiceTable("augment", [
    AugmentationRow("none", "pixels", nothing, "The images as they are."),
    AugmentationRow("flip", "pixels", random_flip, "Left and right exchanged in half of the "
                    "images, at any strength above 0."),
    AugmentationRow("crop", "pixels", random_crop, "Shifted by up to s/8 of a side, the gap "
                    "mirrored in colour images, black in grey ones."),
    AugmentationRow("rotate", "pixels", random_rotation, "Turned by up to 15·s degrees."),
    AugmentationRow("colour", "unit", random_colour, "Brightness, contrast and saturation by "
                    "factors within 1 ± 0.3·s."),
    AugmentationRow("backgrounds", "unit", random_background, "Smooth noise of up to s/2 behind "
                    "bright strokes."),
    AugmentationRow("erase", "normalised", random_erase, "A rectangle of 2 to 33 % of the image "
                    "becomes the mean colour, in s/2 of the images (Zhong et al. 2020)."),
    AugmentationRow("mixup", "pairs", random_mixup, "Each image is mixed with a partner, whose "
                    "share is s·U(0,1), at most 1 (Zhang et al. 2018)."),
    AugmentationRow("cutmix", "pairs", random_cutmix, "A rectangle of each image is a partner's, "
                    "whose area is s·U(0,1), at most 1 (Yun et al. 2019)."),
])


class Augment:
    """Batches of a split, augmented on its device: `batch(rows)` instead of `split.batch(rows)`.

    Every image has random numbers of its own. `AUGMENTATIONS` tells what each name does. With both
    mixup and cutmix, a coin per batch decides.
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
        self.split, self.strength = split, strength
        self.num_classes, self.generator = num_classes, generator(seed, "augmentation")
        chosen = [AUGMENTATIONS[name] for name in names.split("+")]
        self._steps = {takes: [row.apply for row in AUGMENTATIONS
                               if row in chosen and row.takes == takes]
                       for takes in ("pixels", "unit", "normalised", "pairs")}

    def batch(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Normalised images (n,C,H,W), their own labels (n,) int64, and what the loss aims at: the
        labels again, or after mixing probabilities (n, K) float32. rows: int64 (n,)."""
        x, y = self.split.raw(rows)
        x = self._applied("pixels", x)
        if self._steps["unit"]:
            # images that are no bytes are taken to be in [0, 1]
            is_bytes = not x.is_floating_point()
            x = self._applied("unit", x.to(torch.float32).div_(255) if is_bytes else x)
            x = x.mul(255) if is_bytes else x
        x = self._applied("normalised", self.split.normalise(x))
        x, targets = self._mixed(x, y)
        return x, y, targets

    def _applied(self, takes: str, x: torch.Tensor) -> torch.Tensor:
        for apply in self._steps[takes]:
            x = apply(x, self.strength, self.generator)
        return x

    def _mixed(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        ways = self._steps["pairs"]
        if not ways or not self.strength:
            return x, y
        coin = int(torch.randint(2, (1,), generator=self.generator)) if len(ways) == 2 else 0
        targets = F.one_hot(y, self.num_classes).to(torch.float32)
        mixed: tuple[torch.Tensor, torch.Tensor] = ways[coin](x, targets, self.strength,
                                                              self.generator)
        return mixed
