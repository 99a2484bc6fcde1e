"""The explorer of notebook 03: how exact a numeric gradient is."""

from __future__ import annotations

from recipe_widgets.core.validation import validated
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb03_check_the_machinery.numeric_gradients import (
    ACTIVATIONS,
    DTYPES,
    STEPS,
    draw_error,
)
from recipe_widgets.panels.explorer import StopExplorer, menu, stops


class GradientExplorer(StopExplorer):
    """Step size, precision and kind of differences against the error of a right gradient."""

    @validated
    def __init__(self, data: Data) -> None:
        step_names = {step: f"{step:.0e}" for step in STEPS}
        super().__init__(
            lambda **values: draw_error(data, **values), {
                # a step in powers of ten: below 1e-8 rounding takes over, in float64
                "h": stops("step size h", STEPS, 1e-5, step_names, on_release=True),
                # float32 has 7 digits, float64 has 16
                "dtype": menu("numbers", tuple(DTYPES), "float64"),
                "differences": menu("differences", ("central", "one-sided"), "central"),
                "activation": menu("activation", tuple(ACTIVATIONS), "tanh"),
                # of the batch whose loss is differentiated; one picture takes up to a second
                "samples": stops("samples", (2, 8, 32, 128), 8, on_release=True),
            })
