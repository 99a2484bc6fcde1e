"""Notebook 00 as a learner uses it: run all cells, move every slider by keyboard, stop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import (
    FOUR_SLIDERS,
    PATIENCE,
    chromium,
    open_notebook,
    run_all,
    running_browser,
    running_lab,
    slider,
    turn_and_wait,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab, running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        open_notebook(page, lab, "00_start_here.ipynb")
        run_all(page)
        press(page, "Run")  # what the sliders are compared with
        expect(page.locator(".recipe-front .recipe-words")).to_have_text(re.compile(r"^Done with"),
                                                           timeout=PATIENCE)
        yield page


def words(page: Page) -> str:
    return page.locator(".recipe-front .recipe-words").inner_text()


def press(page: Page, button: str) -> None:
    page.locator("button.jupyter-button", has_text=button).click()


def curves(page: Page) -> str:
    """What is drawn: which curves, how many points, and all of it in words."""
    return page.locator(".rf-curves").evaluate("""e => [e.querySelector('.recipe-legend').innerHTML,
        e.querySelector('.rf-charts').dataset.points,
        e.querySelector('.rf-charts').ariaLabel].join()""")


def test_no_cell_ends_in_an_error(page: Page) -> None:
    assert page.locator(
        '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    assert page.locator(".jp-RenderedText .ansi-red-fg").count() == 0


@pytest.mark.parametrize(("label", "key", "says"), FOUR_SLIDERS)
def test_each_slider_retrains_by_keyboard(page: Page, label: str, key: str, says: str) -> None:
    before = curves(page)
    turn_and_wait(page, label, key, says)
    after = curves(page)
    assert after != before
    assert "ghost-train" in after


def test_stop_stops(page: Page) -> None:
    handle = slider(page, "batch size")
    handle.focus()
    for _ in range(3):
        handle.press("ArrowRight")  # 1024 samples a step: long enough to be stopped
    expect(page.locator(".recipe-front .recipe-words")).to_have_text(
        re.compile(r"Training with .*batch size 1024"), timeout=PATIENCE)
    press(page, "Stop")
    expect(page.locator(".recipe-front .recipe-words")).to_have_text(
        re.compile(r"^Stopped with .*batch size 1024"), timeout=PATIENCE)
    page.wait_for_timeout(500)
    frozen = curves(page)
    page.wait_for_timeout(1000)
    assert curves(page) == frozen


def test_pause_holds_and_resume_goes_on(page: Page) -> None:
    press(page, "Run")
    expect(page.locator(".recipe-front .recipe-words")).to_have_text(re.compile(r"Training with"),
                                                       timeout=PATIENCE)
    press(page, "Pause")
    expect(page.locator(".recipe-front .recipe-words")).to_have_text(re.compile(r"Paused with"), timeout=PATIENCE)
    page.wait_for_timeout(500)
    held = words(page)
    page.wait_for_timeout(700)
    assert words(page) == held
    press(page, "Resume")
    expect(page.locator(".recipe-front .recipe-words")).not_to_have_text(held, timeout=PATIENCE)
    press(page, "Stop")
    expect(page.locator(".recipe-front .recipe-words")).to_have_text(re.compile(r"Stopped with"),
                                                       timeout=PATIENCE)


def test_reset_puts_the_sliders_back(page: Page) -> None:
    press(page, "Reset")
    expect(page.locator(".recipe-front .recipe-words")).to_have_text(
        re.compile(r"Set: learning rate 0\.05, batch size 64, dropout 0, momentum 0\.9"),
        timeout=PATIENCE)
    assert "0.05" in page.locator(".widget-readout").first.inner_text()


def test_the_kernel_stays_free_and_running_the_cell_again_closes_the_panel(
        page: Page, tmp_path: Path) -> None:
    press(page, "Run")
    cell = page.locator(".jp-CodeCell", has_text="panel = LivePanel(").first
    cell.locator(".jp-InputArea-editor").first.click()
    page.keyboard.press("Control+Enter")
    # until the page draws by itself, the plain words stand beside its own
    expect(page.locator(".recipe-front .recipe-words")).to_have_text(
        re.compile(r"Press Run, or move a slider"), timeout=PATIENCE)
    assert page.locator(".recipe-front .recipe-words").count() == 1
