"""The page that trains, in a real browser: runs, forks, the past, a digit of one's own, no network,
a phone, and no request to anywhere else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from docs.site.play_page import TRAIN, build_page, missing_tools
from recipe_widgets import Settings
from recipe_widgets.data.embedded import embedded
from tests.e2e.lab import PATIENCE, chromium, running_browser
from tests.e2e.test_instrument import needs_axe, violations
from tests.site.served import served

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(bool(missing_tools()), reason=missing_tools() or "-"),
]
FIRST_LOAD = 3 * 10**6  # bytes at most


@dataclass(frozen=True)
class Opened:
    """A page that is open, and what it asked for."""

    page: Page
    address: str
    asked: list[str]

    def run(self) -> None:
        self.page.get_by_role("button", name="Run", exact=True).click()


def slide(page: Page, knob: str, key: str) -> None:
    page.get_by_role("slider", name=knob, exact=True).press(key)


def words(page: Page) -> Locator:
    return page.locator(".recipe-words")


def finished(page: Page) -> None:
    expect(words(page)).to_contain_text("Finished", timeout=PATIENCE)


def started(page: Page) -> None:
    expect(page.locator(".rf-charts")).to_have_attribute(
        "data-points", re.compile("[1-9][0-9]"), timeout=PATIENCE)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    work = tmp_path_factory.mktemp("play")
    build_page(work / "site", work / "between").write(work / "site")
    with served(work / "site") as address:
        yield f"{address}play/index.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


def opened(context: BrowserContext, address: str) -> Opened:
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    expect(words(page)).to_contain_text("Press Run")
    return Opened(page, address, asked)


@pytest.fixture
def play(browser: Browser, address: str) -> Iterator[Opened]:
    """The page, which must not ask anybody else for anything, nor complain."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    said: list[str] = []
    context.on("console", lambda message: said.append(message.text))
    context.on("weberror", lambda error: said.append(str(error.error)))
    found = opened(context, address)
    yield found
    context.close()
    own = address.rsplit("/", 1)[0]
    assert [url for url in found.asked if not url.startswith((own, "data:", "blob:"))] == []
    assert said == []


def accuracy(page: Page) -> float:
    return float(page.locator(".rf-tiles b").first.inner_text().rstrip("%"))


def test_it_learns_to_read_digits(play: Opened) -> None:
    play.run()
    finished(play.page)
    assert 90 < accuracy(play.page) < 98  # 1,000 steps on 8,000 digits
    expect(play.page.locator(".rf-network-words")).to_contain_text("after step 1,000")
    assert int(play.page.locator(".rf-charts").get_attribute("data-points") or 0) > 300


def test_the_same_seed_gives_the_same_run(play: Opened) -> None:
    ends = []
    for _ in range(2):
        play.run()
        finished(play.page)
        ends.append(play.page.locator(".rf-tiles b").nth(1).inner_text())  # validation loss
    assert ends[0] == ends[1]


def test_the_digits_are_those_of_mnist(play: Opened) -> None:
    pictures = play.page.locator(".rf-picture")
    expect(pictures).to_have_count(10)
    found = pictures.evaluate_all("""all => all.map(one =>
        Array.from(one.getContext('2d').getImageData(0, 0, 28, 28).data).filter((_, i) => i % 4 === 0))""")
    wanted = embedded("mnist").train.x[TRAIN:TRAIN + 10].numpy().reshape(10, -1)
    np.testing.assert_array_equal(np.array(found), wanted)


def test_a_moved_knob_begins_anew_and_leaves_a_ghost(play: Opened) -> None:
    page = play.page
    play.run()
    finished(page)
    slide(page, "learning rate", "ArrowRight")
    expect(words(page)).to_contain_text("learning rate 0.063")
    expect(page.locator(".recipe-legend")).to_contain_text("before: learning rate 0.05")
    expect(page.locator(".recipe-knob-lr .widget-label")).to_have_attribute("data-was", "was 0.05")
    finished(page)
    expect(page.locator(".recipe-diagnosis")).to_contain_text("Learning rate 0.05 → 0.063:")


def test_continue_goes_on_with_the_new_value(play: Opened) -> None:
    page = play.page
    page.get_by_role("button", name="continue", exact=True).click()
    play.run()
    started(page)
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(words(page)).to_contain_text("Paused")
    step = int(re.search(r"Step (\d+)", words(page).inner_text())[1])
    slide(page, "dropout", "PageUp")
    finished(page)
    expect(page.locator(".rf-run")).to_have_count(1)
    assert 0 < step < 1000


def test_a_fork_shows_both_from_one_place(play: Opened) -> None:
    page = play.page
    page.get_by_role("button", name="fork", exact=True).click()
    play.run()
    started(page)
    page.get_by_role("button", name="Pause", exact=True).click()
    slide(page, "learning rate", "ArrowLeft")
    expect(words(page)).to_contain_text("One cause: learning rate 0.05 → 0.04")
    expect(page.locator(".recipe-legend")).to_contain_text("old: learning rate 0.05")
    finished(page)
    expect(page.locator(".rf-run")).to_have_count(2)


@pytest.mark.parametrize("mode", ["fork", "restart"])
def test_a_slow_drag_compares_before_with_after(play: Opened, mode: str) -> None:
    page = play.page
    page.get_by_role("button", name=mode, exact=True).click()
    play.run()
    (started if mode == "fork" else finished)(page)
    handle = page.get_by_role("slider", name="learning rate", exact=True)
    box, place = handle.bounding_box(), handle.evaluate("e => e.value / e.max")
    assert box
    x, y = box["x"] + 8 + (box["width"] - 16) * place, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for stop in (1, 2, 3):  # some ten steps lie between two of them
        page.mouse.move(x + 8 * stop, y)
        page.wait_for_timeout(600)
    page.mouse.up()
    label = {"fork": "old", "restart": "before"}[mode]
    expect(page.locator(".recipe-legend")).to_contain_text(f"{label}: learning rate 0.05")
    expect(page.locator(".recipe-knob-lr .widget-label")).to_have_attribute("data-was", "was 0.05")
    expect(page.locator(".rf-run")).to_have_count(2)


def test_a_fork_where_nothing_differs_goes_on_to_the_same_numbers(play: Opened) -> None:
    page = play.page
    page.get_by_role("button", name="fork", exact=True).click()
    play.run()
    started(page)
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_text("More knobs").click()
    slide(page, "weight decay", "ArrowRight")  # 1e-6: hardly anything
    finished(page)
    scores = page.locator(".rf-run-score").all_inner_texts()
    assert len(scores) == 2
    assert abs(float(scores[0].rstrip("%")) - float(scores[1].rstrip("%"))) < 1


def test_back_in_time_and_on_from_there(play: Opened) -> None:
    page = play.page
    play.run()
    finished(page)
    page.get_by_role("slider", name="step to look at").press("Home")
    expect(words(page)).to_contain_text("Looking at step 0 of 1,000")
    expect(page.locator(".rf-network-words")).to_contain_text("before any training")
    page.get_by_role("slider", name="step to look at").press("PageUp")
    expect(words(page)).to_contain_text(re.compile(r"Looking at step \d\d"))
    page.get_by_role("button", name="Go on from here").click()
    finished(page)
    scores = page.locator(".rf-run-score").all_inner_texts()
    assert len(scores) == 2
    assert scores[0] == scores[1]  # the same settings and random numbers: the same end


def test_a_digit_of_ones_own(play: Opened) -> None:
    page = play.page
    play.run()
    finished(page)
    paper = page.get_by_role("img", name=re.compile("A digit of your own"))
    box = paper.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + 0.15 * box["height"])
    page.mouse.down()
    page.mouse.move(middle, box["y"] + 0.85 * box["height"], steps=8)
    page.mouse.up()
    expect(paper).to_have_attribute("data-taken", "1")


def test_a_rate_that_is_too_high_is_named(play: Opened) -> None:
    play.run()
    slide(play.page, "learning rate", "End")
    finished(play.page)
    expect(play.page.locator(".recipe-diagnosis")).to_contain_text("Worse than guessing")
    expect(play.page.locator(".recipe-diagnosis")).to_contain_text("lower learning rate")


def test_a_convnet_learns_and_answers_meanwhile(play: Opened) -> None:
    page = play.page
    page.get_by_text("More knobs").click()
    page.get_by_label("model", exact=True).select_option("convnet")  # begins a run
    expect(page.locator(".rf-tiles b").first).to_contain_text("%", timeout=PATIENCE)
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(words(page)).to_contain_text("Paused")
    page.locator(".rf-network").scroll_into_view_if_needed()
    expect(page.locator(".rf-block").first).to_contain_text("Conv2d 1 → 16, 5×5")
    assert accuracy(page) > 20  # after ten steps or more; guessing gives 10


def test_the_first_load_is_small(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto(address)
    expect(words(page)).to_contain_text("Press Run")
    assert len(sizes) >= 5
    assert sum(sizes) < FIRST_LOAD
    context.close()


def test_without_a_network_after_the_first_visit(browser: Browser, address: str) -> None:
    context = browser.new_context()
    play = opened(context, address)
    play.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    end = time.monotonic() + PATIENCE / 1000
    while not play.page.evaluate("!!navigator.serviceWorker.controller"):
        assert time.monotonic() < end
        play.page.wait_for_timeout(50)
    context.set_offline(True)
    play.page.reload()
    expect(words(play.page)).to_contain_text("Press Run", timeout=PATIENCE)
    play.run()
    finished(play.page)
    context.close()


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_is_found(browser: Browser, address: str, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    play = opened(context, address)
    assert violations(play.page) == []
    play.page.get_by_text("More knobs").click()
    play.run()
    finished(play.page)
    play.page.locator(".rf-network").scroll_into_view_if_needed()
    expect(play.page.locator(".rf-network-words")).to_contain_text("after step 1,000")
    assert violations(play.page) == []
    context.close()


def test_a_phone_has_room_for_it(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    play = opened(context, address)
    play.run()
    play.page.get_by_text("More knobs").click()
    finished(play.page)
    assert play.page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_each_setting_of_the_page_is_one_of_the_package() -> None:
    from docs.site.play_page import FIRST, GROUPS, OFFERED, _knobs

    knobs = {knob["name"]: knob for knob in _knobs()}
    assert set(knobs) == {name for names in GROUPS.values() for name in names}
    for name, knob in knobs.items():
        assert getattr(FIRST, name) in knob.get("choices", knob.get("stops"))
        for value in (*knob.get("stops", ()), *OFFERED.get(name, ())):
            assert getattr(Settings(**{name: value}), name) == value


def test_without_tools_the_page_says_what_is_missing(monkeypatch: pytest.MonkeyPatch,
                                                     tmp_path: Path) -> None:
    monkeypatch.setattr("docs.site.play_page.TOOLS", tmp_path)
    assert missing_tools() == "asc and esbuild of package.json missing: npm ci"
