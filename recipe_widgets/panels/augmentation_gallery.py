"""Augmentations to choose and to strengthen, on real images."""

from __future__ import annotations

import html
from typing import Annotated

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import filled, real, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb07_regularise_with_data.augmentation_effects import WAYS, gallery
from recipe_widgets.panels.panel_base import Panel
from recipe_widgets.plots import Picture


class AugmentationGallery(Panel):
    """The same images, unchanged and augmented: a menu of augmentations (several at once), a slider
    for the strength, a slider for the draw of random numbers. `.plot()` is the picture that stands
    still."""

    @validated
    def __init__(self, data: Data, ways: Annotated[tuple[str, ...], filled()] = ("crop", ),
                 strength: Annotated[float, real(0, 4)] = 1.0,
                 count: Annotated[int, whole(1, 10**4)] = 6) -> None:
        unknown = [way for way in ways if way not in WAYS]
        if unknown or not ways:
            raise RecipeError("AugmentationGallery(ways=)", found=repr(ways),
                              expected="some of " + ", ".join(WAYS))
        self.data, self.count = data, count
        style = {"description_width": "90px"}
        self.menu = widgets.SelectMultiple(options=WAYS, value=ways, rows=len(WAYS),
                                           description="augmentation", style=style)
        self.strength = widgets.FloatSlider(strength, min=0.0, max=4.0, step=0.25,
                                            description="strength", style=style)
        self.draw = widgets.IntSlider(0, min=0, max=20, description="draw", style=style)
        self._image, self._words = widgets.Image(format="png"), widgets.HTML()
        for control in (self.menu, self.strength, self.draw):
            control.observe(lambda _: self._show(), names="value")
        self.widget = widgets.HBox([widgets.VBox([self.menu, self.strength, self.draw]),
                                    widgets.VBox([self._image, self._words])])
        self._show()

    @property
    def augment(self) -> str:
        """What is chosen, as `Settings.augment` takes it."""
        return "+".join(self.menu.value) or "none"

    def plot(self) -> Picture:
        return gallery(self.data, [self.augment], self.strength.value, self.count,
                       seed=self.draw.value)

    def _show(self) -> None:
        picture = self.plot()
        self._image.value = picture.png()
        self._words.value = f'<small role="status" class="recipe-gallery">{html.escape(self.augment)}, strength ' \
                            f"{self.strength.value:g}</small>"

    def __repr__(self) -> str:
        return f"AugmentationGallery({self.data.name}: {self.augment}, strength {self.strength.value:g})"
