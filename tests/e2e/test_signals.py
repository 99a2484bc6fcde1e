"""Notebook 04 as a learner uses it: the three explorers and the panel."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import PATIENCE, chromium, open_notebook, running_browser, running_lab, slider
from tests.e2e.some_cells import run_cells

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab, running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        open_notebook(page, lab, "04_signals_inside.ipynb")
        run_cells(page, "tensors = {}", "explorer = ActivationExplorer(",
                  "deep = InitExplorer(", "recurrent = RecurrentExplorer(", "panel = LivePanel(")
        yield page


@pytest.mark.parametrize(("cell", "label", "key", "says"), [
    ("explorer = ActivationExplorer(", "std of the inputs", "ArrowRight",
     "Inputs of mean 0 and std 2. sigmoid"),
    ("deep = InitExplorer(", "layers", "ArrowRight", "15 layers of 128 tanh units, weights Xavier"),
    ("recurrent = RecurrentExplorer(", "spectral radius", "ArrowLeft", "Spectral radius 0.9, tanh"),
])
def test_a_slider_by_keyboard(page: Page, cell: str, label: str, key: str, says: str) -> None:
    said = page.locator(".jp-CodeCell", has_text=cell).locator(".recipe-explorer")
    handle = slider(page, label)
    handle.scroll_into_view_if_needed()
    handle.focus()
    handle.press(key)
    expect(said).to_contain_text(says, timeout=PATIENCE)


def test_a_menu_by_mouse(page: Page) -> None:
    cell = page.locator(".jp-CodeCell", has_text="explorer = ActivationExplorer(")
    cell.locator("select").first.select_option("relu")
    expect(cell.locator(".recipe-explorer")).to_contain_text("relu: mean slope 0.4",
                                                             timeout=PATIENCE)


def test_the_panel_trains_with_its_extra_knobs(page: Page) -> None:
    panel = page.locator(".jp-CodeCell", has_text="panel = LivePanel(")
    expect(panel.locator(".widget-label", has_text="init")).to_have_count(1)
    panel.locator("button.jupyter-button", has_text=re.compile("^ ?Run$")).click()
    expect(page.locator(".recipe-front .recipe-words")).to_have_text(re.compile("Training with|Done with"),
                                                       timeout=PATIENCE)
