"""A panel that is closed, or whose cell runs again, leaves nothing in the kernel."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances

from recipe_widgets import Data, Settings, panels
from recipe_widgets.lessons.nb02_skeleton_and_baselines.loss_shapes import loss_shapes
from recipe_widgets.panels import panel_base
from recipe_widgets.panels.panel_base import Panel

MAKE: dict[str, Callable[[Data], Panel]] = {
    "DataBrowser": panels.DataBrowser, "AugmentationGallery": panels.AugmentationGallery,
    "DecisionWalk": lambda _: panels.DecisionWalk(), "Question":
    lambda _: panels.Question("Which?", {"this": "It is.", "that": "It is not."}, "this"), "Dials":
    lambda _: panels.Dials(loss_shapes, {"score": [0.0, 1.0]}), "LossDice":
    lambda data: panels.LossDice(data, Settings(width=8), rolls=2), "Labeller":
    lambda data: panels.Labeller(data, count=4), "ScheduleExplorer":
    lambda _: panels.ScheduleExplorer(), "ActivationExplorer":
    lambda _: panels.ActivationExplorer(),
}


@pytest.fixture
def run_cell(monkeypatch: pytest.MonkeyPatch) -> Callable[[Panel], Any]:
    """Shows a panel as the last line of one cell, which runs anew with each call."""
    class Shell:
        runs = 0

        def get_parent(self) -> dict[str, Any]:
            return {"metadata": {"cellId": "one"}, "header": {"msg_id": str(self.runs)}}

    shell = Shell()
    monkeypatch.setattr(panel_base, "get_ipython", lambda: shell)
    monkeypatch.setattr(panel_base, "_shown", {})

    def run(panel: Panel) -> Any:
        shell.runs += 1
        return panel._repr_mimebundle_()

    return run


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_closing_leaves_no_widget_behind(make: Callable[[Data], Panel], blobs: Data) -> None:
    before = set(_instances)
    panel = make(blobs)
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == repr(panel)
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] in _instances
    panel.close()
    assert set(_instances) - before == set()
    panel.close()


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_a_cell_that_runs_again_closes_and_forgets_its_panel(
        make: Callable[[Data], Panel], blobs: Data, run_cell: Callable[[Panel], Any]) -> None:
    before = set(_instances)
    old = make(blobs)
    run_cell(old)
    first = set(_instances) - before
    new = make(blobs)
    run_cell(new)
    assert set(_instances) & first == set()
    assert new.widget.model_id in _instances
    gone = weakref.ref(old)
    del old
    gc.collect()
    assert gone() is None
    new.close()


def test_a_panel_made_elsewhere_stays_when_the_cell_that_shows_it_runs_again(
        run_cell: Callable[[Panel], Any]) -> None:
    panel = panels.DecisionWalk()
    assert run_cell(panel) == run_cell(panel)
    assert panel.widget.model_id in _instances
    panel.close()
