"""The front end as the kernel sees it: one ES module, what a page says, what it is sent."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from recipe_widgets import Data, LivePanel, Settings, load
from recipe_widgets.panels.front_widget import FILES, FOLDER, module_text
from tests.live.test_session import until

pytestmark = pytest.mark.usefixtures("no_leaked_threads")
SHORT = Settings(width=16, max_steps=60, batch_size=32)
LONG = SHORT.replace(max_steps=10**8)


class Page:
    """Stands for a page: says things to the panel, and keeps what it is sent."""

    def __init__(self, panel: LivePanel) -> None:
        self.front, self.heard = panel._view.front, []
        self.front.send = lambda message, buffers=(): self.heard.append((message, buffers))

    def say(self, **message: Any) -> None:
        self.front._handle_custom_msg(message, [])

    @property
    def facts(self) -> dict[str, Any]:
        """All that it was told, the newest of each kind."""
        known: dict[str, Any] = {}
        for message, _ in tuple(self.heard):
            known.update(message.get("facts", {}))
        return known

    def kinds(self) -> list[str]:
        return [message["kind"] for message, _ in tuple(self.heard)]


@pytest.fixture
def panel(blobs: Data) -> Iterator[LivePanel]:
    made = LivePanel(blobs, SHORT)
    yield made
    made.close()


def test_all_files_are_one_module() -> None:
    text = module_text()
    assert {*FILES, "sheet.js"} == {path.name for path in FOLDER.glob("*.js")}
    assert not re.search(r"^import\b", text, re.MULTILINE)
    assert re.findall(r"^export .*", text, re.MULTILINE) == ["export default {"]
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names))  # files share one scope
    assert text.count("\n") <= 2150  # all of it is to be read in one sitting


def test_a_page_that_says_hello_draws_by_itself(panel: LivePanel) -> None:
    page = Page(panel)
    panel.start()
    panel.wait(60)
    assert page.heard == []
    assert "<svg" in panel._view.curves.value  # for pages that cannot
    page.say(kind="hello")
    until(lambda: page.heard)
    message, (numbers, ) = page.heard[0]
    assert message["facts"]["anew"] is True
    until(lambda: page.facts["words"].startswith("Done with"))
    assert len(np.frombuffer(numbers, np.float32)) >= 2 * 60
    assert panel._view.curves.value == panel._view.words.value == ""


def test_a_question_is_answered_at_once_also_where_nothing_is_new(panel: LivePanel) -> None:
    page = Page(panel)
    page.say(kind="hello")
    until(lambda: page.heard)
    page.say(kind="ask", number=7)
    until(lambda: page.facts.get("heard") == 7)


def test_orders_of_a_page_are_carried_out(panel: LivePanel) -> None:
    page = Page(panel)
    page.say(kind="hello")
    panel.turn(max_steps=10**8)
    until(lambda: panel.run is not None and panel.run.steps_done > 40)
    page.say(kind="network", shown=True)
    until(lambda: "network" in page.kinds())
    page.say(kind="visit", step=20)
    panel.wait(60)
    until(lambda: page.facts["moment"] == 20)
    first = panel.run
    page.say(kind="rewind")
    until(lambda: panel.run is not first and panel.run.steps_done > 25)
    until(lambda: [20, "rewind", "goes on from run 1"] in page.facts["runs"][-1]["flags"])
    page.say(kind="pin", number=1, pinned=True)
    assert panel.runs[1].pinned
    page.say(kind="network", shown=False)
    panel.stop()
    panel.wait(60)
    assert not panel._session.inspector.network_open


def test_a_typed_number_is_answered_and_trains(panel: LivePanel) -> None:
    page = Page(panel)
    page.say(kind="hello")
    page.say(kind="type", knob="batch_size", text="20")
    panel.wait(60)
    assert panel.run.settings.batch_size == panel.sliders["batch_size"].value == 20
    assert [one["says"] for one, _ in page.heard if one["kind"] == "typed"] == [""]
    until(lambda: page.facts["knobs"]["batch_size"] == "20")
    page.say(kind="type", knob="lr", text="99")
    panel.wait(60)
    assert panel.settings.lr == 10.0
    (answer, ) = [one for one, _ in page.heard if one.get("knob") == "lr"]
    assert answer["says"] == "99 became 10: learning rate takes 0.0001 to 10."
    assert answer["text"] == "10"  # the next frame may come later
    page.say(kind="type", knob="model", text="3")  # a menu
    page.say(kind="type", knob="no such", text="3")
    assert panel.settings.lr == 10.0


def test_sliders_that_a_page_holds_make_one_run(panel: LivePanel) -> None:
    page = Page(panel)
    panel.start()
    panel.wait(60)
    page.say(kind="hold", held=True)
    for rate in (0.1, 0.2, 0.3):
        panel.sliders["lr"].value = rate
        panel.wait(60)
    page.say(kind="hold", held=False)
    assert [branch.run.newest.lr for branch in panel.runs] == [0.05, 0.3]
    page.say(kind="hold", held=True)
    page.say(kind="hello")  # the page was loaded anew, and holds nothing
    assert not panel._session.gesture._held


def test_two_branches_are_made_where_a_slider_is_let_go(panel: LivePanel) -> None:
    panel.mode = "fork"
    assert not panel.sliders["lr"].continuous_update
    assert not panel.sliders["weight_decay"].continuous_update  # of a group that was folded
    panel.mode = "restart"
    assert panel.sliders["lr"].continuous_update


def test_a_page_draws_a_digit_and_gets_it_back_as_the_network_sees_it() -> None:
    panel = LivePanel(load("mnist").subset(300), SHORT)
    page = Page(panel)
    page.say(kind="hello")
    paper = np.zeros((56, 56), np.uint8)
    paper[10:40, 25:30] = 255
    page.front._handle_custom_msg({"kind": "draw", "side": 56}, [memoryview(paper.tobytes())])
    (_, (sample, )), = [one for one in page.heard if one[0]["kind"] == "drawn"]
    assert len(sample) == 28 * 28
    panel.start()
    panel.wait(60)
    until(lambda: len(page.facts.get("opinion", ())) == 10)
    assert abs(sum(page.facts["opinion"]) - 1000) < 10
    page.say(kind="draw nothing")
    until(lambda: page.facts["opinion"] == ())
    panel.close()


def test_a_unit_is_shown_with_what_excites_it() -> None:
    panel = LivePanel(load("mnist").subset(300), SHORT)
    page = Page(panel)
    page.say(kind="hello")
    page.say(kind="network", shown=True)
    page.say(kind="unit", path="1", number=3)
    panel.start()
    panel.wait(60)

    def unit() -> Any:
        return next((one["look"]["unit"] for one, _ in reversed(page.heard) if one["kind"] == "network"), None)

    until(lambda: unit() and unit()["number"] == 3)
    found = unit()
    assert (found["units"], found["shape"], len(found["means"])) == (16, [9, 1, 28, 28], 10)
    assert found["values"] == sorted(found["values"], reverse=True)
    page.say(kind="unit", path="1", number=999)  # there are 16
    until(lambda: unit()["number"] == 15)
    page.say(kind="no unit")
    until(lambda: unit() is None)
    panel.close()


def test_a_curve_drawn_on_the_page_is_a_guess_and_opens_the_lock(blobs: Data) -> None:
    panel = LivePanel(blobs, SHORT, predict="val_accuracy")
    page = Page(panel)
    page.say(kind="hello")
    page.say(kind="guess", column="val_accuracy", steps=[0, 30, 60], values=[0.3, 0.8, 0.9])
    until(lambda: page.facts.get("guessed"))
    assert not panel._session.locked
    panel.start()
    panel.wait(60)
    until(lambda: "Your curve of the validation accuracy is" in page.facts["words"])
    page.say(kind="no guess")
    until(lambda: not page.facts["guessed"])
    panel.close()


@pytest.mark.parametrize("message", [
    {"kind": "draw", "side": 3}, {"kind": "guess", "column": "?", "steps": [1], "values": [1]},
    {}, {"kind": "visit", "step": "x"}, {"kind": "pin", "number": 99, "pinned": True},
    {"kind": "network"}, {"kind": "type", "knob": "lr"}, {"kind": "hold", "held": 2}, {"kind": "?"}])
def test_what_makes_no_sense_is_left_alone(panel: LivePanel, message: dict[str, Any]) -> None:
    page = Page(panel)
    page.say(**message)
    assert panel._session.phase == "idle"


def test_without_anywidget_the_curves_come_as_svg(blobs: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "recipe_widgets.panels.front_widget")
    panel = LivePanel(blobs, SHORT)
    assert panel._view.front is None
    panel.start()
    panel.wait(60)
    until(lambda: "<svg" in panel._view.curves.value)
    panel.close()


GRAPHICS = ("train", "val", "other-train", "other-val", "ghost-train", "ghost-val", "pin1", "pin2", "pin3",
            "pin4", "line-guess", "accent", "border")
TEXTS = ("ink", "soft", "alarm", "accent")


def colours() -> list[dict[str, str]]:
    """The colours of the light style, and of the dark one in both of its places."""
    text = (FOLDER / "front.css").read_text(encoding="utf-8")
    blocks = re.findall(r"\{([^{}]*--rf-train:[^{}]*)\}", text)
    return [dict(re.findall(r"--rf-([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks]


def luminance(colour: str) -> float:
    """Relative luminance after WCAG 2.1."""
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055)**2.4
                        for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_measured_as_wcag_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize(("number", "grounds"), [(0, ("#ffffff", "#f6f7f9")),
                                                 (1, ("#111111", "#1d2125")),
                                                 (2, ("#111417", "#1d2125"))])
def test_every_curve_and_text_stands_out_from_its_ground(number: int, grounds: tuple[str, ...]) -> None:
    style = colours()[number]
    for ground in grounds:
        for name in GRAPHICS:
            assert contrast(style[name], ground) >= 3.0, name
        for name in TEXTS:
            assert contrast(style[name], ground) >= 4.5, name


def test_both_dark_styles_are_one() -> None:
    _, chosen, asked_for = colours()
    assert {**asked_for, "ground": ""} == {**chosen, "ground": ""}
