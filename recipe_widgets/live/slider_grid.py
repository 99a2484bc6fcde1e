"""What a slider needs to know about its knob."""

from __future__ import annotations

import math

from recipe_widgets.core import Settings

LOG_STEP, LINEAR_STEP = 0.1, 0.01  # of a slider: in powers of ten, and in the knob's unit


def slider_range(name: str, value: float) -> tuple[float, float]:
    """Ends of a slider (of a log slider: powers of ten), widened by whole steps where `value`
    lies outside.
    """
    knob = Settings.knob(name)
    low, high, step = knob.low or 0.0, knob.high or 1.0, LINEAR_STEP
    if knob.scale == "log":
        low, high, step = math.log10(knob.low or 1e-4), math.log10(high), LOG_STEP
        value = math.log10(value) if value > 0 else low
    return low - step * max(0, math.ceil(
        (low - value) / step)), high + step * max(0, math.ceil((value - high) / step))


def on_grid(name: str, value: float) -> float:
    """Where a slider in the page can stand that is nearest to `value`."""
    knob = Settings.knob(name)
    low = knob.low or 0.0
    if knob.scale == "log":
        low = math.log10(knob.low or 1e-4)
        return float(10**(low + LOG_STEP * round(
            (math.log10(max(value, 1e-300)) - low) / LOG_STEP)))
    return low + LINEAR_STEP * round((value - low) / LINEAR_STEP)


def moved_to(name: str, value: float, now: float) -> float:
    """The setting that a slider's new value means.

    A page that is told 0.3 answers with the next place of its slider, 0.316: that echo is no move
    of the reader's, so the setting stays `now`. Places of the slider are rounded to two digits
    (0.0501 is 0.05); numbers set from code are taken as they are.
    """
    if math.isclose(value, on_grid(name, now), rel_tol=1e-6, abs_tol=1e-9):
        return now
    if not math.isclose(value, on_grid(name, value), rel_tol=1e-6, abs_tol=1e-9):
        return value
    return float(f"{value:.2g}") if Settings.knob(name).scale == "log" else round(value, 3)


def powers_of_two(name: str, value: int) -> list[int]:
    """What a log2 slider offers: the powers of two in its range, and the value it begins with."""
    knob = Settings.knob(name)
    low, high = int(knob.low or 1), int(knob.high or 1)
    return sorted({2**k for k in range(32) if low <= 2**k <= high} | {value})


def places(name: str, value: float) -> list[tuple[str, float]]:
    """Labels and values of a slider with fixed places: powers of two; or off, 1, 3, 10, ...
    where a log knob may be off.
    """
    knob = Settings.knob(name)
    if knob.scale == "log2":
        return [(f"{size:,} {knob.unit}", size) for size in powers_of_two(name, int(value))]
    low, high = round(math.log10(knob.low or 1e-6)), round(math.log10(knob.high or 1.0))
    marks = {0.0, *(float(f"{f}e{power}") for power in range(low, high + 1) for f in (1, 3)), value}
    return [(f"{mark:g}" if mark else "off", mark)
            for mark in sorted(m for m in marks if m <= max(knob.high or 1.0, value))]


_HIDDEN = {
    "linear": ("width", "depth", "activation", "norm", "dropout"), "lenet": ("width", "depth")
}
_WITHOUT_MOMENTUM = ("adagrad", "adadelta")


def why_without_effect(settings: Settings, name: str, shape: tuple[int, ...] = (1, 28, 28)) -> str:
    """Why turning this knob changes nothing on samples of that shape, or "" when it does."""
    if settings.model == "linear" and name in _HIDDEN["linear"]:
        return "a linear model has no hidden units to silence" if name == "dropout" else "a linear model has no hidden layer"
    if settings.model == "lenet" and name in _HIDDEN["lenet"]:
        return "LeNet-5 has its own widths and layers"
    if name == "momentum" and settings.optimizer in _WITHOUT_MOMENTUM:
        return f"{settings.optimizer} has no momentum"
    if name in ("augment", "augment_strength") and len(shape) != 3:
        return "only images can be augmented"
    if name == "augment_strength" and settings.augment == "none":
        return "no image is augmented"
    return ""
