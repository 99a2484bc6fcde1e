"""Tabs that look inside a running network, and the way back in time, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import (
    PATIENCE,
    chromium,
    open_notebook,
    press_run_all,
    running_browser,
    running_lab,
    slider,
)
from tests.e2e.test_panel import press, words

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]
CELL = ("from recipe_widgets import LivePanel, Settings, load\n"
        "panel = LivePanel(load('cifar10'), Settings(max_steps=100_000, width=32)); panel")
SAYS = {
    "Activations": "Activations on 500 validation samples", "Gradients": "Norm of the gradient",
    "Updates": "Dotted: 0.001, a usual middle", "First layer": "Weights of 32 of 32 units", "Predictions":
    "The first 10 of 500 fixed validation samples", "Confusion": "Label .row. against prediction",
    "Time": "A step takes"
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab, running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1100})
        notebook = nbformat.read(lab.folder / "00_start_here.ipynb", as_version=4)
        notebook.cells = [nbformat.v4.new_code_cell(CELL)]
        nbformat.write(notebook, lab.folder / "inside.ipynb")
        open_notebook(page, lab, "inside.ipynb")
        press_run_all(page)
        expect(page.locator(".recipe-front .recipe-words")).to_have_count(1, timeout=2 * PATIENCE)
        press(page, "Run")
        page.locator(".jupyter-widget-Collapse-header", has_text="Look inside").click()
        yield page


@pytest.mark.parametrize("tab", SAYS)
def test_each_tab_shows_its_page(page: Page, tab: str) -> None:
    page.locator(".widget-toggle-button", has_text=re.compile(f"^\\s*{tab}")).click()
    shown = page.locator(".recipe-inside")
    expect(shown).to_contain_text(re.compile(SAYS[tab]), timeout=PATIENCE)
    assert shown.get_attribute("aria-label")
    assert page.locator(".recipe-inside img:not([alt])").count() == 0


def test_back_in_time_and_on_from_there(page: Page) -> None:
    press(page, "Pause")
    words(page, 0, "^Paused")
    handle = slider(page, "step")
    handle.focus()
    handle.press("Home")
    words(page, 0, r"^Looking at step 0 of [1-9]")
    handle.press("ArrowRight")
    words(page, 0, r"^Looking at step 1 of")
    press(page, "Now")
    words(page, 0, "^Training")
    press(page, "Pause")
    words(page, 0, "^Paused")
    handle.press("Home")
    for _ in range(3):
        handle.press("ArrowRight")
    words(page, 0, r"^Looking at step 3 of")
    press(page, "Rewind to here and go on")
    words(page, 0, r"^Training .*Step [1-9]\d")
    press(page, "Stop")


def test_folding_it_ends_the_looking(page: Page) -> None:
    page.locator(".jupyter-widget-Collapse-header", has_text="Look inside").click()
    press(page, "Run")
    words(page, 0, r"Step [1-9]")
    press(page, "Stop")
    words(page, 0, "^Stopped")


def test_the_ledger_compares_two_runs(page: Page) -> None:
    """An expectation is written, two runs end, the two are chosen and compared; the file
    outlives the page.
    """
    page.locator(".jupyter-widget-Collapse-header", has_text="Ledger").click()
    rows = page.locator("select[multiple] option")
    before = rows.count()
    for number, hope in enumerate(("falls", "learns faster at a higher rate")):
        page.get_by_placeholder("of the next run, and why").fill(hope)
        if number:
            handle = slider(page, "learning rate")
            handle.focus()
            handle.press("ArrowRight")
        else:
            press(page, "Run")
        words(page, 0, r"^Training .*Step [1-9]\d")
        press(page, "Stop")
        words(page, 0, "^Stopped")
        expect(rows.filter(has_text=f"expected: {hope}").first).to_be_attached(timeout=PATIENCE)
        assert rows.count() > before + number
    page.locator("select[multiple]").select_option(index=[0, 1])
    press(page, "Compare two")
    said = page.locator("[role=status]", has_text="Expected: learns faster at a higher rate.")
    expect(said).to_be_visible(timeout=PATIENCE)
    expect(said).to_contain_text("learning rate")
