"""Explorers whose places are measured on the trainer thread."""

from __future__ import annotations

import pytest

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.lessons.nb05_overfit.learning_curves import AccuracyCurve, CurvePoint
from recipe_widgets.panels import (
    CapacityExplorer,
    LearningCurve,
)

SHORT = Settings(width=8, max_steps=20, batch_size=32)


@pytest.mark.usefixtures("no_leaked_threads")
def test_a_place_is_measured_when_it_is_visited(blobs: Data) -> None:
    panel = LearningCurve({"blobs, MLP": (blobs, SHORT)}, seeds=2)
    assert "Not measured yet" in panel.words
    with pytest.raises(RecipeError, match="nothing measured"):
        panel.plot()
    panel.controls["n"].value = 30
    panel.buttons["measure"].click()
    assert panel.buttons["measure"].description == "Measuring …"
    curve = panel.wait(60)
    assert list(curve.points) == [("blobs, MLP", 30)]
    assert "30 samples: training" in panel.words
    assert "n = 2 seeds" in panel.words
    assert "blobs, MLP" in panel.plot().alt
    panel.close()
    panel.close()


@pytest.mark.usefixtures("no_leaked_threads")
def test_capacity_takes_known_points(blobs: Data) -> None:
    known = AccuracyCurve("units", 1 / 3, {("30 samples", 8): CurvePoint((1.0,), (0.6,))})
    panel = CapacityExplorer(blobs, SHORT, seeds=1, known=known)
    panel.controls["samples"].value = "30 samples"
    panel.controls["width"].value = 8
    assert "validation 60 % (60 to 60)" in panel.words
    panel.measure(("10 samples", 4), ("30 samples", 2))
    assert set(panel.wait(60).points) == {("30 samples", 8), ("10 samples", 4), ("30 samples", 2)}
    assert set(known.points) == {("30 samples", 8)}
    panel.close()
