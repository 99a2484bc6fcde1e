"""Augmentations to choose and to strengthen, on real images (notebook 07)."""

from __future__ import annotations

from typing import Annotated

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import filled, real, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb07_regularise_with_data.augmentation_effects import WAYS, gallery
from recipe_widgets.panels.explorer import Explorer, number, several, whole_number
from recipe_widgets.plots import Picture


class AugmentationGallery(Explorer):
    """The same images, unchanged and augmented: a menu of augmentations (several at once), a slider
    for the strength, a slider for the draw of random numbers. `.plot()` is the picture that stands
    still."""

    @validated
    def __init__(self, data: Data, ways: Annotated[tuple[str, ...], filled()] = ("crop",),
                 strength: Annotated[float, real(0, 4)] = 1.0,
                 count: Annotated[int, whole(1, 10**4)] = 6) -> None:
        unknown = [way for way in ways if way not in WAYS]
        if unknown or not ways:
            raise RecipeError("AugmentationGallery(ways=)", found=repr(ways),
                              expected="some of " + ", ".join(WAYS))
        self.data, self.count = data, count
        # strength 1 is usual, as in `Settings.augment_strength`; draw: the seed of the pictures
        self.menu = several("augmentation", WAYS, ways)
        self.strength = number("strength", 0.0, 4.0, strength, step=0.25)
        self.draw = whole_number("draw", 0, 20, 0)

        def draw(ways: tuple[str, ...], strength: float, draw: int) -> Picture:
            return gallery(data, [_joined(ways)], strength, count, seed=draw)

        super().__init__(draw, {"ways": self.menu, "strength": self.strength, "draw": self.draw},
                         describe=_words)

    @property
    def augment(self) -> str:
        """What is chosen, as `Settings.augment` takes it."""
        return _joined(self.menu.value)

    def __repr__(self) -> str:
        return f"AugmentationGallery({self.data.name}: {self.words})"


def _joined(ways: tuple[str, ...]) -> str:
    return "+".join(ways) or "none"


def _words(ways: tuple[str, ...], strength: float, draw: int) -> str:  # noqa: ARG001
    return f"{_joined(ways)}, strength {strength:g}"
