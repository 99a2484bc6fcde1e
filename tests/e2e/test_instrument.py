"""The live panel's own front end in a real browser: one view, curves that one can read, the network,
the way back in time; for everyone, also without a mouse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
from tests.e2e.test_panel import press, words

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
needs_axe = pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci")
CELLS = ["from recipe_widgets import LivePanel, Settings, load\n"
         "panel = LivePanel(load('mnist'), Settings(max_steps=1_000_000)); panel",
         "import time; time.sleep(6)"]
# where the parts of the panel stand, in whole pixels
PLACES = """() => Object.fromEntries(['.recipe-bar', '.rf-tiles', '.recipe-legend', '.rf-charts',
    '.rf-time', '.recipe-words', '.rf-network', '.rf-blocks', '.rf-confusion'].map(at => {
        const root = document.querySelector('.recipe-live').getBoundingClientRect();
        const {x, y, height} = document.querySelector(at).getBoundingClientRect();
        return [at, [x - root.x, y - root.y, at === '.recipe-words' ? 0 : height].map(Math.round)];
    }))"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab, running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        notebook = nbformat.read(lab.folder / "00_start_here.ipynb", as_version=4)
        notebook.cells = [nbformat.v4.new_code_cell(CELLS[0])]
        notebook.cells += [nbformat.v4.new_code_cell(source) for source in CELLS[1:]]
        nbformat.write(notebook, lab.folder / "instrument.ipynb")
        open_notebook(page, lab, "instrument.ipynb")
        press_run_all(page)
        expect(page.locator(".recipe-front .recipe-words")).to_have_count(1, timeout=2 * PATIENCE)
        yield page


def to_top(page: Page) -> None:
    page.locator(".recipe-live").evaluate("e => e.scrollIntoView({block: 'start'})")


def violations(page: Page, within: str = ".recipe-live") -> list[Any]:
    """What axe-core finds against WCAG 2.1 AA."""
    page.add_script_tag(path=AXE)
    found = page.evaluate("at => axe.run(at, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})",
                          within)
    return [(one["id"], [node["html"][:200] for node in one["nodes"]])
            for one in found["violations"]]


def test_nothing_moves_by_a_pixel_while_it_runs_and_forks(page: Page) -> None:
    to_top(page)
    before = page.evaluate(PLACES)
    press(page, "Run")
    words(page, 0, r"Step [1-9]\d\d")
    expect(page.locator(".rf-block")).to_have_count(2, timeout=PATIENCE)
    assert page.evaluate(PLACES) == before
    page.locator(".widget-toggle-button", has_text="fork").click()
    handle = slider(page, "learning rate")
    handle.focus()
    handle.press("ArrowRight")
    words(page, 0, "One cause")
    expect(drawn(page, "other-val").first).to_be_attached(timeout=PATIENCE)
    assert page.evaluate(PLACES) == before


def test_the_whole_instrument_is_in_one_view(page: Page) -> None:
    to_top(page)
    for part in (".recipe-bar", ".rf-tiles", ".rf-charts", ".rf-confusion"):
        place = page.locator(part).bounding_box()
        assert place is not None
        assert place["y"] >= 0
        assert place["y"] + place["height"] <= 900
        assert place["x"] + place["width"] <= 1280


def test_curves_are_drawn_at_the_displays_rate(page: Page) -> None:
    frames = page.evaluate("""async () => {
        const chart = document.querySelector('.rf-charts'), before = Number(chart.dataset.frames);
        await new Promise(done => setTimeout(done, 2000));
        return (Number(chart.dataset.frames) - before) / 2;
    }""")
    assert frames >= 10  # 60 where nothing else runs; eight messages come a second


def test_a_knob_tells_what_it_was(page: Page) -> None:
    expect(page.locator(".recipe-knob-lr .widget-label")).to_have_attribute("data-was", "was 0.05")
    expect(page.locator(".recipe-knob-lr .rf-was")).to_be_visible()
    expect(page.locator(".recipe-knob-dropout .rf-was")).to_be_hidden()


def test_values_are_read_by_pointer_and_by_key(page: Page) -> None:
    charts = page.locator(".rf-charts")
    charts.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(charts.locator("xpath=..").locator("[role=status]")).to_have_text(
        re.compile(r"^step [\d,]+.*new: learning rate 0\.0\d+, validation [\d.]+"))


def test_a_drag_zooms_and_a_double_click_resets(page: Page) -> None:
    place = page.locator(".rf-charts").bounding_box()
    assert place is not None
    y = place["y"] + 80
    page.mouse.dblclick(place["x"] + 300, y)
    expect(page.locator(".rf-unzoom")).to_have_class(re.compile("rf-off"))
    page.mouse.move(place["x"] + 200, y)
    page.mouse.down()
    page.mouse.move(place["x"] + 350, y, steps=4)
    page.mouse.up()
    expect(page.locator(".rf-unzoom")).not_to_have_class(re.compile("rf-off"))
    page.mouse.dblclick(place["x"] + 300, y)
    expect(page.locator(".rf-unzoom")).to_have_class(re.compile("rf-off"))


def test_back_along_the_curve_shows_that_step_at_once(page: Page) -> None:
    handle = page.locator(".rf-time")
    handle.focus()
    handle.press("PageDown")
    handle.press("PageDown")
    words(page, 0, r"^(Going back|Looking)")
    expect(page.locator(".rf-tiles")).to_contain_text("looking at", timeout=2000)
    said = handle.get_attribute("aria-valuetext")
    assert said is not None
    step = said.split()[1]
    expect(page.locator(".rf-tiles")).to_contain_text(f"step {step}")
    words(page, 0, rf"^Looking at step {step} of")
    expect(page.locator(".rf-network-words")).to_contain_text(f"after step {step}", timeout=PATIENCE)
    page.get_by_role("button", name="Go on from here").click()
    words(page, 0, r"^Training")
    expect(page.locator(".rf-past")).to_have_class(re.compile("rf-off"))


@needs_axe
def test_a_block_opens_large_and_closes_by_key(page: Page) -> None:
    page.locator(".rf-block").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Linear 784 → 128, then ReLU")
    expect(dialog).to_contain_text("dead units")
    assert violations(page, ".rf-dialog") == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.locator(".rf-confusion").click()
    expect(dialog.locator("td")).to_have_count(100)
    dialog.press("Escape")
    expect(dialog).to_be_hidden()


def test_a_folded_network_is_not_measured(page: Page) -> None:
    fold = page.locator(".rf-fold")
    fold.click()
    expect(fold).to_have_attribute("aria-expanded", "false")
    page.wait_for_timeout(1500)
    before = page.locator(".rf-network-words").inner_text()
    page.wait_for_timeout(1500)
    assert page.locator(".rf-network-words").inner_text() == before
    fold.click()
    expect(page.locator(".rf-network-words")).not_to_have_text(before, timeout=PATIENCE)


def test_every_order_is_acknowledged_in_the_page(page: Page) -> None:
    page.evaluate("""() => {
        window.answers = [];
        let pressed = 0;
        document.addEventListener('keydown', () => pressed = performance.now(), true);
        new MutationObserver(() => {
            if (pressed && document.querySelector('.rf-asked').textContent) {
                window.answers.push(performance.now() - pressed);
                pressed = 0;
            }
        }).observe(document.querySelector('.rf-asked'), {childList: true, characterData: true, subtree: true});
    }""")
    handle = slider(page, "momentum")
    handle.focus()
    for _ in range(5):
        handle.press("ArrowLeft", delay=20)
        page.wait_for_timeout(400)
    answers = page.evaluate("window.answers")
    assert len(answers) == 5  # benchmarks/live.py says how fast


def test_a_busy_kernel_is_told_from_the_page(page: Page) -> None:
    page.locator(".jp-CodeCell").nth(1).locator(".jp-InputArea-editor").click()
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(500)
    press(page, "Pause")
    expect(page.locator(".rf-asked")).to_contain_text("the kernel is busy with another cell",
                                                      timeout=5500)
    words(page, 0, "^Paused")
    expect(page.locator(".rf-asked")).to_have_text("")


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(page: Page, scheme: str) -> None:
    dark = scheme == "dark"
    page.evaluate("dark => document.body.setAttribute('data-jp-theme-light', String(!dark))", dark)
    page.evaluate("dark => document.body.style.setProperty('--jp-layout-color0', dark ? '#111' : '')",
                  dark)
    page.wait_for_timeout(300)
    try:
        assert violations(page) == []
    finally:
        page.evaluate("() => document.body.setAttribute('data-jp-theme-light', 'true')")
        page.evaluate("() => document.body.style.removeProperty('--jp-layout-color0')")


@needs_axe
def test_a_journey_without_a_mouse(page: Page) -> None:
    """Run, fork, look inside, compare, save: by Tab, arrows, Enter and Space alone."""
    def go_to(at: str) -> None:
        """Press Tab until that element has the focus."""
        for _ in range(120):
            if page.evaluate("at => document.activeElement.matches(at)", at):
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"Tab never comes to {at}")

    page.locator(".recipe-bar button").first.focus()
    page.keyboard.press("Enter")
    words(page, 0, r"^Training")
    go_to(".recipe-bar .widget-toggle-button:last-child")
    page.keyboard.press("Space")
    expect(page.locator(".widget-toggle-button", has_text="fork")).to_have_attribute(
        "aria-pressed", "true", timeout=PATIENCE)
    go_to(".recipe-knob-lr .noUi-handle")
    assert "0." in str(page.evaluate("document.activeElement.getAttribute('aria-valuetext')"))
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "learning rate"
    page.keyboard.press("ArrowLeft")
    words(page, 0, "One cause")
    go_to(".rf-run")
    page.keyboard.press("Enter")  # a run that starts meanwhile may take the list's first place
    number = page.evaluate("document.activeElement.dataset.number")
    expect(page.locator(f".rf-run[data-number='{number}']")).to_have_attribute(
        "aria-pressed", "true", timeout=PATIENCE)
    go_to(".rf-block")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    go_to(".jupyter-widget-Collapse-header")
    while "Compare" not in page.evaluate("document.activeElement.textContent"):
        page.keyboard.press("Tab")
        go_to(".jupyter-widget-Collapse-header")
    page.keyboard.press("Enter")
    expect(page.locator("button.jupyter-button", has_text="Save the session")).to_be_visible()
    go_to("button.jupyter-button:has(.fa-save)")
    page.keyboard.press("Enter")
    expect(page.locator("[role=status]", has_text="Written: recipe_session.json")).to_be_attached(
        timeout=PATIENCE)
    assert violations(page) == []
    press(page, "Stop")


def test_at_800_pixels_it_flows_into_one_column(page: Page) -> None:
    page.set_viewport_size({"width": 800, "height": 900})
    page.wait_for_timeout(500)
    wide = page.evaluate("""() => {
        const root = document.querySelector('.recipe-live');
        return [root.scrollWidth - root.clientWidth,
                document.querySelector('.rf-main').getBoundingClientRect().width - root.clientWidth];
    }""")
    assert wide[0] <= 1
    assert abs(wide[1]) <= 2


def test_nothing_went_wrong_on_the_way(page: Page) -> None:
    stderr = '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]'
    assert page.locator(stderr).count() == 0
