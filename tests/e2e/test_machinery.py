"""Notebook 03 as a learner uses it: the clinic by keyboard and mouse, the explorer, the panel."""

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
        open_notebook(page, lab, "03_check_the_machinery.ipynb")
        run_cells(page, "from torch.nn import functional", "explorer = GradientExplorer(",
                  "clinic = BugClinic(", "panel = LivePanel(")
        yield page


def test_a_step_size_by_keyboard(page: Page) -> None:
    said = page.locator(".recipe-explorer")
    expect(said).to_contain_text("With h = 1e-05", timeout=PATIENCE)
    handle = slider(page, "step size h")
    handle.scroll_into_view_if_needed()
    handle.focus()
    handle.press("ArrowRight")
    expect(said).to_contain_text("With h = 1e-06", timeout=PATIENCE)


def test_a_patient_from_curves_to_score(page: Page) -> None:
    cell = page.locator(".jp-CodeCell", has_text="clinic = BugClinic(")
    expect(cell.locator('img[alt^="Patient 1,"]')).to_be_visible(timeout=PATIENCE)
    cell.locator("button", has_text="Next").click()
    expect(cell.locator('img[alt^="Patient 2,"]')).to_be_visible(timeout=PATIENCE)
    cell.locator("select").nth(1).select_option("nothing is wrong")
    cell.locator("button", has_text="That is it").click()
    expect(cell.locator(".recipe-clinic",
                        has_text=re.compile("No, not that|Yes"))).to_be_visible(timeout=PATIENCE)
    expect(cell.locator(".recipe-clinic", has_text="Score:")).to_be_visible()
    cell.locator("button", has_text="Run the checks").click()
    expect(cell.locator(".recipe-clinic",
                        has_text="checks passed")).to_be_visible(timeout=2 * PATIENCE)


def test_the_panel_trains(page: Page) -> None:
    page.locator("button.jupyter-button", has_text=re.compile("^ ?Run$")).click()
    expect(page.locator(".recipe-front .recipe-words")).to_have_text(re.compile("Training with|Done with"),
                                                       timeout=PATIENCE)
