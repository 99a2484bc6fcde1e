"""The widgets of notebooks 01 and 02, driven from code as the page would."""

from __future__ import annotations

import re

import numpy as np
import pytest

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.lessons.nb01_know_your_data.labelling import labelling
from recipe_widgets.lessons.nb02_skeleton_and_baselines.loss_shapes import loss_shapes
from recipe_widgets.models import build_model
from recipe_widgets.panels import DataBrowser, Dials, Labeller, LossDice, LossShapes

SMALL = Settings(width=8, max_steps=10)


def test_browser_filters_sorts_and_turns_pages(blobs: Data) -> None:
    browser = DataBrowser(blobs)
    assert len(browser.rows) == 400
    assert browser.pages == 3
    assert browser.shown == list(range(144))
    browser.label.value = "low"
    assert {browser.table.label(row) for row in browser.rows} == {"low"}
    browser.sort.value, browser.descending.value = "brightness", True
    values = browser.table.columns["brightness"][browser.rows]
    assert (np.diff(values) <= 0).all()
    middle = float(np.median(values))
    browser.limits.value = (middle, browser.limits.max)
    assert 0 < len(browser.rows) < len(values)
    browser.split.value = "validation"
    assert browser.table.split.size == 100
    assert len(browser.rows) == int(
        (blobs.validation.y == 2).sum()), "a new column or split begins without limits"
    browser.close()


def test_browser_pages_stop_at_the_ends(blobs: Data) -> None:
    browser = DataBrowser(blobs)
    browser.buttons["back"].click()
    assert browser.page.value == 1
    for _ in range(5):
        browser.buttons["on"].click()
    assert browser.page.value == 3
    assert browser.shown == list(range(288, 400))
    assert [tile.disabled for tile in browser.tiles].count(False) == 112
    browser.sort.value = "contrast"
    assert browser.page.value == 1, "another order begins at its first page"
    browser.close()


def test_pressing_a_picture_tells_about_it(blobs: Data) -> None:
    browser = DataBrowser(blobs, build_model(SMALL, blobs.shape, 3))
    browser.sort.value, browser.descending.value = "loss", True
    row = browser.shown[5]
    browser.tiles[5].click()
    assert f"train, row {row}" in browser.details.value
    assert f"number in the original set: {int(blobs.train.index[row])}" in browser.details.value
    assert "nats" in browser.details.value
    assert browser.press(1000) == ""
    assert browser.tiles[5].tooltip.endswith(f"row {row}")
    assert str(len(browser.shown)) in browser.plot().alt
    browser.close()


def test_an_empty_page_shows_nothing(blobs: Data) -> None:
    browser = DataBrowser(blobs)
    other = next(row for row in range(5, 300) if browser.table.label(row) != "top")
    browser.label.value = "top"
    browser.limits.value = (other - 0.4, other + 0.4)
    assert len(browser.rows) == 0
    assert all(tile.disabled for tile in browser.tiles)
    assert "0 of 400 pictures" in browser._words.value
    browser.close()


def test_labeller_takes_keys_buttons_and_backspace(blobs: Data) -> None:
    labeller = Labeller(blobs, count=6)
    assert "round 1: 0" in repr(labeller)
    labeller.keys.value = "0"
    labeller.buttons[2].click()
    assert labeller.labels.texts[0] == "02"
    labeller.keys.value = "0"  # as backspace does
    assert labeller.labels.texts[0] == "0"
    labeller.keys.value = "0z91"
    assert labeller.keys.value == "01", "keys that no class has are dropped"
    assert "Picture 3 of 6" in labeller.words
    labeller.type("000000")
    assert len(labeller.labels.texts[0]) == 6
    assert "95% interval" in labeller.words
    labeller.turn.value = 1
    assert labeller.keys.value == ""
    labeller.type("111111")
    assert "kappa" in labeller.words
    labeller.turn.value = 0
    assert labeller.keys.value == "010000"
    assert labelling(blobs, 6).texts == ["010000", "111111"]
    labeller.afresh.click()
    assert labelling(blobs, 6).texts == ["", ""]
    assert labeller.keys.value == ""
    labeller.close()


def test_labeller_shows_no_label_before_the_round_is_done(blobs: Data) -> None:
    labeller = Labeller(blobs, count=5)
    for _ in range(4):
        labeller.type("1")
        assert not re.search("top|low", labeller.words + labeller._picture.value)
    assert not re.search("top|low|middle", labeller.plot().alt)
    labeller.close()


def test_dials_draw_anew() -> None:
    seen: list[tuple[int, str]] = []

    def draw(a: int, b: str):  # type: ignore[no-untyped-def]
        seen.append((a, b))
        return loss_shapes(float(a))

    dials = Dials(draw, {"a": [0, 1], "b": ["x", "y"]}, {"b": "y"})
    before = dials._view.image.value
    dials.sliders["a"].value = 1
    assert seen == [(0, "y"), (1, "y")]
    assert dials._view.image.value != before
    assert repr(dials) == "Dials(a 1, b y)"
    assert dials.plot().alt == loss_shapes(1.0).alt
    dials.close()
    with pytest.raises(RecipeError, match="one of 1, 2"):
        Dials(draw, {"a": [1, 2]}, {"a": 3})
    with pytest.raises(RecipeError, match="no values"):
        Dials(draw, {"a": []})


def test_loss_shapes_follow_their_slider() -> None:
    shapes = LossShapes(score=0.0)
    shapes.sliders["score"].value = 2.0
    assert shapes.plot().alt == loss_shapes(2.0).alt
    assert "back down" in shapes._view.line.value
    shapes.close()


def test_loss_dice_roll_on(blobs: Data) -> None:
    dice = LossDice(blobs, SMALL, rolls=3)
    assert dice.dice.rolls == 3
    dice.button.click()
    assert repr(dice) == "LossDice(blobs, 6 rolls)"
    assert "over 6 initialisations" in dice.plot().alt
    dice.close()
