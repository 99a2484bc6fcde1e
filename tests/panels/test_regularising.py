"""The widgets of notebooks 07 and 08, worked from code."""

import pytest

from recipe_widgets import Data, RecipeError
from recipe_widgets.lessons.nb08_regularise_the_model.decision_path import QUESTIONS
from recipe_widgets.panels import AugmentationGallery, DecisionWalk


def test_gallery_redraws_for_every_control(blobs: Data) -> None:
    shown = AugmentationGallery(blobs, ways=("flip",), count=3)
    pictures = [shown._view.image.value]
    for change in (lambda: setattr(shown.menu, "value", ("crop", "erase")),
                   lambda: setattr(shown.strength, "value", 3.0),
                   lambda: setattr(shown.draw, "value", 5)):
        change()
        assert shown._view.image.value not in pictures
        pictures.append(shown._view.image.value)
    assert shown.augment == "crop+erase"
    assert "crop+erase, strength 3" in shown._view.line.value
    assert "crop+erase" in shown.plot().alt
    assert repr(shown) == "AugmentationGallery(blobs: crop+erase, strength 3)"
    shown.menu.value = ()
    assert shown.augment == "none"
    with pytest.raises(RecipeError, match="some of"):
        AugmentationGallery(blobs, ways=("turn",))


def test_walk_goes_forth_and_back() -> None:
    walk = DecisionWalk()
    assert QUESTIONS[0].ask in walk._words.value
    assert walk.buttons["back"].disabled
    walk.buttons["yes"].click()
    assert QUESTIONS[1].ask in walk._words.value
    walk.buttons["no"].click()
    assert walk.path.answers == ("yes", "no")
    assert walk.buttons["yes"].disabled
    assert QUESTIONS[1].otherwise in walk._words.value
    walk.buttons["back"].click()
    assert walk.path.answers == ("yes",)
    assert walk.answer("yes").startswith("Next question")
    assert "more real data" in walk.answer("yes")
    assert "picture" in repr(walk.plot())
