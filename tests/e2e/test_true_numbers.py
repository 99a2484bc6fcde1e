"""What a learner does first, in a real browser: drag a slider slowly, type a number, choose another data
set, make the window narrow. What the panel then says and draws must be true and whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.lab import (
    PATIENCE,
    chromium,
    open_notebook,
    press_run_all,
    running_browser,
    running_lab,
    slider,
)
from tests.e2e.test_instrument import to_top
from tests.e2e.test_panel import press, words

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]
CELL = """from recipe_widgets import LivePanel, Settings, load
panel = LivePanel([load("mnist"), load("cifar10")], Settings(lr=0.05, max_steps=1000))
panel"""
LONG = "100000"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab, running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        notebook = nbformat.read(lab.folder / "00_start_here.ipynb", as_version=4)
        notebook.cells = [nbformat.v4.new_code_cell(CELL)]
        nbformat.write(notebook, lab.folder / "true.ipynb")
        open_notebook(page, lab, "true.ipynb")
        press_run_all(page)
        expect(page.locator(".recipe-front .recipe-words")).to_have_count(1, timeout=2 * PATIENCE)
        yield page


def number(page: Page, knob: str) -> Locator:
    """The field beside a slider."""
    return page.locator(f".recipe-knob-{knob} .rf-value")


def type_in(page: Page, knob: str, text: str) -> None:
    number(page, knob).fill(text)
    number(page, knob).press("Enter")


def mode(page: Page, name: str) -> None:
    page.locator(".widget-toggle-button", has_text=name).click()


def drag(page: Page, label: str, by: int, stops: int = 4, rest: int = 1200) -> None:
    """Slowly: a run of some hundred steps lies between two stops."""
    place = slider(page, label).bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for stop in range(1, stops + 1):
        page.mouse.move(x + by * stop / stops, y)
        page.wait_for_timeout(rest)
    page.mouse.up()


def test_one_number_for_one_quantity_when_a_run_has_ended(page: Page) -> None:
    press(page, "Run")
    words(page, 0, r"^Done with")
    accuracy, loss = (page.locator(".rf-tiles b").nth(i).inner_text() for i in (0, 1))
    words(page, 0, rf"Validation accuracy {re.escape(accuracy)} on the whole validation set\.")
    expect(page.locator(".rf-run-score").first).to_have_text(accuracy)
    said = page.locator(".recipe-diagnosis").inner_text()
    if "validation loss" in said:
        assert f"validation loss {loss})" in said
    training = page.locator(".rf-tiles > div").nth(1).inner_text().split("training loss: ")[1].strip()
    assert f"training loss {training}" in said
    charts = page.locator(".rf-charts")
    place = charts.bounding_box()
    assert place is not None
    charts.focus()
    page.keyboard.press("ArrowRight")
    spoken = charts.locator("xpath=..").locator("> [role=status]")
    expect(spoken).to_contain_text(f"validation at the end, whole set {loss}")


def test_a_typed_number_is_taken_exactly(page: Page) -> None:
    type_in(page, "batch_size", "100")
    words(page, 0, r"^Done with .*batch size 100,")
    expect(number(page, "batch_size")).to_have_value("100")
    type_in(page, "lr", "0.03")
    words(page, 0, r"^Done with learning rate 0\.03,")
    page.wait_for_timeout(500)
    expect(number(page, "lr")).to_have_value("0.03")  # the slider stands at its stop beside it
    expect(slider(page, "learning rate")).to_have_attribute("aria-valuetext", "0.03")


def test_a_number_out_of_range_says_what_became_of_it(page: Page) -> None:
    type_in(page, "batch_size", "5000")
    said = page.locator(".recipe-knob-batch_size .rf-typed")
    expect(said).to_have_text("5000 became 1,024: batch size takes 1 to 1,024.")
    expect(number(page, "batch_size")).to_have_value("1024")
    type_in(page, "batch_size", "many")
    expect(said).to_contain_text("is no number")
    expect(number(page, "batch_size")).to_have_value("1024")
    press(page, "Reset")
    expect(number(page, "batch_size")).to_have_value("64")


def test_a_slow_drag_compares_before_with_after(page: Page) -> None:
    press(page, "Run")
    words(page, 0, r"^Done with learning rate 0\.05")
    drag(page, "learning rate", 40)
    words(page, 0, r"^Done with learning rate 0\.(?!05,)\d+")
    expect(page.locator(".recipe-legend")).to_contain_text("before: learning rate 0.05")
    expect(page.locator(".rf-run")).to_have_count(2)
    expect(page.locator(".recipe-knob-lr .widget-label")).to_have_attribute("data-was", "was 0.05")
    expect(page.locator(".recipe-diagnosis")).to_contain_text(re.compile(r"^Learning rate 0\.05 → 0\.\d+: "))


def test_a_slow_drag_makes_one_fork(page: Page) -> None:
    press(page, "Reset")
    page.locator(".jupyter-widget-Collapse-header", has_text="More knobs").click()
    page.locator(".recipe-knobs .jupyter-widget-Collapse-header", has_text=re.compile(r"^\s*Run\s*$")).click()
    type_in(page, "max_steps", LONG)
    words(page, 0, r"^Training .*Step [1-9]\d\d")
    mode(page, "fork")
    expect(page.locator(".widget-toggle-button", has_text="fork")).to_have_attribute("aria-pressed", "true")
    drag(page, "learning rate", 30)
    words(page, 0, r"One cause: learning rate 0\.05 → 0\.(?!05)\d+")
    expect(page.locator(".recipe-legend")).to_contain_text("old: learning rate 0.05")
    expect(page.locator(".rf-run")).to_have_count(2)


def test_keys_in_quick_succession_are_one_fork(page: Page) -> None:
    page.wait_for_timeout(2500)  # the drag before is over
    handle = slider(page, "momentum")
    handle.focus()
    for _ in range(4):
        handle.press("ArrowLeft", delay=30)
        page.wait_for_timeout(250)
    words(page, 0, r"One cause: momentum 0\.9 → 0\.86")
    press(page, "Stop")
    mode(page, "restart")


def test_another_data_set_begins_where_it_trains(page: Page) -> None:
    press(page, "Reset")
    words(page, 0, r"Set: learning rate 0\.05")  # what is chosen before that is seen is another matter
    menu = page.locator(".widget-dropdown", has_text="data set").locator("select")
    menu.select_option(label="cifar10")
    words(page, 0, r"^(Training|Done) with learning rate 0\.01.*For cifar10 the learning rate goes from 0\.05 to 0\.01")
    words(page, 0, "^Done with", 2 * PATIENCE)
    accuracy = float(page.locator(".rf-tiles b").first.inner_text().rstrip("%"))
    assert accuracy > 30  # guessing gives 10
    menu.select_option(label="mnist")
    words(page, 0, r"with learning rate 0\.05.*from 0\.01 to 0\.05")
    words(page, 0, "^Done with")


OVERLAPS = """() => {
    const root = document.querySelector('.recipe-live').getBoundingClientRect(), found = [];
    const all = at => [...document.querySelectorAll(at)].filter(one => one.getClientRects().length);
    const box = at => document.querySelector(at).getBoundingClientRect();
    const tools = box('.rf-tools'), loss = box('.rf-chart-loss canvas');
    if (tools.left < loss.left + 120 && tools.top < loss.top + 18 && tools.bottom > loss.top + 2) found.push('title');
    for (const at of ['.recipe-words', '.recipe-diagnosis', '.rf-words', '.rf-tiles b', '.rf-network-words',
                      '.recipe-legend'])
        for (const one of all(at))
            if (one.scrollHeight > one.clientHeight + 2 || one.scrollWidth > one.clientWidth + 2)
                if (getComputedStyle(one).display !== 'inline') found.push(at + ' is cut');
    for (const one of all('.rf-block, .rf-confusion, .rf-sample, .rf-mistakes button, .rf-tiles > div'))
        if (one.getBoundingClientRect().right > root.right + 1) found.push(one.className + ' is sliced');
    return found;
}"""


@pytest.mark.parametrize("width", [800, 1000, 1280], ids=["narrow", "middle", "wide"])
def test_nothing_is_covered_or_cut_beside_the_file_browser(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    expect(page.locator("#filebrowser")).to_be_visible()
    page.wait_for_timeout(600)
    to_top(page)
    assert page.evaluate(OVERLAPS) == []


def test_nothing_went_wrong_on_the_way(page: Page) -> None:
    stderr = '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]'
    assert page.locator(stderr).count() == 0
