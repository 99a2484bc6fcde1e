"""Explorers of optimisers and schedules, driven from code."""

from __future__ import annotations

from recipe_widgets import Settings
from recipe_widgets.panels import (
    OptimizerBowl,
    ScheduleExplorer,
)


def test_the_bowl_races_who_is_chosen() -> None:
    explorer = OptimizerBowl()
    explorer.controls["names"].value = ("sgd",)
    assert "sgd (lr" in explorer.words
    assert "adam" not in explorer.words
    assert explorer.controls["lr"].disabled
    explorer.controls["tuned"].value = False
    assert not explorer.controls["lr"].disabled
    explorer.controls["lr"].value = 1.0
    assert "All diverged: sgd" in explorer.words
    for surface in ("saddle", "banana", "plateau"):
        explorer.controls["surface"].value = surface
        assert explorer.problem == ""
    explorer.controls["names"].value = ()
    assert "at least one" in explorer.words
    explorer.close()


def test_schedules_become_settings() -> None:
    explorer = ScheduleExplorer(Settings(schedule="linear", lr=0.2, max_steps=400))
    explorer.controls["warmup"].value = 50
    assert explorer.settings - Settings(schedule="linear", lr=0.2, max_steps=400) == {
        "warmup": (50, 0)
    }
    explorer.controls["schedule"].value = "onecycle"
    assert "schedule onecycle" in explorer.words
    explorer.close()
