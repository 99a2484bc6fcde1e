"""What a convolution does to an image, with the reader's hands on it."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import validated
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb05_overfit.convolution import (
    KERNELS,
    own_kernel,
    sample_image,
    show_convolution,
)
from recipe_widgets.panels.drawn import LAYOUT, STYLE, Drawn
from recipe_widgets.plots import Picture

OWN = "your own"


class ConvExplorer(Drawn):
    """Kernel, padding, stride, pooling and image as controls; `own` takes k·k numbers, such as "0 1
    0  1 -4 1  0 1 0".

    data: a `Data` of images, or several to choose from.
    """

    @validated
    def __init__(self, data: Data | Sequence[Data]) -> None:
        many = [data] if isinstance(data, Data) else list(data)
        if not many or not all(isinstance(one, Data) and len(one.shape) == 3 for one in many):
            raise RecipeError("ConvExplorer(data)", found=repr(data),
                              expected="a Data of images, or a list of them",
                              mend='For example load("mnist").')
        self.data = many
        common = {"style": STYLE, "layout": LAYOUT}
        super().__init__(
            {
                "source":
                widgets.Dropdown(options=[(one.name, n) for n, one in enumerate(many)],
                                 description="data set", **common), "number":
                widgets.IntSlider(min=0, max=99, description="image number", **common), "kernel":
                widgets.Dropdown(options=[*KERNELS, OWN], value="edge", description="kernel", **
                                 common), "own":
                widgets.Text(value="0 1 0  1 -4 1  0 1 0", description="your kernel",
                             continuous_update=False, **common), "padding":
                widgets.IntSlider(min=0, max=4, description="padding (pixels)", **common), "stride":
                widgets.IntSlider(min=1, max=4, description="stride (pixels)", **common), "pooling":
                widgets.Dropdown(options=["none", "max", "mean"], description="pooling 2 x 2", **
                                 common),
            }, self._picture)

    def _picture(self, source: int, number: int, kernel: str, own: str, padding: int, stride: int,
                 pooling: str) -> Picture:
        numbers = own_kernel(_numbers(own)) if kernel == OWN else KERNELS[kernel]
        return show_convolution(sample_image(self.data[source], number), numbers, padding, stride,
                                pooling, kernel)  # type: ignore[arg-type]


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.replace(",", " ").replace(";", " ").split()]
    except ValueError:
        raise RecipeError("Your kernel", found=repr(text), expected="numbers with spaces between",
                          mend='For example "0 1 0  1 -4 1  0 1 0".') from None
