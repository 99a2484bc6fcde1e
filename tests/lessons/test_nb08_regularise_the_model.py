"""Notebook 08: its pictures of a learner's own numbers, and the path of questions."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from recipe_widgets import RecipeError
from recipe_widgets.lessons import nb08_regularise_the_model as lesson
from recipe_widgets.lessons.common.recorded import recorded
from recipe_widgets.lessons.nb08_regularise_the_model.decision_path import (
    MEASURES,
    QUESTIONS,
    DecisionPath,
)


def test_fits_say_where_both_losses_end_and_where_the_lowest_is() -> None:
    run = {"train_loss": [4.0] * 10 + [1.0] * 40, "val_loss": ([9, 29, 49], [2.0, 1.5, 3.0])}
    shown = lesson.draw_fits({"A": run, "B": run}, "Two runs", {"A": 29})
    assert "A: training loss ends at 1.00, validation loss at 3.00, lowest 1.50 at step 29" in shown.alt
    assert shown.png()[:4] == b"\x89PNG"
    with pytest.raises(RecipeError, match="curves"):
        lesson.draw_fits({})
    with pytest.raises(RecipeError, match="Curves of 'A'"):
        lesson.draw_fits({"A": {"train_loss": [1.0]}})


def test_a_knob_shows_the_mean_of_its_seeds() -> None:
    shown = lesson.draw_by_knob({"training": {0: [100.0, 98.0], 0.3: [90.0, 92.0]}}, "weight decay",
                                "right (%)", "Decay")
    assert shown.alt == "right (%) by weight decay. training: 0: 99, 0.3: 91."


def test_regimes_show_each_gain_with_the_verdict_of_its_record() -> None:
    study = recorded("regularise_few")
    shown = lesson.draw_regimes({"few": study}, "Gains")
    one = study.answer("Dropout helps with 1,000 images")
    gain = 100 * sum(found.difference for found in one.found) / 2
    assert f"few, dropout: {gain:+.1f} points, {one.verdict}" in shown.alt
    assert shown.alt.count("points") == len(study.answers)


def test_the_path_ends_at_the_first_no_and_then_stays() -> None:
    path = DecisionPath()
    assert (path.here, path.ended) == (0, False)
    assert QUESTIONS[0].ask in path.advice
    stuck = path.answer("yes", "it falls").answer("no", "80 %")
    assert stuck.ended
    assert stuck.advice == QUESTIONS[1].otherwise
    assert stuck.answer("yes") is stuck
    done = path.answer("yes").answer("yes").answer("yes")
    assert done.ended
    assert "more real data" in done.advice
    assert all(way.link in done._repr_html_() for way in (*QUESTIONS, *MEASURES))
    assert "(it falls)" in str(stuck)
    assert stuck.plot().png()[:4] == b"\x89PNG"


def test_the_links_of_the_path_lead_to_sections_of_our_notebooks() -> None:
    folder = Path(__file__).parents[2] / "notebooks"
    for link in {
            link for way in (*QUESTIONS, *MEASURES) for link in (way.link, way.other_link)
            if "#" in link
    }:
        name, anchor = link.split("#")
        headings = re.findall(
            r"^#+ (.+)$", "\n".join(cell.source
                                    for cell in nbformat.read(folder / name, as_version=4).cells
                                    if cell.cell_type == "markdown"), re.M)
        assert anchor in {re.sub(r"\s", "-", heading) for heading in headings}, link
