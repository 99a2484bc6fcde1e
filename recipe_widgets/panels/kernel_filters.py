"""Many kernels on the same image, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import validated
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb05_overfit.convolution import KERNELS, sample_image, show_filters
from recipe_widgets.panels.drawn import LAYOUT, STYLE, Drawn
from recipe_widgets.plots import Picture


class KernelFilters(Drawn):
    """What each chosen kernel makes of one image of every data set, once or several times over;
    Ctrl chooses several.

    data: a `Data` of images, or several: one row each.
    """

    @validated
    def __init__(self, data: Data | Sequence[Data]) -> None:
        many = [data] if isinstance(data, Data) else list(data)
        if not many or not all(isinstance(one, Data) and len(one.shape) == 3 for one in many):
            raise RecipeError("KernelFilters(data)", found=repr(data),
                              expected="a Data of images, or a list of them",
                              mend='For example load("mnist").')
        self.data = many
        common = {"style": STYLE, "layout": LAYOUT}
        super().__init__(
            {
                "number":
                widgets.IntSlider(min=0, max=99, description="image number", **common), "kernels":
                widgets.SelectMultiple(options=list(KERNELS), value=tuple(KERNELS),
                                       rows=len(KERNELS), description="kernels", **common), "times":
                widgets.IntSlider(value=1, min=1, max=8, description="applied (times)", **common),
            }, self._picture)

    def _picture(self, number: int, kernels: tuple[str, ...], times: int) -> Picture:
        return show_filters([sample_image(one, number) for one in self.data], kernels, times)
