"""Make the README's moving picture again, from the real thing: python tests/e2e/moving_picture.py
[FILE]

A cell of a notebook in JupyterLab is played in Chromium: Run, a slider dragged, a fork, a layer.
What the browser paints is recorded as it comes; only the pointer and the line of words at the foot
are drawn over it.
"""

from __future__ import annotations

import argparse
import base64
import io
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from playwright.sync_api import CDPSession, FloatRect, Locator, Page, expect

from tests.e2e.lab import (
    PATIENCE,
    open_notebook,
    press_run_all,
    running_browser,
    running_lab,
    slider,
)

PICTURE = Path(__file__).parents[2] / "docs" / "live-panel.gif"
CELL = """from recipe_widgets import LivePanel, Settings, load

LivePanel(load("mnist"), Settings(lr=0.05, batch_size=64, max_steps=3000))"""
# of the notebook, which is cut out of the window, and of the words below it
WIDTH, HEIGHT, FOOT = 800, 690, 30
PACE = 120  # ms: pictures that come sooner are dropped
COLOURS = 64
OVERLAY = """box => {
    const style = document.createElement('style');
    style.textContent = `
        .jp-cell-toolbar, .jp-Notebook-footer { display: none !important; }
        .rf-network { scroll-margin-bottom: 12px; }
        #words { position: fixed; left: ${box.x}px; width: ${box.width}px; top: ${box.y + box.height}px; height: 30px;
                 z-index: 99998; color: #fff; background: #243447; text-align: center;
                 font: 600 16px/30px "DejaVu Sans", sans-serif; }
        #pointer { position: fixed; left: 600px; top: 500px; z-index: 99999; pointer-events: none; }
        #pointer.down { filter: drop-shadow(0 0 5px #1976d2); }`;
    document.head.append(style);
    document.body.insertAdjacentHTML('beforeend', `<div id="words"></div><svg id="pointer" width="22" height="30"
        viewBox="0 0 11 15"><path d="M1 1v11l2.6-2.4 1.9 4.4 1.8-.8-1.9-4.3H9z" fill="#111" stroke="#fff"/></svg>`);
    const pointer = document.getElementById('pointer');
    addEventListener('mousemove', e => Object.assign(pointer.style, {left: e.clientX + 'px', top: e.clientY + 'px'}), true);
    addEventListener('mousedown', () => pointer.classList.add('down'), true);
    addEventListener('mouseup', () => pointer.classList.remove('down'), true);
}"""


@dataclass
class Film:
    """The pictures that the browser painted, each with its time in seconds."""

    session: CDPSession
    box: FloatRect
    frames: list[tuple[float, Image.Image]] = field(default_factory=list)
    over: bool = False

    def begin(self) -> None:
        self.session.on("Page.screencastFrame", self._take)
        self.session.send("Page.startScreencast", {"format": "png"})

    def end(self) -> None:
        self.over = True  # pictures that are still under way want no answer
        self.session.send("Page.stopScreencast")

    def _take(self, event: dict[str, object]) -> None:
        if self.over:
            return
        self.session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})
        at = float(event["metadata"]["timestamp"])  # type: ignore[index]
        if not self.frames or 1000 * (at - self.frames[-1][0]) >= PACE:
            window = Image.open(io.BytesIO(base64.b64decode(str(event["data"])))).convert("RGB")
            x, y = round(self.box["x"]), round(self.box["y"])
            self.frames.append((at, window.crop((x, y, x + WIDTH, y + HEIGHT + FOOT))))

    def save(self, file: Path, rest: float = 2.0) -> None:
        """One GIF with one palette; the last picture stays for `rest` seconds."""
        times, pictures = zip(*self.frames, strict=True)
        wide, high = pictures[0].size
        some = pictures[:: max(1, len(pictures) // 8)]
        sheet = Image.new("RGB", (wide, high * len(some)))
        for row, picture in enumerate(some):
            sheet.paste(picture, (0, row * high))
        palette = sheet.quantize(COLOURS)
        flat = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
        ends = [*times[1:], times[-1] + rest]
        # a GIF counts 10 ms
        lasting = [round(100 * (end - start)) * 10 for start, end in zip(times, ends, strict=True)]
        flat[0].save(file, save_all=True, append_images=flat[1:], duration=lasting, loop=0,
                     optimize=True)


class Player:
    """A hand that moves a pointer, with words below."""

    def __init__(self, page: Page) -> None:
        self.page, self.at = page, (600.0, 500.0)

    def say(self, words: str) -> None:
        self.page.evaluate("words => document.getElementById('words').textContent = words", words)

    def wait(self, seconds: float) -> None:
        self.page.wait_for_timeout(1000 * seconds)

    def move(self, x: float, y: float, seconds: float = 0.3) -> None:
        steps, (x0, y0) = max(2, round(seconds / 0.05)), self.at
        for step in range(1, steps + 1):
            part = (1 - (1 - step / steps) ** 2)
            self.page.mouse.move(x0 + part * (x - x0), y0 + part * (y - y0))
            self.wait(seconds / steps)
        self.at = (x, y)

    def to(self, target: Locator) -> None:
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        assert box is not None
        self.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def click(self, target: Locator) -> None:
        self.to(target)
        self.page.mouse.down()
        self.wait(0.15)
        self.page.mouse.up()

    def tap(self, handle: Locator, by: float) -> None:
        """Click on a slider's track beside its handle: one move, not many."""
        box = handle.bounding_box()
        assert box is not None
        self.move(box["x"] + box["width"] / 2 + by, box["y"] + box["height"] / 2)
        self.page.mouse.down()
        self.page.mouse.up()

    def drag(self, target: Locator, by: float) -> None:
        self.to(target)
        self.page.mouse.down()
        self.move(self.at[0] + by, self.at[1], 0.7)
        self.page.mouse.up()

    def draw(self, target: Locator, corners: list[tuple[float, float]]) -> None:
        """A line through some places of a canvas, in shares of its sides."""
        box = target.bounding_box()
        assert box is not None
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
        self.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.move(*place, 0.5)
        self.page.mouse.up()


def play(page: Page) -> None:
    """What the picture shows, in less than half a minute."""
    hand = Player(page)
    words = page.locator(".recipe-front .recipe-words")

    def button(kind: str, label: str) -> Locator:
        return page.locator(kind, has_text=re.compile(rf"^\s*{label}")).first

    hand.say("One cell: a real network on real data")
    hand.wait(0.8)
    hand.say("Run: 50,000 digits, trained on this machine, now")
    hand.click(button("button.jupyter-button", "Run"))
    expect(words).to_have_text(re.compile(r"Step (\d,\d|[3-9])\d\d "), timeout=PATIENCE)
    hand.say("Fork: old and new go on side by side, from the same weights")
    hand.click(button(".widget-toggle-button", "fork"))
    hand.tap(slider(page, "learning rate"), -60)
    expect(words).to_contain_text("One cause", timeout=PATIENCE)
    hand.wait(1.2)
    hand.say("Restart: from the same seed, the run before stays as a ghost")
    hand.click(button(".widget-toggle-button", "restart"))
    hand.drag(slider(page, "learning rate"), 130)
    hand.wait(1.2)
    hand.say("Below, while it trains: each layer, ten samples, the mistakes")
    hand.tap(slider(page, "learning rate"), -90)
    page.locator(".rf-network").evaluate(
        "e => e.scrollIntoView({block: 'end', behavior: 'smooth'})")
    hand.wait(1.5)
    hand.say("Draw a digit: its opinion follows pen and training")
    hand.draw(page.locator(".rf-draw"), [(0.3, 0.25), (0.72, 0.25), (0.42, 0.85)])
    expect(page.locator(".rf-draw")).to_have_attribute("data-taken", re.compile(r"\d"), timeout=PATIENCE)
    hand.wait(2.5)


def fit(page: Page) -> FloatRect:
    """Size the window so that the notebook in it has the picture's size; its place."""
    notebook, window = page.locator(".jp-WindowedPanel-outer").first, page.viewport_size
    box = notebook.bounding_box()
    assert box is not None
    assert window is not None
    page.set_viewport_size({"width": round(window["width"] + WIDTH - box["width"]),
                            "height": round(window["height"] + HEIGHT - box["height"])})
    page.wait_for_function(
        """([at, width]) => Math.abs(document.querySelector(at).clientWidth - width) < 20""",
        arg=[".jp-WindowedPanel-outer", WIDTH])
    fitted = notebook.bounding_box()
    assert fitted is not None
    return fitted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=PICTURE)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_lab(
            Path(folder)) as lab, running_browser() as browser:
        notebook = nbformat.read(lab.folder / "00_start_here.ipynb", as_version=4)
        notebook.cells = [nbformat.v4.new_code_cell(CELL)]
        nbformat.write(notebook, lab.folder / "picture.ipynb")
        page = browser.new_page(viewport={"width": 1160, "height": 840})
        open_notebook(page, lab, "picture.ipynb")
        press_run_all(page)
        page.locator(".recipe-front .recipe-words").wait_for()
        box = fit(page)
        page.evaluate(OVERLAY, box)
        page.wait_for_timeout(4000)  # the warm-up behind the page is over
        film = Film(page.context.new_cdp_session(page), box)
        film.begin()
        play(page)
        film.end()
    film.save(chosen.file)
    seconds = film.frames[-1][0] - film.frames[0][0]
    print(
        f"{chosen.file}: {len(film.frames)} pictures, {seconds:.1f} s, {chosen.file.stat().st_size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
