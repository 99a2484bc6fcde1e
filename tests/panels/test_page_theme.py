"""Figures and pictures on a live page: as SVG beside the PNG, with the style sheet that names the theme."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure

from recipe_widgets.panels import page_theme
from recipe_widgets.plots import Picture


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Any:
    published: list[dict[str, str]] = []
    shell = SimpleNamespace(kernel=object(), display_formatter=DisplayFormatter(), published=published,
                            display_pub=SimpleNamespace(publish=published.append))
    monkeypatch.setattr(page_theme, "get_ipython", lambda: shell)
    page_theme.pictures_follow_the_page()
    page_theme.pictures_follow_the_page()
    return shell


def figure(**options: Any) -> Figure:
    made = Figure(**options)
    made.subplots().plot([1, 2])
    return made


def test_a_picture_has_svg_and_png_and_words(kernel: Any) -> None:
    data, metadata = kernel.display_formatter.format(Picture(figure(), "a line"))
    assert data["text/plain"] == "[picture] a line"
    assert "prefers-color-scheme:dark" in data["image/svg+xml"]
    assert data["image/png"]
    assert metadata["image/svg+xml"]["alt"] == metadata["image/png"]["alt"] == "a line"
    assert [list(one) for one in kernel.published] == [["text/html"]]
    assert "color-scheme" in kernel.published[0]["text/html"]


def test_a_plain_figure_follows_too_whatever_the_inline_backend_takes_away(kernel: Any) -> None:
    for formatter in kernel.display_formatter.formatters.values():
        formatter.pop(Figure, None)  # as matplotlib_inline.select_figure_formats does
    data, _ = kernel.display_formatter.format(figure())
    assert "prefers-color-scheme:dark" in data["image/svg+xml"]


def test_a_figure_with_a_ground_of_its_own_stays_as_it_is(kernel: Any) -> None:
    data, _ = kernel.display_formatter.format(figure(facecolor="black"))
    assert "image/svg+xml" not in data
    assert kernel.published == []


def test_a_plain_script_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_theme, "get_ipython", lambda: None)
    page_theme.pictures_follow_the_page()
