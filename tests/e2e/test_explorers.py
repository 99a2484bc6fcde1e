"""Explorers and pictures in a real browser: they follow the theme, their words are whole at any width,
and all is there without a mouse.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import nbformat
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.e2e.lab import (
    PATIENCE,
    choose_theme,
    chromium,
    open_notebook,
    press_run_all,
    running_browser,
    running_lab,
    slider,
)
from tests.e2e.test_instrument import needs_axe, violations

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]
CELLS = (
    "from recipe_widgets import Settings, load, train\nfrom recipe_widgets.panels import *\n"
    "from recipe_widgets.plots import plot_run\nfrom recipe_widgets.tune import space, tune\n"
    "mnist = load('mnist')",
    "plot_run(train(mnist, Settings(max_steps=20)))",
    "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('plain pyplot')\nplt.show()",
    "OptimizerBowl()",
    "AugmentationGallery(mnist)",
    "ConvExplorer(mnist)",
    "DataBrowser(mnist)",
    "Labeller(mnist, count=5)",
    "FindTheBug()",
    "DecisionWalk()",
    "board = TuningBoard(tune(mnist, space('lr'), Settings(max_steps=20), trials=4, start=False))\n"
    "board.start(); board.wait(60); board",
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab, running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        notebook = nbformat.read(lab.folder / "00_start_here.ipynb", as_version=4)
        notebook.cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
        nbformat.write(notebook, lab.folder / "explorers.ipynb")
        open_notebook(page, lab, "explorers.ipynb")
        press_run_all(page)
        expect(page.locator(".recipe-board circle").first).to_be_visible(timeout=3 * PATIENCE)
        yield page


def cell(page: Page, text: str) -> Locator:
    return page.locator(".jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first


def pixels(picture: Locator) -> np.ndarray:
    """(H, W) of bytes: what the page shows of it, in greys."""
    picture.scroll_into_view_if_needed()
    return np.asarray(Image.open(io.BytesIO(picture.screenshot())).convert("L"))


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_pictures_follow_the_theme(page: Page, theme: str) -> None:
    choose_theme(page, f"JupyterLab {theme}")
    for text, picture in (("plot_run(", ".jp-RenderedSVG img"), ("plt.plot(", ".jp-RenderedSVG img"),
                          ("OptimizerBowl(", "img.recipe-picture")):
        seen = pixels(cell(page, text).locator(picture))
        ground, ink = int(np.median(seen)), int(seen.min() if theme == "Light" else seen.max())
        wanted = ground > 250 > 60 > ink if theme == "Light" else ground < 24 < 200 < ink
        assert wanted, (text, ground, ink)


def test_the_browser_shows_its_pictures(page: Page) -> None:
    """On a button: a style of all buttons once hid them."""
    choose_theme(page, "JupyterLab Light")
    tiles = cell(page, "DataBrowser(").locator("button[class*=recipe-tiles]")
    assert pixels(tiles.nth(0)).std() > 30  # a digit, white on black


@needs_axe
@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_nobody_is_shut_out(page: Page, theme: str) -> None:
    choose_theme(page, f"JupyterLab {theme}")
    assert violations(page, ".recipe-sheet") == []


@pytest.mark.parametrize("width", [1280, 800])
def test_words_are_whole_and_nothing_sticks_out(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    cut = page.evaluate("""() => [...document.querySelectorAll('.recipe-sheet .widget-label')].filter(
        e => e.offsetParent && getComputedStyle(e).overflowX !== 'visible' && e.scrollWidth > e.clientWidth + 1)
        .map(e => e.textContent)""")
    assert cut == []
    wide = page.evaluate("""() => [...document.querySelectorAll('.recipe-sheet')].flatMap(sheet => {
        const end = sheet.getBoundingClientRect().right + 1;
        return [...sheet.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > end
            && !e.closest('.recipe-frame img, pre > *, svg *, .noUi-target')).map(e => e.outerHTML.slice(0, 90));
    })""")
    assert wide == []


def test_a_slider_moves_by_keyboard_and_the_picture_says_so(page: Page) -> None:
    handle = slider(page, "steps")
    handle.focus()
    handle.press("ArrowRight")
    expect(cell(page, "OptimizerBowl(").locator(".recipe-explorer")).to_contain_text(
        "after 70 steps", timeout=PATIENCE)
