"""The panels on losses, and the sliders of a notebook's own."""

from __future__ import annotations

import pytest

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.lessons.nb02_skeleton_and_baselines.loss_shapes import loss_shapes
from recipe_widgets.panels import Dials, LossDice, LossShapes

SMALL = Settings(width=8, max_steps=10)


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
