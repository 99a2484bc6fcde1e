"""Explorers of notebooks 03 and 04: each a few controls in front of a tested function."""

from __future__ import annotations

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import validated
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb03_check_the_machinery import draw_error
from recipe_widgets.lessons.nb03_check_the_machinery.numeric_gradients import (
    ACTIVATIONS,
    DTYPES,
    STEPS,
)
from recipe_widgets.lessons.nb04_signals_inside import draw_activation, draw_recurrent, draw_signals
from recipe_widgets.lessons.nb04_signals_inside.activations import NAMES
from recipe_widgets.lessons.nb04_signals_inside.recurrent_nets import KINDS
from recipe_widgets.lessons.nb04_signals_inside.signal_depth import SCHEMES, STACKABLE
from recipe_widgets.panels.explorer import Choice, Explorer


class GradientExplorer(Explorer):
    """Step size, precision and kind of differences against the error of a right gradient."""

    title = "GradientExplorer"

    @validated
    def __init__(self, data: Data) -> None:
        super().__init__(lambda **values: draw_error(data, **values), [
            Choice("h", "step size h", STEPS, 1e-5, words={h: f"{h:.0e}" for h in STEPS}),
            Choice("dtype", "numbers", tuple(DTYPES), "float64", slide=False),
            Choice("differences", "differences", ("central", "one-sided"), "central", slide=False),
            Choice("activation", "activation", tuple(ACTIVATIONS), "tanh", slide=False),
            Choice("samples", "samples", (2, 8, 32, 128), 8)])


class ActivationExplorer(Explorer):
    """Shape, slope and outputs of an activation, for inputs of any scale and shift."""

    title = "ActivationExplorer"

    @validated
    def __init__(self, activation: str = "sigmoid") -> None:
        super().__init__(draw_activation, [
            Choice("name", "activation", NAMES, activation, slide=False),
            Choice("scale", "std of the inputs", (0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0), 1.0),
            Choice("shift", "mean of the inputs", (-5.0, -3.0, -1.0, 0.0, 1.0, 3.0, 5.0), 0.0)])


class InitExplorer(Explorer):
    """Depth, scheme and activation against the spread of activations and of gradients, layer by
    layer.
    """

    title = "InitExplorer"

    @validated
    def __init__(self, *data: Data) -> None:
        sets = {one.name: one for one in data}
        if not sets:
            raise RecipeError("InitExplorer(data)", found="no data",
                              expected='at least one, such as load("mnist")')
        super().__init__(lambda name, **values: draw_signals(sets[name], **values), [
            Choice("depth", "layers", (1, 2, 3, 5, 8, 10, 15, 20, 30, 50), 10),
            Choice("scheme", "weights", tuple(SCHEMES), "Xavier", slide=False),
            Choice("activation", "activation", STACKABLE, "tanh", slide=False),
            Choice("width", "units per layer", (16, 64, 128, 256), 128),
            Choice("name", "inputs", tuple(sets), next(iter(sets)), slide=False)])


class RecurrentExplorer(Explorer):
    """Spectral radius, length of the sequence and clipping against the gradient over time."""

    title = "RecurrentExplorer"

    def __init__(self) -> None:
        super().__init__(draw_recurrent, [
            Choice("radius", "spectral radius",
                   (0.1, 0.5, 0.8, 0.9, 1.0, 1.1, 1.2, 1.5, 2.0, 4.0), 1.0),
            Choice("steps", "steps in time", (5, 10, 28, 50, 100), 28),
            Choice("kind", "activation", KINDS, "tanh", slide=False),
            Choice("clip", "clip at", (0.0, 0.1, 1.0, 10.0, 100.0), 0.0, words={0.0: "off"})
        ])
