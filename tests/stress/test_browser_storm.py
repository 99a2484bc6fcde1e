"""Live panels in JupyterLab: reloaded in mid-training, in two tabs, after a restart, with a dead
kernel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import nbformat
import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import (
    PATIENCE,
    Lab,
    chromium,
    open_notebook,
    run_all,
    running_browser,
    running_lab,
    save,
    slider,
)
from tests.stress.tally import FULL, Tally, times

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]
CELL = """import numpy as np
from recipe_widgets import Data, LivePanel, Settings
data = Data.from_arrays(np.random.default_rng(0).integers(0, 255, (300, 8, 8), np.uint8), np.arange(300) % 3)
panel = LivePanel(data, Settings(width=16, max_steps=10**9)); panel.start(); panel"""
TRAINERS = """import os, threading
[thread.name for thread in threading.enumerate()].count('recipe-trainer'), os.getpid()"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Page, Page]]:
    """A notebook with one panel, in two tabs, of which the second is empty yet."""
    with running_lab(tmp_path_factory.mktemp("lab")) as lab, running_browser() as browser:
        notebook = nbformat.read(lab.folder / "00_start_here.ipynb", as_version=4)
        notebook.cells = [nbformat.v4.new_code_cell(source) for source in (CELL, TRAINERS)]
        nbformat.write(notebook, lab.folder / "storm.ipynb")
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        yield lab, context.new_page(), context.new_page()


NEWS = "getComputedStyle(document.querySelector('.recipe-words'), '::after').visibility"


def step(page: Page) -> int:
    found = re.search(r"Step ([\d,]+)", page.locator(".recipe-words").first.inner_text())
    return int(found.group(1).replace(",", "")) if found else -1


def alive(page: Page) -> None:
    """The panel trains, a slider moved by keyboard trains anew, and it does not say that it is
    over.
    """
    before = step(page)
    page.wait_for_function(
        f"() => !document.querySelector('.recipe-words').innerText.includes('Step {before:,} of')")
    handle = slider(page, "momentum")
    handle.focus()
    told = page.locator(".widget-hslider", has_text="momentum").locator(".widget-readout").first
    was = told.inner_text()
    handle.press("ArrowLeft")
    expect(told).not_to_have_text(was, timeout=PATIENCE)
    now = re.compile(
        rf"momentum {re.escape(f'{float(told.inner_text()):g}')}(?!\d)")  # 0.8 is no part of 0.81
    expect(page.locator(".recipe-words")).to_contain_text(now, timeout=PATIENCE)
    expect(page.locator(".recipe-over").first).to_be_hidden()


def over(page: Page) -> None:
    expect(page.locator(".recipe-over").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".recipe-over").first).to_contain_text("This panel is over")


def without_news(page: Page) -> None:
    """JupyterLab tells a page nothing of a restart that another page asked for: the words say
    that they are old.
    """
    page.wait_for_function(f"() => {NEWS} === 'visible'")


def test_reload_in_mid_training(lab: tuple[Lab, Page, Page], tally: Callable[[str], Tally]) -> None:
    server, page, _ = lab
    row = tally("page reloaded in mid-training")
    open_notebook(page, server, "storm.ipynb")
    run_all(page)
    save(page)
    for _ in range(times(1, 4)):
        with row.recovery():
            page.reload()
            expect(page.locator(".recipe-words")).to_have_count(1, timeout=2 * PATIENCE)
            alive(page)
        row.tried += 1


@pytest.mark.skipif(not FULL, reason="in make stress")
def test_two_tabs(lab: tuple[Lab, Page, Page], tally: Callable[[str], Tally]) -> None:
    server, page, other = lab
    row = tally("two tabs on one notebook")
    open_notebook(other, server, "storm.ipynb")
    for _ in range(times(1, 5)):
        for mine, theirs in ((page, other), (other, page)):
            with row.recovery():
                alive(mine)
                moved = re.search(r"momentum [\d.]+\d", mine.locator(".recipe-words").inner_text())
                assert moved is not None
                expect(theirs.locator(".recipe-words")).to_contain_text(
                    moved.group(), timeout=PATIENCE)
            row.tried += 1


@pytest.mark.skipif(not FULL, reason="in make stress")
def test_restart_from_the_page(lab: tuple[Lab, Page, Page], tally: Callable[[str], Tally]) -> None:
    """Both tabs say that the panel is over or old; the cell run again gives a new one, and one
    trainer.
    """
    _, page, other = lab
    row = tally("kernel restarted from the page")
    for _ in range(times(1, 2)):
        with row.recovery():
            page.get_by_role("menuitem", name="Kernel", exact=True).click()
            page.get_by_role("menuitem", name=re.compile("^Restart Kernel…")).click()
            page.locator(".jp-Dialog button.jp-mod-accept").click()
            over(page)
            without_news(other)
            run_all(page)
            alive(page)
        assert page.locator(".jp-OutputArea-output").last.inner_text().startswith("(1, ")
        save(page)
        other.reload()
        alive(other)
        row.tried += 1


@pytest.mark.skipif(not FULL, reason="in make stress")
def test_a_kernel_that_dies(lab: tuple[Lab, Page, Page], tally: Callable[[str], Tally]) -> None:
    """JupyterLab tells its widgets nothing of it: the words of the run say that they are old."""
    _, page, _ = lab
    row = tally("kernel killed under a page")
    page.bring_to_front()  # a page behind another one draws no frames, and its clock stands
    alive(page)
    page.wait_for_function(f"() => {NEWS} === 'hidden'")
    pid = int(page.locator(".jp-OutputArea-output").last.inner_text().split()[1].strip(",()"))
    psutil.Process(pid).kill()
    with row.recovery():
        without_news(page)
    row.tried += 1
