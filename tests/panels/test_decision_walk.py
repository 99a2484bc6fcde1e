"""The decision path by its buttons."""

from recipe_widgets.lessons.nb08_regularise_the_model.decision_path import QUESTIONS
from recipe_widgets.panels import DecisionWalk


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
