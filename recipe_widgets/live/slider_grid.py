"""Where a slider can stand: ends, stops, and which setting a move in the page means.

The range itself is a knob's `low`, `high` and `scale` in `core/settings.py`, and nowhere else.
"""

from __future__ import annotations

import math
import re

from recipe_widgets.core import Settings

LOG_STEP = 0.1  # of a log slider, in powers of ten: ten stops a decade
LINEAR_STEP = 0.01  # of a linear slider, in the knob's unit
LOWEST_LOG = 1e-4  # where a log slider begins whose knob may be 0
LOWEST_STOP = 1e-6  # the first stop above "off"
THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d*)?")  # else a comma is a decimal point


def slider_range(name: str, value: float) -> tuple[float, float]:
    """Ends of a slider (of a log slider: powers of ten), widened by whole steps where `value`
    lies outside.
    """
    knob = Settings.knob(name)
    low, high, step = knob.low or 0.0, knob.high or 1.0, LINEAR_STEP
    if knob.scale == "log":
        low, high, step = math.log10(knob.low or LOWEST_LOG), math.log10(high), LOG_STEP
        value = math.log10(value) if value > 0 else low
    steps_below = max(0, math.ceil((low - value) / step))
    steps_above = max(0, math.ceil((value - high) / step))
    return low - step * steps_below, high + step * steps_above


def slider_place(name: str, value: float, stands: float) -> float:
    """Where on its slider a value lies, from 0 at the left end to 1. stands: the value that the
    slider was made with, which may have widened it.
    """
    knob = Settings.knob(name)
    if knob.scale == "log2" or (knob.scale == "log" and knob.least == 0
                                and name not in ("lr", "max_steps")):
        stops = [stop for _, stop in slider_stops(name, stands)]
        return stops.index(value) / max(1, len(stops) - 1) if value in stops else 0.0
    low, high = slider_range(name, stands)
    at = value
    if knob.scale == "log":
        at = math.log10(value) if value > 0 else low
    return min(1.0, max(0.0, (at - low) / (high - low)))


def on_grid(name: str, value: float) -> float:
    """Where a slider in the page can stand that is nearest to `value`."""
    knob = Settings.knob(name)
    low = knob.low or 0.0
    if knob.scale == "log":
        low = math.log10(knob.low or LOWEST_LOG)
        steps = round((math.log10(max(value, 1e-300)) - low) / LOG_STEP)  # log10(0) has no value
        return float(10**(low + LOG_STEP * steps))
    return low + LINEAR_STEP * round((value - low) / LINEAR_STEP)


def moved_to(name: str, value: float, now: float) -> float:
    """The setting that a slider's new value means.

    A page that is told 0.3 answers with the next stop of its slider, 0.316: that echo is no move of
    the reader's, so the setting stays `now`. Stops of the slider are rounded to two digits (0.0501
    is 0.05); numbers set from code are taken as they are.
    """
    if _same(value, on_grid(name, now)):
        return now
    if not _same(value, on_grid(name, value)):
        return value
    return float(f"{value:.2g}") if Settings.knob(name).scale == "log" else round(value, 3)


def typed_value(name: str, text: str, now: float) -> tuple[float, str]:
    """The setting that a typed text means, within the range of the slider, and what is to be said
    where it is another one than was typed. now: where the slider stands.
    """
    knob, typed = Settings.knob(name), text.strip()[:20]
    off = 0.0 if knob.least == 0 and name not in ("lr", "max_steps") else None
    written = typed.removesuffix(knob.unit).strip().lower()
    written = written.replace(",", "" if THOUSANDS.fullmatch(written) else ".")
    try:
        value = off if written == "off" and off is not None else float(written)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        return now, f"“{typed}” is no number: {knob.label} stays {now:g}."
    stands = now if now != off else float(knob.low or 0.0)  # off is no number of the range
    low, high = min(float(knob.low or 0.0), stands), max(float(knob.high or 1.0), stands)
    meant = value if value == off else min(high, max(low, value))
    if knob.value_type is int:
        meant = math.floor(meant + 0.5)
    if meant == value:
        return meant, ""
    takes = "whole numbers" if low <= value <= high else f"{low:,g} to {high:,g}"
    return meant, f"{typed} became {meant:,g}: {knob.label} takes {takes}."


def _same(first: float, second: float) -> bool:
    """Equal but for what a number loses on its way through the page (JSON, float64)."""
    return math.isclose(first, second, rel_tol=1e-6, abs_tol=1e-9)


def powers_of_two(name: str, value: int) -> list[int]:
    """What a log2 slider offers: the powers of two in its range, and the value it begins with."""
    knob = Settings.knob(name)
    low, high = int(knob.low or 1), int(knob.high or 1)
    return sorted({2**power for power in range(32) if low <= 2**power <= high} | {value})


def slider_stops(name: str, value: float) -> list[tuple[str, float]]:
    """Labels and values of a slider with fixed stops: powers of two; or off, 1, 3, 10, ... where
    a log knob may be off.
    """
    knob = Settings.knob(name)
    if knob.scale == "log2":
        return [(f"{size:,} {knob.unit}", size) for size in powers_of_two(name, int(value))]
    assert knob.scale == "log", f"{name} has a linear slider, without stops"
    low, high = round(math.log10(knob.low or LOWEST_STOP)), round(math.log10(knob.high or 1.0))
    decades = range(low, high + 1)
    stops = {0.0, *(float(f"{digit}e{power}") for power in decades for digit in (1, 3)), value}
    highest = max(knob.high or 1.0, value)
    return [(f"{stop:g}" if stop else "off", stop) for stop in sorted(stops) if stop <= highest]
