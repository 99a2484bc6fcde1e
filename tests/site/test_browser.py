"""The site in a real browser, from files: links, sliders and the scrubber by keyboard, both
colour schemes, no requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from docs.site.recording import recorded
from recipe_widgets import load
from tests.e2e.lab import PATIENCE, chromium, running_browser
from tests.site.conftest import SHORT, Built

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that must not ask a network for anything, nor complain."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    page.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []


@pytest.fixture(scope="module")
def replay(built: Built) -> dict[str, Any]:
    return recorded(SHORT, load("mnist"), built.recordings)


def open_page(page: Page, built: Built, path: str) -> None:
    name, _, place = path.partition("#")
    page.goto((built.folder / name).as_uri() + (f"#{place}" if place else ""))


def run_of(replay: dict[str, Any], lr: float, momentum: float) -> dict[str, Any]:
    return replay["runs"][SHORT.choices["lr"].index(lr) * 2 +
                          SHORT.choices["momentum"].index(momentum)]


def numbers(run: dict[str, Any], step: int) -> str:
    """What the page says of a look."""
    look = next(look for look in run["looks"] if look["step"] == step)
    train = "–" if look["train_loss"] is None else f"{look['train_loss']:.3g}"
    accuracy = f"{100 * look['val_accuracy']:.1f} %"
    return f"Training loss {train}, validation loss {look['val_loss']:.3g}, validation accuracy {accuracy}"


def test_from_the_index_to_a_lesson_and_on(page: Page, built: Built) -> None:
    open_page(page, built, "index.html")
    page.get_by_role("navigation",
                     name="The recipe, stage by stage").get_by_role("link", name="Overfit").click()
    expect(page).to_have_title(re.compile("Overfit"))
    page.wait_for_load_state()
    widths = page.locator("main img").evaluate_all(
        "pictures => pictures.map(picture => picture.naturalWidth)")
    assert len(widths) > 5
    assert min(widths) > 50
    page.get_by_role("link", name=re.compile("→$")).click()
    expect(page).to_have_title(re.compile("Optimise"))


def test_a_lesson_leads_to_its_replay(page: Page, built: Built) -> None:
    open_page(page, built, "notebooks/00_start_here.html")
    page.get_by_role("link", name="A recorded one").click()
    expect(page.locator("h1")).to_have_text(SHORT.title)


def test_sliders_answer_to_the_keyboard_with_the_recorded_numbers(page: Page, built: Built,
                                                                  replay: dict[str, Any]) -> None:
    open_page(page, built, "replays/mnist.html")
    words, lr = page.locator("#words"), page.get_by_role("slider", name="learning rate")
    expect(lr).to_have_attribute("aria-valuetext", "0.05")
    expect(words).to_contain_text(numbers(run_of(replay, 0.05, 0.9), 40))
    lr.focus()
    page.keyboard.press("ArrowLeft")
    expect(words).to_contain_text("learning rate 0.01")
    expect(words).to_contain_text(numbers(run_of(replay, 0.01, 0.9), 40))
    expect(words).to_contain_text(
        "Choice before (learning rate 0.05, batch size 8, dropout 0, momentum 0.9)")
    assert page.locator("#charts .before").count() >= 2
    page.get_by_role("slider", name="momentum").focus()
    page.keyboard.press("Home")
    expect(words).to_contain_text(numbers(run_of(replay, 0.01, 0.0), 40))
    expect(page.locator("#charts svg").first).to_have_attribute(
        "aria-label", re.compile("learning rate 0.01.*momentum 0"))


def test_the_scrubber_travels_by_keyboard(page: Page, built: Built, replay: dict[str, Any]) -> None:
    open_page(page, built, "replays/mnist.html")
    run, time = run_of(replay, 0.05, 0.9), page.locator("#time")
    time.focus()
    for key, step in (("ArrowLeft", 20), ("ArrowLeft", 10), ("Home", 0), ("ArrowRight", 10), ("End",
                                                                                              40)):
        page.keyboard.press(key)
        expect(time).to_have_attribute("aria-valuetext", f"step {step}")
        expect(page.locator("#words")).to_contain_text(numbers(run, step))
        look = next(look for look in run["looks"] if look["step"] == step)
        wrong = [
            guess != sample["label"]
            for guess, sample in zip(look["guesses"], replay["samples"], strict=True)
        ]
        marked = page.locator("#samples li").evaluate_all(
            "tiles => tiles.map(tile => tile.classList.contains('wrong'))")
        assert marked == wrong
        kept = run["looks"][-1 if step == 40 else 0]  # the newest with a picture
        assert page.locator("#filters").get_attribute("src") == replay["pictures"][kept["filters"]]


def test_the_table_holds_the_same_numbers(page: Page, built: Built, replay: dict[str, Any]) -> None:
    open_page(page, built, "replays/mnist.html")
    page.get_by_text("The numbers of this run as a table").click()
    cells = page.locator("#numbers tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))")
    looks = run_of(replay, 0.05, 0.9)["looks"]
    assert [row[0] for row in cells] == ["0", "10", "20", "40"]
    assert [row[3] for row in cells] == [f"{100 * look['val_accuracy']:.1f} %" for look in looks]


def test_a_run_that_diverged_says_so(page: Page, built: Built, replay: dict[str, Any]) -> None:
    run = run_of(replay, 1e6, 0.9)
    assert run["status"] == "diverged"
    open_page(page, built, "replays/mnist.html#lr=1000000&momentum=0.9&step=40")
    expect(page.locator("#words")).to_contain_text(
        f"diverged after {run['steps']} steps: {run['message']}")
    expect(page.locator("#samples li").first).to_contain_text("no guess")


WATCH = """() => {
  window.seen = {play: [], "time-value": []};
  for (const [id, texts] of Object.entries(seen)) {
    const element = document.getElementById(id);
    new MutationObserver(() => texts.push(element.textContent)).observe(element, {childList: true});
  }
}"""


def test_play_runs_to_the_end(page: Page, built: Built, replay: dict[str, Any]) -> None:
    open_page(page, built, "replays/mnist.html#step=0")
    page.evaluate(WATCH)
    page.locator("#play").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#time")).to_have_attribute("aria-valuetext", "step 40")
    expect(page.locator("#play")).to_have_text("Play")
    assert page.evaluate("seen.play") == ["Pause", "Play"]
    assert page.evaluate("seen['time-value']") == ["0 of 40", "10 of 40", "20 of 40", "40 of 40"]
    expect(page.locator("#words")).to_contain_text(numbers(run_of(replay, 0.05, 0.9), 40))


def test_an_address_leads_back_to_a_choice(page: Page, built: Built, replay: dict[str,
                                                                                  Any]) -> None:
    open_page(page, built, "replays/mnist.html#lr=0.01&momentum=0&step=20")
    expect(page.locator("#words")).to_contain_text(numbers(run_of(replay, 0.01, 0.0), 20))
    page.get_by_role("slider", name="momentum").focus()
    page.keyboard.press("End")
    expect(page).to_have_url(re.compile(r"#lr=0\.01&batch_size=8&dropout=0&momentum=0\.9&step=20$"))


CONTRASTS = """() => {
  const channels = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = colour => {
    const [r, g, b] = channels(colour).map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("main :is(p, li, a, code, span, output, th, td, h1, h2)")]
    .filter(element => (element.innerText || "").trim() && element.offsetParent).map(element => {
      const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => x - y);
      return (b + .05) / (a + .05);
    });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [
    "index.html", "notebooks/04_signals_inside.html", "replays/mnist.html",
    "api/recipe_widgets.html"
])
def test_text_can_be_read_in_light_and_dark(page: Page, built: Built, scheme: str,
                                            path: str) -> None:
    page.emulate_media(color_scheme=scheme)
    open_page(page, built, path)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 10
    assert min(contrasts) >= 4.5


@pytest.mark.parametrize("path",
                         ["index.html", "notebooks/00_start_here.html", "replays/mnist.html"])
def test_nothing_is_cut_off_on_a_narrow_page(page: Page, built: Built, path: str) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    open_page(page, built, path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
