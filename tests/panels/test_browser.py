"""The data browser, driven from code as the page would."""

from __future__ import annotations

import numpy as np
import pytest

from recipe_widgets import Data, Settings
from recipe_widgets.models import build_model
from recipe_widgets.panels import DataBrowser
from recipe_widgets.panels.browser import _plain_format

SMALL = Settings(width=8, max_steps=10)


def test_browser_filters_sorts_and_turns_pages(blobs: Data) -> None:
    browser = DataBrowser(blobs)
    assert len(browser.rows) == 400
    assert browser.pages == 3
    assert browser.shown == list(range(144))
    assert browser.limits.readout_format == ",.0f", "rows are whole numbers"
    browser.label.value = "low"
    assert {browser.table.label(row) for row in browser.rows} == {"low"}
    browser.sort.value, browser.descending.value = "brightness", True
    values = browser.table.columns["brightness"][browser.rows]
    assert (np.diff(values) <= 0).all()
    middle = float(np.median(values))
    browser.limits.value = (middle, browser.limits.max)
    assert 0 < len(browser.rows) < len(values)
    browser.split.value = "validation"
    assert browser.table.split.size == 100
    assert len(browser.rows) == int(
        (blobs.validation.y == 2).sum()), "a new column or split begins without limits"
    browser.close()


def test_browser_pages_stop_at_the_ends(blobs: Data) -> None:
    browser = DataBrowser(blobs)
    browser.buttons["back"].click()
    assert browser.page.value == 1
    for _ in range(5):
        browser.buttons["on"].click()
    assert browser.page.value == 3
    assert browser.shown == list(range(288, 400))
    assert [tile.disabled for tile in browser.tiles].count(False) == 112
    browser.sort.value = "contrast"
    assert browser.page.value == 1, "another order begins at its first page"
    browser.close()


def test_pressing_a_picture_tells_about_it(blobs: Data) -> None:
    browser = DataBrowser(blobs, build_model(SMALL, blobs.shape, 3))
    browser.sort.value, browser.descending.value = "loss", True
    row = browser.shown[5]
    browser.tiles[5].click()
    assert f"train, row {row}" in browser.details.value
    assert f"number in the original set: {int(blobs.train.index[row])}" in browser.details.value
    assert "nats" in browser.details.value
    assert browser.press(1000) == ""
    assert browser.tiles[5].tooltip.endswith(f"row {row}")
    assert str(len(browser.shown)) in browser.plot().alt
    browser.close()


def test_an_empty_page_shows_nothing(blobs: Data) -> None:
    browser = DataBrowser(blobs)
    other = next(row for row in range(5, 300) if browser.table.label(row) != "top")
    browser.label.value = "top"
    browser.limits.value = (other - 0.4, other + 0.4)
    assert len(browser.rows) == 0
    assert all(tile.disabled for tile in browser.tiles)
    assert "0 of 400 pictures" in browser._words.value
    browser.close()


@pytest.mark.parametrize(("span", "written"), [(8333, ",.0f"), (255, ",.0f"), (12, ",.1f"), (0.7, ",.3f"), (0, ",.8f")])
def test_limits_are_written_as_people_do(span: float, written: str) -> None:
    assert _plain_format(span) == written
