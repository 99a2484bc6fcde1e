from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.lessons.nb05_overfit.learning_curves import Curve, Point
from recipe_widgets.live import MeasurementQueue
from recipe_widgets.panels import (
    CapacityExplorer,
    ConvExplorer,
    KernelFilters,
    LearningCurve,
    OptimizerBowl,
    ScheduleExplorer,
)

SHORT = Settings(width=8, max_steps=20, batch_size=32)


def test_every_control_draws_anew(blobs: Data) -> None:
    explorer = ConvExplorer(blobs)
    for name, value, says in (("kernel", "box", "box turns"), ("padding", 1, "2·1"),
                              ("stride", 2, "// 2"), ("pooling", "max", "max-pooling"),
                              ("number", 3, "box"), ("kernel", "your own", "your own turns")):
        explorer.controls[name].value = value
        assert says in explorer.words
    explorer.controls["own"].value = "1 1 1 1"
    assert "(8 + 2·1 - 2) // 2 + 1 = 5" in explorer.plot().alt
    explorer.close()


def test_a_slip_is_said_and_the_picture_stays(blobs: Data) -> None:
    explorer = ConvExplorer([blobs])
    explorer.controls["kernel"].value = "your own"
    before = explorer.picture
    explorer.controls["own"].value = "1 2 banana"
    assert "numbers with spaces" in explorer.words
    assert explorer.picture is before
    explorer.controls["own"].value = "0 0 0 0 1 0 0 0 0"
    assert explorer.problem == ""
    with pytest.raises(RecipeError):
        ConvExplorer("mnist")


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


def test_filters_side_by_side(blobs: Data) -> None:
    explorer = KernelFilters([blobs, blobs])
    assert explorer.words.startswith("2 images through the kernels identity, edge")
    explorer.controls["kernels"].value = ("box", "edge")
    explorer.controls["times"].value = 3
    assert explorer.words == "2 images through the kernels box, edge, 3 times over."
    explorer.controls["kernels"].value = ()
    assert "at least one" in explorer.words
    with pytest.raises(RecipeError):
        KernelFilters([])
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


@pytest.mark.usefixtures("no_leaked_threads")
def test_a_place_is_measured_when_it_is_visited(blobs: Data) -> None:
    panel = LearningCurve({"blobs, MLP": (blobs, SHORT)}, seeds=2)
    assert "Not measured yet" in panel.words
    with pytest.raises(RecipeError, match="nothing measured"):
        panel.plot()
    panel.controls["n"].value = 30
    panel.buttons["measure"].click()
    curve = panel.wait(60)
    assert list(curve.points) == [("blobs, MLP", 30)]
    assert "30 samples: training" in panel.words
    assert "n = 2 seeds" in panel.words
    assert "blobs, MLP" in panel.plot().alt
    panel.close()
    panel.close()


@pytest.mark.usefixtures("no_leaked_threads")
def test_capacity_takes_known_points(blobs: Data) -> None:
    known = Curve("units", 1 / 3, {("30 samples", 8): Point((1.0,), (0.6,))})
    panel = CapacityExplorer(blobs, SHORT, seeds=1, known=known)
    panel.controls["samples"].value = "30 samples"
    panel.controls["width"].value = 8
    assert "validation 60 % (60 to 60)" in panel.words
    panel.measure(("10 samples", 4), ("30 samples", 2))
    assert set(panel.wait(60).points) == {("30 samples", 8), ("10 samples", 4), ("30 samples", 2)}
    assert set(known.points) == {("30 samples", 8)}
    panel.close()


@pytest.mark.usefixtures("no_leaked_threads")
def test_the_newest_question_goes_first_and_answers_are_kept() -> None:
    ended, begun, gate = [], threading.Event(), threading.Event()

    def work(name: str) -> Iterator[str]:
        if name == "c":
            begun.set()
        while not gate.is_set():
            time.sleep(0.001)
            yield ""
        ended.append(name)
        yield name.upper()

    queue = MeasurementQueue(work)
    for name in "abc":
        queue.request(name)
    assert begun.wait(20)
    gate.set()
    assert queue.wait(20) == {"a": "A", "b": "B", "c": "C"}
    assert ended == ["c", "b", "a"]
    queue.request("a")
    assert not queue.has_command
    queue.close()
    queue.request("d")
    assert not queue.has_command


@pytest.mark.usefixtures("no_leaked_threads")
def test_a_failing_question_is_said_and_the_others_go_on() -> None:
    def work(number: int) -> Iterator[float]:
        yield 1 / number

    queue = MeasurementQueue(work)
    queue.request(0)
    queue.wait(20)
    queue.request(2)
    assert queue.wait(20) == {2: 0.5}
    assert "ZeroDivisionError" in queue.problem
    queue.close()
