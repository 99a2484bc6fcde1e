"""Notebook 11 as a learner uses it: a panel to turn into a script, and one on a network of their
own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.lab import (
    FOUR_SLIDERS,
    PATIENCE,
    chromium,
    open_notebook,
    running_browser,
    running_lab,
    slider,
    turn_and_wait,
)
from tests.e2e.some_cells import run_cells

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab, running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        open_notebook(page, lab, "11_your_own_model.ipynb")
        run_cells(page, "import tempfile", "lesson.draw_pictures(",
                  "panel = LivePanel([mnist, cifar]", "LivePanel.for_model(mine")
        yield page


def cell(page: Page, text: str) -> Locator:
    return page.locator(".jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first


@pytest.mark.parametrize(("label", "key", "says"), FOUR_SLIDERS)
def test_each_of_the_four_sliders_trains(page: Page, label: str, key: str, says: str) -> None:
    turn_and_wait(cell(page, "panel = LivePanel([mnist, cifar]"), label, key, says)


def test_the_learners_own_network_trains_and_its_learning_rate_is_hot(page: Page) -> None:
    panel = cell(page, "LivePanel.for_model(mine")
    words = panel.locator(".recipe-front .recipe-words")
    panel.locator("button.jupyter-button", has_text="Run").first.click()
    expect(words).to_have_text(re.compile(r"^Training with"), timeout=PATIENCE)
    slider(panel, "learning rate").press("ArrowRight")
    expect(words).to_have_text(re.compile(r"^Training with learning rate 0\.01[1-9]"),
                               timeout=PATIENCE)
    panel.locator("button.jupyter-button", has_text="Stop").first.click()
    expect(words).to_have_text(re.compile(r"^Stopped with"), timeout=PATIENCE)
