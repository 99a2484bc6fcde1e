"""Notebooks 05 and 06 as a learner uses them: the set-up, and the explorers by keyboard. Long
cells are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.lab import (
    PATIENCE,
    Lab,
    chromium,
    open_notebook,
    running_browser,
    running_lab,
    slider,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


def opened(browser: Browser, lab: Lab, name: str) -> Page:
    assert Path(lab.folder, name).exists()
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    open_notebook(page, lab, name)
    page.get_by_role("menuitem", name="Edit", exact=True).click()
    page.get_by_role("menuitem", name="Clear Outputs of All Cells", exact=True).click()
    return page


def run_cell(page: Page, text: str) -> Locator:
    """Run the cell that holds `text`, and wait until it is done."""
    cell = page.locator(".jp-CodeCell", has_text=text).first
    cell.locator(".jp-InputArea-editor").first.click()
    page.keyboard.press("Control+Enter")
    expect(cell.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]"), timeout=PATIENCE)
    return cell


def test_overfit_explorers_by_keyboard(browser: Browser, lab: Lab) -> None:
    page = opened(browser, lab, "05_overfit.ipynb")
    run_cell(page, "mnist, cifar = load(")
    cell = run_cell(page, "kernels = ConvExplorer(")
    words = cell.locator(".recipe-explorer")
    expect(words).to_contain_text("28 x 28 pixels into 26 x 26")
    handle = slider(page, "padding (pixels)")
    handle.focus()
    handle.press("ArrowRight")
    expect(words).to_contain_text("28 x 28 pixels into 28 x 28", timeout=PATIENCE)
    assert cell.locator("img").get_attribute("alt")
    cell = run_cell(page, "filters = KernelFilters(")
    handle = slider(page, "applied (times)")
    handle.focus()
    handle.press("ArrowRight")
    expect(cell.locator(".recipe-explorer")).to_contain_text("2 times over", timeout=PATIENCE)
    page.close()


def test_a_prediction_is_kept_and_the_panel_trains(browser: Browser, lab: Lab) -> None:
    page = opened(browser, lab, "05_overfit.ipynb")
    run_cell(page, "mnist, cifar = load(")
    cell = run_cell(page, 'Question("one_sample")')
    cell.locator("button", has_text="To zero").click()
    expect(cell.locator("[role=status]")).to_contain_text("Noted.", timeout=PATIENCE)
    cell = run_cell(page, "few = [data.subset(500)")
    cell.locator("button.jupyter-button", has_text="Run").click()
    expect(cell.locator(".recipe-front .recipe-words")).to_have_text(re.compile("Done with"),
                                                                     timeout=PATIENCE)
    page.close()


def test_optimise_explorers_by_keyboard(browser: Browser, lab: Lab) -> None:
    page = opened(browser, lab, "06_optimise.ipynb")
    run_cell(page, "mnist, cifar = load(")
    cell = run_cell(page, "valley = OptimizerBowl()")
    words = cell.locator(".recipe-explorer")
    expect(words).to_contain_text("after 60 steps")
    handle = slider(page, "steps")
    handle.focus()
    handle.press("ArrowRight")
    expect(words).to_contain_text("after 70 steps", timeout=PATIENCE)
    cell = run_cell(page, "explorer = ScheduleExplorer(")
    cell.locator("select").select_option("linear")
    expect(cell.locator(".recipe-explorer")).to_contain_text("schedule linear", timeout=PATIENCE)
    page.close()
