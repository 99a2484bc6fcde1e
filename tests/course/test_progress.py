"""Progress and predictions survive, stand damage, show on the map, and can be reset."""

from __future__ import annotations

import pytest

from recipe_widgets.core import RecipeError
from recipe_widgets.core.files import state_folder
from recipe_widgets.course import answer, check, progress
from recipe_widgets.course.contents import EXERCISES_OF
from recipe_widgets.course.exercises import exercise_named
from recipe_widgets.course.questions import predict
from recipe_widgets.panels import Question
from recipe_widgets.plots import RecipeMap


def test_progress_is_kept_shown_and_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    check(exercise_named("accuracy").reference)
    assert progress().of("accuracy").accepted
    assert progress().done_in("00_start_here") == (1, len(EXERCISES_OF["00_start_here"]))
    assert "✓ accuracy" in str(progress())
    monkeypatch.setitem(EXERCISES_OF, "05_overfit", ("accuracy", "train_epoch"))
    page = RecipeMap("notebooks")._repr_html_()
    assert "1 of 2 exercises done" in page
    assert "done so far: 2 of" in page  # once in 00, once in the list of this test
    assert "exercises" not in RecipeMap("notebooks", with_progress=False)._repr_html_()
    progress().reset()
    assert not progress().of("accuracy").accepted


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"exercises": 3}', "\x00",
                                    '{"exercises": {"accuracy": {}}, "predictions": {}}'])
def test_a_damaged_file_counts_as_none(damage: str) -> None:
    (state_folder() / "progress.json").write_text(damage)
    assert progress().exercises == {}
    check(exercise_named("accuracy").reference)
    assert progress().of("accuracy").accepted


def test_a_prediction_is_kept_and_answered_after_the_measurement() -> None:
    assert "no prediction" in answer("which_program")
    asked = Question("which_program")
    assert "softmax" not in asked.choose("A")  # nothing is given away
    assert "You said: A" in answer("which_program")
    asked.choose("B")
    assert "You said: B. Yes." in answer("which_program")
    with pytest.raises(RecipeError, match="one of"):
        predict("which_program", "Z")
    with pytest.raises(RecipeError, match="one of"):
        Question("no such question")
