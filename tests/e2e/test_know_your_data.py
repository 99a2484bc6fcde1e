"""Notebook 01 as a learner uses it: browse, press a picture, label by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import PATIENCE, chromium, open_notebook, running_browser, running_lab
from tests.e2e.some_cells import run_cells

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab, running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        open_notebook(page, lab, "01_know_your_data.ipynb")
        run_cells(page, "from recipe_widgets import LivePanel", "def small_convnet(",
                  "browser = DataBrowser(",
                  "labeller = Labeller(")
        yield page


def test_the_browser_sorts_and_tells_about_a_picture(page: Page) -> None:
    status = page.get_by_role("status").filter(has_text="pictures, sorted by")
    expect(status).to_have_text(re.compile(r"8,333 of 8,333 pictures, sorted by row; page 1 of 58"),
                                timeout=PATIENCE)
    page.get_by_label("sort by").select_option("brightness")
    expect(status).to_have_text(re.compile("sorted by brightness"), timeout=PATIENCE)
    page.get_by_label("label", exact=True).select_option("ship")
    expect(status).to_have_text(re.compile(r"8\d\d of 8,333 pictures"), timeout=PATIENCE)
    tile = page.get_by_title(re.compile("^ship, row")).nth(2)
    tile.focus()
    tile.press("Enter")
    expect(
        page.get_by_role("status").filter(has_text="number in the original set")).to_contain_text(
            "label: ship", timeout=PATIENCE)


def test_labels_by_keyboard(page: Page) -> None:
    field = page.get_by_label("your keys")
    field.scroll_into_view_if_needed()
    field.focus()
    for key in ("3", "5", "1"):
        field.press(key)
    said = page.get_by_role("status").filter(has_text="Backspace takes")
    expect(said).to_contain_text("Picture 4 of 30", timeout=PATIENCE)
    field.press("Backspace")
    expect(said).to_contain_text("Picture 3 of 30", timeout=PATIENCE)
    page.get_by_role("button", name="0 airplane").click()
    expect(said).to_contain_text("Picture 4 of 30", timeout=PATIENCE)
