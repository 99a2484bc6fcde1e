"""What a slider needs to know about its knob."""

from __future__ import annotations

from recipe_widgets.records import Settings


def tidy(name: str, value: float) -> float:
    """A slider's float without the dust of 10 ** x: three significant digits, or three decimals on a linear slider."""
    return float(f"{value:.3g}") if Settings.knob(name).scale == "log" else round(value, 3)


def powers_of_two(name: str, value: int) -> list[int]:
    """What a log2 slider offers: the powers of two in its range, and the value it begins with."""
    knob = Settings.knob(name)
    low, high = int(knob.low or 1), int(knob.high or 1)
    return sorted({2**k for k in range(32) if low <= 2**k <= high} | {value})


def why_without_effect(settings: Settings, name: str) -> str:
    """Why turning this knob changes nothing, or "" when it does."""
    if name == "dropout" and settings.model == "linear":
        return "a linear model has no hidden units to silence"
    if name in ("width", "depth", "activation", "norm") and settings.model == "linear":
        return "a linear model has no hidden layer"
    return ""
