"""Explorers of notebook 04: activations, initialisation by depth, and gradients over time."""

from __future__ import annotations

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import validated
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb04_signals_inside import draw_activation, draw_recurrent, draw_signals
from recipe_widgets.lessons.nb04_signals_inside.activations import NAMES
from recipe_widgets.lessons.nb04_signals_inside.recurrent_nets import KINDS
from recipe_widgets.lessons.nb04_signals_inside.signal_depth import SCHEMES, STACKABLE
from recipe_widgets.panels.explorer import StopExplorer, menu, stops


class ActivationExplorer(StopExplorer):
    """Shape, slope and outputs of an activation, for inputs of any scale and shift."""

    @validated
    def __init__(self, activation: str = "sigmoid") -> None:
        # from where every activation is a straight line to where tanh is flat
        scales = (0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0)
        shifts = (-5.0, -3.0, -1.0, 0.0, 1.0, 3.0, 5.0)
        super().__init__(
            draw_activation, {
                "name": menu("activation", NAMES, activation),
                "scale": stops("std of the inputs", scales, 1.0, on_release=True),
                "shift": stops("mean of the inputs", shifts, 0.0, on_release=True),
            })


class InitExplorer(StopExplorer):
    """Depth, scheme and activation against the spread of activations and of gradients, layer by
    layer.
    """

    @validated
    def __init__(self, *data: Data) -> None:
        sets = {one.name: one for one in data}
        if not sets:
            raise RecipeError("InitExplorer(data)", found="no data",
                              expected='at least one, such as load("mnist")')
        # twice as deep each time: signals change by a factor a layer
        depths = (1, 2, 3, 5, 8, 10, 15, 20, 30, 50)
        super().__init__(
            lambda name, **values: draw_signals(sets[name], **values), {
                "depth": stops("layers", depths, 10, on_release=True),
                "scheme": menu("weights", tuple(SCHEMES), "Xavier"),
                "activation": menu("activation", STACKABLE, "tanh"),
                "width": stops("units per layer", (16, 64, 128, 256), 128, on_release=True),
                "name": menu("inputs", tuple(sets), next(iter(sets))),
            })


class RecurrentExplorer(StopExplorer):
    """Spectral radius, length of the sequence and clipping against the gradient over time."""

    def __init__(self) -> None:
        # dense around 1, where the gradient neither vanishes nor explodes
        radii = (0.1, 0.5, 0.8, 0.9, 1.0, 1.1, 1.2, 1.5, 2.0, 4.0)
        limits = (0.0, 0.1, 1.0, 10.0, 100.0)  # norms of the gradient
        super().__init__(
            draw_recurrent, {
                "radius": stops("spectral radius", radii, 1.0, on_release=True),
                # 28: the rows of an MNIST image, read one after the other
                "steps": stops("steps in time", (5, 10, 28, 50, 100), 28, on_release=True),
                "kind": menu("activation", KINDS, "tanh"),
                "clip": stops("clip at", limits, 0.0, {0.0: "off"}, on_release=True),
            })
