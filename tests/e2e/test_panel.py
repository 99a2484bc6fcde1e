"""The whole live panel in a real browser: modes, folded knobs, runs kept, seeds, code, a guess,
a reader's own loop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import (
    PATIENCE,
    chromium,
    drawn,
    open_notebook,
    press_run_all,
    running_browser,
    running_lab,
    slider,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]
CELLS = [
    "from recipe_widgets import LivePanel, Settings, load\n"
    "panel = LivePanel(load('mnist'), Settings(max_steps=100_000)); panel",
    "asked = LivePanel(load('mnist'), Settings(max_steps=200), knobs=['optimizer'], predict='val_accuracy'); asked",
    """import torch
model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(16, 2))
x = torch.randn(256, 4)
own = LivePanel.for_model(model, [(x, (x[:, 0] > 0).long())], torch.nn.functional.cross_entropy); own""",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab, running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        notebook = nbformat.read(lab.folder / "00_start_here.ipynb", as_version=4)
        notebook.cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
        nbformat.write(notebook, lab.folder / "panels.ipynb")
        open_notebook(page, lab, "panels.ipynb")
        press_run_all(page)
        expect(page.locator(".recipe-front .recipe-words")).to_have_count(3, timeout=2 * PATIENCE)
        yield page


def words(page: Page, number: int, says: str, patience: int = PATIENCE) -> None:
    expect(page.locator(".recipe-front .recipe-words").nth(number)).to_have_text(re.compile(says),
                                                                   timeout=patience)


def press(page: Page, label: str, number: int = 0) -> None:
    page.locator("button.jupyter-button", has_text=re.compile(f"^\\s*{label}$")).nth(number).click()


def test_a_fork_names_its_one_cause_and_shows_both(page: Page) -> None:
    page.locator(".widget-toggle-button", has_text="fork").first.click()
    press(page, "Run")
    words(page, 0, r"Step [1-9]\d\d")
    handle = slider(page, "learning rate")
    handle.focus()
    handle.press("ArrowRight")
    words(page, 0, r"One cause: learning rate 0\.05 → 0\.0\d+")
    expect(page.locator(".recipe-legend").first).to_contain_text("old: learning rate 0.05")
    assert drawn(page, "other-train").count() > 0


def test_continue_turns_the_run_itself(page: Page) -> None:
    page.locator(".widget-toggle-button", has_text="continue").first.click()
    handle = slider(page, "momentum")
    handle.focus()
    handle.press("ArrowLeft")
    words(page, 0, r"Training with .*momentum 0\.89")
    press(page, "Stop")
    words(page, 0, r"^Stopped with .*momentum 0\.89")


def test_folded_knobs_train_too(page: Page) -> None:
    page.locator(".widget-toggle-button", has_text="restart").first.click()
    page.locator(".jupyter-widget-Collapse-header", has_text="More knobs").first.click()
    page.locator(".jupyter-widget-Collapse-header", has_text="Optimiser").first.click()
    first = page.locator(".jp-CodeCell").first
    first.locator(".widget-dropdown", has_text="optimizer").locator("select").select_option("adam")
    words(page, 0, r"Training with .*optimizer adam")
    press(page, "Stop")
    words(page, 0, r"^Stopped with")


def test_runs_are_listed_pinned_and_shown(page: Page) -> None:
    page.locator(".jupyter-widget-Collapse-header", has_text="Compare, keep").first.click()
    runs = page.locator(".widget-select select").first
    expect(runs.locator("option").first).to_contain_text("optimizer adam", timeout=PATIENCE)
    runs.select_option(index=runs.locator("option").count() - 1)
    page.locator("input[placeholder='a name']").first.fill("first try")
    page.keyboard.press("Tab")
    press(page, "Pin")
    expect(runs).to_contain_text("first try", timeout=PATIENCE)
    expect(page.locator(".recipe-legend").first).to_contain_text("first try", timeout=PATIENCE)


def test_code_is_shown(page: Page) -> None:
    press(page, "Code")
    expect(page.locator(".recipe-code").first).to_contain_text("torch.optim.Adam", timeout=PATIENCE)


def test_a_difference_is_judged_over_seeds(page: Page) -> None:
    press(page, "Is that difference real\\?")
    words(page, 0, r"(difference is real|No difference beyond).*n = 8 paired seeds", 4 * PATIENCE)
    assert drawn(page, "band-new").count() > 0


def test_run_waits_for_the_guess_and_answers_it(page: Page) -> None:
    assert page.locator("button.jupyter-button", has_text="Run").nth(1).is_disabled()
    press(page, "Lock my guess")
    press(page, "Run", 1)
    words(page, 1, r"You guessed a validation accuracy of 50\.0%, it came to")
    assert drawn(page, "line-guess").count() > 0


def test_a_readers_own_loop_trains_and_its_lr_is_hot(page: Page) -> None:
    press(page, "Run", 2)
    words(page, 2, r"Step [1-9]\d+")
    row = page.locator(".widget-hslider", has=page.locator(".widget-label",
                                                           has_text="learning rate")).nth(2)
    handle = row.locator(".noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    words(page, 2, r"Training with learning rate 0\.0013")
    press(page, "Stop", 2)
    words(page, 2, r"^Stopped")


def test_nothing_went_wrong_on_the_way(page: Page) -> None:
    assert page.locator(
        '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
