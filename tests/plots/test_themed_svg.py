"""Pictures that follow the theme of the page: readable on both grounds, photographs as they are."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from recipe_widgets.plots.figures import GREY, PALETTE
from recipe_widgets.plots.picture import COLOURS, Picture
from recipe_widgets.plots.themed_svg import DARK_GROUND, contrast, in_the_dark, themed_svg


def chart() -> Figure:
    figure = Figure()
    figure.subplots().plot([0, 1], [0, 1], color="#0072B2", label="a line")
    return figure


def test_no_single_colour_is_readable_on_both_grounds() -> None:
    """Why pictures have two sets of colours: on greys, hue adds nothing to contrast."""
    greys = [f"#{level:02x}{level:02x}{level:02x}" for level in range(256)]
    best = max(min(contrast(grey, "#ffffff"), contrast(grey, DARK_GROUND)) for grey in greys)
    assert best < 4.5


@pytest.mark.parametrize("colour", sorted({*PALETTE, *COLOURS.values(), GREY}))
def test_colours_of_lines_stand_out_on_both_grounds(colour: str) -> None:
    assert contrast(colour, "#ffffff") >= 3
    assert contrast(in_the_dark(colour), DARK_GROUND) >= 4.5


def test_known_colours_in_the_dark() -> None:
    assert in_the_dark("#ffffff") == DARK_GROUND
    assert contrast(in_the_dark("#000000"), DARK_GROUND) > 12
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    red, green, blue = (int(in_the_dark("#0000ff")[at:at + 2], 16) for at in (1, 3, 5))
    assert blue > max(red, green), "a blue stays a blue"
    pale, dark = in_the_dark("#dddddd"), in_the_dark("#444444")
    assert contrast(pale, DARK_GROUND) < contrast(dark, DARK_GROUND), "pale lines stay pale"


def test_the_svg_names_both_colours_and_is_whole() -> None:
    text = themed_svg(chart())
    assert text is not None
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert "var(--c0072b2,#0072b2)" in text
    dark = text[text.index("prefers-color-scheme:dark"):]
    assert f"--c0072b2:{in_the_dark('#0072b2')}" in dark
    for used in set(re.findall(r"var\(--c([0-9a-f]{6})", text)):
        assert f"--c{used}:" in dark, used
    assert text == themed_svg(chart()), "the same picture is the same text: nothing is sent twice"


def test_places_are_rounded_and_what_is_said_is_not() -> None:
    figure = chart()
    figure.axes[0].set_title("loss 0.00371")
    text = themed_svg(figure)
    assert text is not None
    assert ">loss 0.00371<" in text
    assert not re.search(r'd="[^"]*\d\.\d{3}', text)


def test_photographs_and_text_upon_them_stay() -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.imshow(np.zeros((4, 4, 3), np.uint8))
    axes.text(1, 1, "on it", color="white")
    axes.set_xlabel("below it")
    axes.text(0.5, -0.4, "far below it", transform=axes.transAxes, color="black")
    text = Picture(figure, "a photograph").svg()
    assert text is not None
    assert "data:image/png;base64" in text
    assert re.search(r'fill: #fefefe[^>]*>on it', text)
    for words in ("below it", "far below it"):
        assert f">{words}<" in text
        assert not re.search(rf"fill[^>]*>{words}", text), "takes the ink of the theme"


def test_a_colour_map_is_an_image_and_the_figure_is_as_before() -> None:
    figure = Figure()
    axes = figure.subplots()
    points = axes.scatter([0, 1], [0, 1], c=[0.0, 1.0])
    figure.colorbar(points)
    text = themed_svg(figure)
    assert text is not None
    assert text.count("data:image/png;base64") >= 2
    assert not points.get_rasterized()


def test_what_is_too_large_or_has_a_ground_of_its_own_is_left() -> None:
    figure = Figure()
    figure.subplots().plot(np.random.default_rng(0).random(200_000), ".")
    assert themed_svg(figure) is None
    assert themed_svg(Figure(facecolor="black")) is None
