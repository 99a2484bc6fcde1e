"""Notebook 02 as a learner uses it: push the score, roll the dice, train live."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

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
        open_notebook(page, lab, "02_skeleton_and_baselines.ipynb")
        run_cells(page, "from torch.nn import functional", "panel = LivePanel(", "shapes = LossShapes(",
                  "dice = LossDice(")
        yield page


def test_the_score_slider_moves_the_picture_by_keyboard(page: Page) -> None:
    said = page.get_by_role("status").filter(has_text="At score")
    expect(said).to_contain_text("At score 3:", timeout=PATIENCE)
    handle = slider(page, "score of the right class")
    handle.scroll_into_view_if_needed()
    handle.focus()
    for _ in range(6):
        handle.press("ArrowLeft")
    expect(said).to_contain_text("At score 0:", timeout=PATIENCE)


def test_the_dice_roll_on(page: Page) -> None:
    said = page.get_by_role("status").filter(has_text="first loss over")
    expect(said).to_contain_text("over 100 initialisations", timeout=PATIENCE)
    page.get_by_role("button", name="Roll 100 more").click()
    expect(said).to_contain_text("over 200 initialisations", timeout=PATIENCE)


@pytest.mark.parametrize(("label", "key", "says"), FOUR_SLIDERS)
def test_each_of_the_four_sliders_retrains(page: Page, label: str, key: str, says: str) -> None:
    turn_and_wait(page, label, key, says)
