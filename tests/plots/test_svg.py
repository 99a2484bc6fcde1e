"""Where SVG charts put points and labels, computed by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.ticker import MaxNLocator

from recipe_widgets.plots.curves import Chart
from recipe_widgets.plots.svg import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    chart_axes,
    chart_path,
    step_ticks,
)


def chart(x_max: float, log: bool = True, low: float = 0.1, high: float = 10.0) -> Chart:
    return Chart("loss", "nats", log, x_max, low, high, ())


def steps(x_max: float) -> list[str]:
    drawn = "".join(chart_axes(chart(x_max)))
    return re.findall(rf'y="{HEIGHT - BOTTOM + 17}"[^>]*>([^<]+)<', drawn)


@pytest.mark.parametrize(("x_max", "labels"),
                         [(1000, ["0", "250", "500", "750", "1,000"]),
                          (980, ["0", "250", "500", "750"]), (60, ["0", "20", "40", "60"]),
                          (0, ["0", "1"]),
                          (1_000_000, ["0", "250,000", "500,000", "750,000", "1,000,000"]), ])
def test_the_step_axis_is_labelled_with_round_numbers_on_the_chart(x_max: float,
                                                                   labels: list[str]) -> None:
    assert steps(x_max) == labels


def test_labels_of_the_step_axis_are_those_of_matplotlib() -> None:
    locator = MaxNLocator(4, integer=True, steps=[1, 2, 2.5, 4, 5, 10])
    near_powers = [10**k * factor + more for k in range(3, 9) for factor in (1, 2, 4, 5, 8)
                   for more in (-1, 0, 1)]
    for longest in [*range(1, 1000), *near_powers, 1.5, 33.3, 999.9]:
        marks = locator.tick_values(0, longest)
        assert step_ticks(longest) == [mark for mark in marks if mark <= longest], longest


def test_corners_of_a_logarithmic_chart() -> None:
    middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    path = chart_path(chart(100), np.array([0.0, 50.0, 100.0]), np.array([0.1, 1.0, 10.0]))
    assert path == f"M{LEFT:.1f},{HEIGHT - BOTTOM:.1f}L{middle[0]:.1f},{middle[1]:.1f}L{WIDTH - RIGHT:.1f},{TOP:.1f}"


def test_corners_of_a_linear_chart() -> None:
    path = chart_path(chart(4, log=False, low=0.0, high=100.0), np.array([0.0, 4.0]),
                      np.array([100.0, 0.0]))
    assert path == f"M{LEFT:.1f},{TOP:.1f}L{WIDTH - RIGHT:.1f},{HEIGHT - BOTTOM:.1f}"
