"""Explorers of notebook 05: what convolutions do to an image."""

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
    show_filters,
)
from recipe_widgets.panels.explorer import LAYOUT, STYLE, Explorer, menu, several, whole_number
from recipe_widgets.plots import Picture

OWN = "your own"
EXAMPLE = "0 1 0  1 -4 1  0 1 0"  # a Laplace kernel, 3 x 3


class ConvExplorer(Explorer):
    """Kernel, padding, stride, pooling and image as controls; `own` takes k·k numbers, such as "0 1
    0  1 -4 1  0 1 0".

    data: a `Data` of images, or several to choose from.
    """

    @validated
    def __init__(self, data: Data | Sequence[Data]) -> None:
        self.data = sets = _image_sets("ConvExplorer(data)", data)
        own = widgets.Text(value=EXAMPLE, description="your kernel", continuous_update=False,
                           style=STYLE, layout=LAYOUT)

        def draw(source: int, number: int, kernel: str, own: str, padding: int, stride: int,
                 pooling: str) -> Picture:
            numbers = own_kernel(_numbers(own)) if kernel == OWN else KERNELS[kernel]
            return show_convolution(sample_image(sets[source], number), numbers, padding, stride,
                                    pooling, kernel)  # type: ignore[arg-type]

        # the number is the value: two data sets may have the same name
        names = {number: one.name for number, one in enumerate(sets)}
        super().__init__(
            draw, {
                "source": menu("data set", range(len(sets)), 0, names),
                "number": whole_number("image number", 0, 99, 0),
                "kernel": menu("kernel", [*KERNELS, OWN], "edge"),
                "own": own,
                # more would only add rings of zeros
                "padding": whole_number("padding (pixels)", 0, 4, 0),
                "stride": whole_number("stride (pixels)", 1, 4, 1),
                "pooling": menu("pooling 2 x 2", ("none", "max", "mean"), "none"),
            })


class KernelFilters(Explorer):
    """What each chosen kernel makes of one image of every data set, once or several times over;
    Ctrl chooses several.

    data: a `Data` of images, or several: one row each.
    """

    @validated
    def __init__(self, data: Data | Sequence[Data]) -> None:
        self.data = sets = _image_sets("KernelFilters(data)", data)

        def draw(number: int, kernels: tuple[str, ...], times: int) -> Picture:
            return show_filters([sample_image(one, number) for one in sets], kernels, times)

        super().__init__(
            draw, {
                "number": whole_number("image number", 0, 99, 0),
                "kernels": several("kernels", tuple(KERNELS), tuple(KERNELS)),
                "times": whole_number("applied (times)", 1, 8, 1),
            })


def _image_sets(what: str, data: Data | Sequence[Data]) -> list[Data]:
    """The data sets of images (C, H, W) that were handed in, at least one."""
    # rows of flat features have no neighbours to convolve with
    sets = [data] if isinstance(data, Data) else list(data)
    if not sets or not all(isinstance(one, Data) and len(one.shape) == 3 for one in sets):
        raise RecipeError(what, found=repr(data), expected="a Data of images, or a list of them",
                          mend='For example load("mnist").')
    return sets


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.replace(",", " ").replace(";", " ").split()]
    except ValueError:
        raise RecipeError("Your kernel", found=repr(text), expected="numbers with spaces between",
                          mend=f'For example "{EXAMPLE}".') from None
